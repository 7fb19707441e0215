//! A run while it goes on: its frames are analysed as they pass, its facts kept.

use std::net::SocketAddr;

use handfast_packet::Instant;
use handfast_packet::buf::Medium;
use handfast_packet::record::{FrameRecord, LossRecord, Recorder};
use handfast_packet::tcp::SeqNumber;
use handfast_tcp::Entry;

use super::Run;
use super::told::Told;
use crate::Language;
use crate::analysis::{Analyser, Connection, Side};
use crate::capture::{Content, Frame, LinkType};
use crate::numbers::nearest;
use crate::pcapng::comment;

/// Most losses that are kept.
pub const LOSSES_MAX: usize = 1_000_000;

/// A segment that the link has lost.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// When.
    pub at: Instant,
    /// Who sent it.
    pub source: SocketAddr,
    /// To whom.
    pub destination: SocketAddr,
    /// SEG.SEQ, as on the wire.
    pub seq: SeqNumber,
    /// Bytes of its text.
    pub len: u32,
}

impl Loss {
    /// What a link tells of a segment; `None` when it was no TCP.
    pub fn of(loss: &LossRecord<'_>, medium: Medium) -> Option<Self> {
        let frame = Frame {
            number: 0,
            at: Some(loss.at),
            link: link(medium),
            bytes: loss.bytes,
            wire_len: u32::try_from(loss.wire_len).unwrap_or(u32::MAX),
            direction: Some(loss.direction),
            comment: None,
        };
        let Content::Tcp(tcp) = Content::of(&frame) else {
            return None;
        };
        Some(Self {
            at: loss.at,
            source: tcp.source,
            destination: tcp.destination,
            seq: tcp.header.seq,
            len: tcp.text_len,
        })
    }

    /// Which side of `connection` sent it, and its number there; `None` when it is of another
    /// connection, or nothing tells what number the wire's is.
    pub(crate) fn place(&self, connection: &Connection) -> Option<(Side, u64)> {
        let [a, b] = connection.ends;
        let side = match (self.source, self.destination) {
            ends if ends == (a, b) => Side::A,
            ends if ends == (b, a) => Side::B,
            _ => return None,
        };
        let start = connection.sent(side).initial_number?;
        let segments = &connection.segments;
        let before = segments.partition_point(|segment| segment.at <= self.at);
        let mut before = segments[..before].iter().rev();
        let near = before.find(|segment| segment.side == side);
        let number = self.seq.0.wrapping_sub(start);
        Some((side, nearest(number, near.map_or(0, |near| near.seq))))
    }
}

/// Collects what passes a device and what its stack tells.
#[derive(Debug)]
pub struct LiveRun {
    medium: Medium,
    frames: u64,
    analyser: Analyser,
    told: Told,
    losses: Vec<Loss>,
}

impl LiveRun {
    /// A run of which nothing has happened; what the stack tells is put into words of `language`.
    pub fn new(medium: Medium, language: Language) -> Self {
        Self {
            medium,
            frames: 0,
            analyser: Analyser::default(),
            told: Told::new(language),
            losses: Vec::new(),
        }
    }

    /// Takes note of what the stack tells; `lost` facts before them are missing.
    pub fn observe(&mut self, facts: &[Entry], lost: u64) {
        self.told.observe(facts, lost);
    }

    /// All of it, as the run that is called `name`. What the clock shows plus `clock_offset` is
    /// nanoseconds since 1970; 0 stands for a virtual clock.
    pub fn finish(self, name: String, clock_offset: u64) -> Run {
        Run {
            name,
            analysis: self.analyser.finish(),
            told: Some(self.told),
            losses: self.losses,
            clock_offset: Some(clock_offset).filter(|&offset| offset > 0),
        }
    }
}

impl Recorder for LiveRun {
    fn record(&mut self, frame: &FrameRecord<'_>) {
        self.frames += 1;
        let comment = comment(frame);
        let wire_len = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
        self.analyser.take(&Frame {
            number: self.frames,
            at: Some(frame.at),
            link: link(self.medium),
            bytes: frame.bytes,
            wire_len,
            direction: Some(frame.direction),
            comment: (!comment.is_empty()).then_some(comment.as_str()),
        });
    }

    fn record_loss(&mut self, loss: &LossRecord<'_>) {
        if self.losses.len() < LOSSES_MAX {
            self.losses.extend(Loss::of(loss, self.medium));
        }
    }
}

const fn link(medium: Medium) -> LinkType {
    match medium {
        Medium::Ethernet => LinkType::ETHERNET,
        Medium::Ip => LinkType::RAW,
    }
}
