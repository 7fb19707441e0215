//! What the facts so far said of one connection, as far as the words for the next one need it:
//! where its numbers begin, its windows, its phase. Nothing is concluded from it.

use handfast_packet::tcp::SeqNumber;
use handfast_tcp::{Arrival, Control, Departure, Fact, RecoveryPhase, State, WindowCause};

use super::kind::Kind;
use crate::numbers::nearest;

/// One connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Track {
    pub(super) ours: Numbers,
    pub(super) theirs: Numbers,
    /// The state in which it began, until its first segment.
    pub(super) opened: Option<State>,
    /// cwnd; `None` before it was told.
    pub(super) window: Option<u64>,
    pub(super) pacing: u64,
    pub(super) in_flight: u32,
    /// What the peer announced last.
    pub(super) peer_window: u32,
    pub(super) phase: RecoveryPhase,
    /// The last reduction was taken back by the present segment.
    pub(super) undone: bool,
    /// Bytes and pieces of the last loss.
    pub(super) lost: (u64, u32),
}

impl Default for Track {
    fn default() -> Self {
        Self {
            ours: Numbers::default(),
            theirs: Numbers::default(),
            opened: None,
            window: None,
            pacing: 0,
            in_flight: 0,
            peer_window: 0,
            phase: RecoveryPhase::Open,
            undone: false,
            lost: (0, 0),
        }
    }
}

/// The sequence numbers of one direction: SYN is 0, the first byte is 1, as the ladder has them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers {
    start: Option<u32>,
    /// Behind the last one.
    pub(super) next: u64,
}

impl Numbers {
    /// The place of `seq`. Who has seen no SYN takes the first number for that of the first byte.
    pub(super) fn place(&self, seq: SeqNumber) -> u64 {
        let start = self.start.unwrap_or_else(|| seq.0.wrapping_sub(1));
        nearest(seq.0.wrapping_sub(start), self.next)
    }

    fn see(&mut self, seq: SeqNumber, control: Control, len: u64) {
        if control == Control::Syn && self.start != Some(seq.0) {
            *self = Self {
                start: Some(seq.0),
                next: 0,
            };
        }
        self.learn(seq);
        self.next = self.next.max(self.place(seq) + len);
    }

    /// What the other side says of these numbers tells where they begin, if nothing did so before.
    fn learn(&mut self, next: SeqNumber) {
        self.start.get_or_insert(next.0.wrapping_sub(1));
    }
}

impl Track {
    /// Takes note of a segment, before its words are chosen.
    pub(super) fn segment(&mut self, fact: &Fact) {
        match *fact {
            Fact::Sent(Departure {
                seq,
                ack,
                text,
                control,
                in_flight,
                ..
            }) => {
                self.ours.see(seq, control, u64::from(text) + control.len());
                if let Some(ack) = ack {
                    self.theirs.learn(ack);
                }
                self.in_flight = in_flight;
            }
            Fact::Received(Arrival {
                seq,
                ack,
                text,
                control,
                in_flight,
                window,
                ..
            }) => {
                self.theirs
                    .see(seq, control, u64::from(text) + control.len());
                if let Some(ack) = ack {
                    self.ours.learn(ack);
                }
                (self.in_flight, self.peer_window) = (in_flight, window);
            }
            Fact::TimerFired(_) => {}
            _ => return,
        }
        self.undone = false;
    }

    /// Takes note of what else happened, after its words were chosen.
    pub(super) fn note(&mut self, fact: &Fact) {
        match *fact {
            Fact::Opened(ends) => self.opened = Some(ends.state),
            Fact::Recovery { to, .. } => self.phase = to,
            Fact::Lost { bytes, pieces, .. } => self.lost = (bytes, pieces),
            Fact::Spurious => self.undone = true,
            Fact::Congestion { window, pacing, .. } => {
                (self.window, self.pacing) = (Some(window), pacing);
            }
            _ => {}
        }
    }

    /// What a change of the congestion window teaches. While a reduction goes on cwnd follows what
    /// arrives, and where only the pace changed nothing is new.
    pub(super) fn window_kind(&self, window: u64, threshold: u64, by: WindowCause) -> Option<Kind> {
        if by != WindowCause::Acknowledged {
            return Some(Kind::Window(by));
        }
        let reduces = matches!(self.phase, RecoveryPhase::Cwr | RecoveryPhase::Recovery);
        let was = self.window.filter(|&was| was < window && !reduces)?;
        Some(match was < threshold {
            true => Kind::SlowStart,
            false => Kind::Avoidance,
        })
    }
}
