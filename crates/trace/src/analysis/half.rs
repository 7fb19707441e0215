//! One side of a connection while the capture is read: what it has sent, and what it has said about
//! the other. Numbers are relative: its SYN is 0, its first byte is 1.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use handfast_packet::Instant;
use handfast_packet::tcp::{SeqNumber, TcpFlags, TcpHeader};

use super::mark::Marks;
use super::model::{Sent, SynOptions};
use super::ranges::{Gaps, Sacked};
use super::repair::Repair;
use super::rtt::{Echoes, Timed};
use super::track::Passed;
use crate::capture::TcpFrame;
use crate::numbers::{is_older, nearest};

/// Most segments of one side that are remembered to know a second one of the network's making.
pub const REMEMBERED_MAX: usize = 256;
/// Most retransmissions of one side for which a report of arriving twice is awaited.
pub const AWAITED_MAX: usize = 1_024;
/// How many echoes of timestamps the round trip of the path is the least of.
const ECHOES_KEPT: usize = 8;

/// How far the number of a packet may be from the one before, to be counted: a super-segment of the
/// smallest segments, with acknowledgments between.
const STEP_MAX: u16 = 128;
/// So many steps in a row are no accident.
const COUNTING: u8 = 8;

/// One side.
#[derive(Clone, Debug, Default)]
pub(super) struct Half {
    /// The wire number that is 0 here; `None` until it can be told.
    start: Option<u32>,
    /// Behind the highest number that has passed, window probes aside.
    pub(super) next: u64,
    /// Numbers below that which have not.
    pub(super) gaps: Gaps,
    /// The number of its FIN.
    pub(super) fin: Option<u64>,
    /// The other side had ended when this FIN passed.
    pub(super) closes_last: bool,
    /// When it last sent something that takes numbers.
    pub(super) text_at: Instant,
    /// The highest number that it has acknowledged.
    pub(super) ack: Option<u64>,
    /// Its last window in bytes, and as on the wire.
    pub(super) window: Option<u64>,
    pub(super) raw_window: u16,
    /// Behind the last number that its last segment lets the other side send.
    pub(super) edge: u64,
    /// What it holds behind gaps.
    pub(super) sacked: Sacked,
    /// Duplicate ACKs in a row.
    pub(super) duplicates: u32,
    /// When it last acknowledged something, old or new, while something was outstanding.
    pub(super) answered_at: Instant,
    /// What its last segment was.
    pub(super) last_marks: Marks,
    /// Its last window probe took the next number.
    pub(super) is_probing: bool,
    pub(super) repair: Repair,
    pub(super) timed: Timed,
    pub(super) echoes: Echoes,
    echo_times: VecDeque<Duration>,
    remembered: VecDeque<Fingerprint>,
    /// The last number of its packets, and how many in a row have counted up.
    identification: u16,
    counting: u8,
    /// The packet number of its last segment, if that was an ACK and nothing else.
    ack_number: Option<u16>,
    awaited: VecDeque<Awaited>,
    pub(super) sent: Sent,
}

/// What two segments have in common only when the network made one of the other: a sender would at
/// least count its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fingerprint {
    seq: u32,
    ack: u32,
    len: u32,
    window: u16,
    identification: u16,
    timestamp: Option<u32>,
}

/// The number of a packet of a side that counts them.
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketNumber {
    pub(super) number: u16,
    /// Others were sent between the one before and it, and did not pass.
    pub(super) is_behind_others: bool,
}

/// A retransmission of which it may still be reported that it was in vain.
#[derive(Clone, Debug)]
struct Awaited {
    range: Range<u64>,
    at: Instant,
    /// Its timestamp, until something behind it was acknowledged.
    timestamp: Option<u32>,
    is_acknowledged: bool,
    /// Where it stands among the segments, if they are kept.
    segment: Option<usize>,
}

impl Half {
    /// The number on the wire that is 0 here, if it can be told.
    pub(super) fn start(&self) -> Option<u32> {
        self.start
    }

    /// Learns the first number from this side's own segment.
    pub(super) fn start_at(&mut self, header: &TcpHeader) {
        if header.flags.contains(TcpFlags::SYN) {
            if self.sent.syn.is_none() {
                // What was guessed from a stray segment before does not hold.
                self.start = Some(header.seq.0);
                self.next = 0;
                self.gaps = Gaps::default();
                self.sent.syn = Some(SynOptions {
                    mss: header.options.mss,
                    window_scale: header.options.window_scale,
                    sack_permitted: header.options.sack_permitted,
                    timestamps: header.options.timestamps.is_some(),
                    window: header.window,
                });
            }
        } else if self.start.is_none() && header.flags.contains(TcpFlags::RST) {
            // A refusal has no numbers of its own.
            self.start = Some(header.seq.0);
        } else {
            self.start_from_ack(header.seq);
        }
    }

    /// Learns the first number from what the other side acknowledges.
    pub(super) fn start_from_ack(&mut self, next: SeqNumber) {
        if self.start.is_none() {
            self.start = Some(next.0.wrapping_sub(1));
            self.next = 1;
        }
    }

    /// Whether a SYN with this number is the one that is known already, or may be.
    pub(super) fn is_own_syn(&self, seq: SeqNumber) -> bool {
        self.start.is_none_or(|start| start == seq.0)
    }

    /// The relative number that `seq` most likely means: the one nearest to the highest before.
    pub(super) fn relative(&self, seq: SeqNumber) -> u64 {
        let start = self.start.unwrap_or_default();
        nearest(seq.0.wrapping_sub(start), self.next)
    }

    /// Up to where everything has passed.
    pub(super) fn in_order(&self) -> u64 {
        self.gaps.first().unwrap_or(self.next)
    }

    /// Whether its FIN has passed and everything before it.
    pub(super) fn ended(&self) -> bool {
        self.fin.is_some_and(|fin| self.in_order() > fin)
    }

    /// Whether `other` has acknowledged the FIN of this side.
    pub(super) fn end_acked_by(&self, other: &Self) -> bool {
        self.fin.is_some_and(|fin| other.ack > Some(fin))
    }

    /// A timestamp of this side came back after `time`.
    pub(super) fn echo_took(&mut self, time: Duration) {
        if self.echo_times.len() == ECHOES_KEPT {
            self.echo_times.pop_front();
        }
        self.echo_times.push_back(time);
    }

    /// From here to the other side and back, as measured last. What was idle in between is in it, so of
    /// the echoes the least counts.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        let echo = self.echo_times.iter().copied().min();
        self.sent.rtt.smoothed().max(echo)
    }

    /// Looks at the number of a packet that came in order; gives it where this side counts its packets,
    /// as most systems do. Others draw them at random or have always the same.
    pub(super) fn packet_number(&mut self, tcp: &TcpFrame) -> Option<PacketNumber> {
        let number = tcp.identification?;
        let step = number.wrapping_sub(std::mem::replace(&mut self.identification, number));
        let was_counting = self.is_counting();
        self.counting = if (1..=STEP_MAX).contains(&step) {
            self.counting.saturating_add(1)
        } else {
            0
        };
        self.is_counting().then_some(PacketNumber {
            number,
            is_behind_others: was_counting && step > 1,
        })
    }

    /// Something was sent again: its number is one of those that count up.
    pub(super) fn packet_again(&mut self, tcp: &TcpFrame) {
        let step = tcp
            .identification
            .map(|number| number.wrapping_sub(self.identification));
        if let Some(step) = step.filter(|step| (1..=STEP_MAX).contains(step)) {
            self.identification = self.identification.wrapping_add(step);
        }
    }

    /// Whether the numbers of this side's packets tell their order.
    pub(super) fn is_counting(&self) -> bool {
        self.counting >= COUNTING
    }

    /// Whether the packet number of an ACK says that others were sent between the one before and it.
    /// Anything else than an ACK (`is_ack` is false) ends a row.
    pub(super) fn lacks_acks(&mut self, tcp: &TcpFrame, is_ack: bool) -> bool {
        let number = tcp.identification.filter(|_| is_ack && self.is_counting());
        let before = std::mem::replace(&mut self.ack_number, number);
        let step = number
            .zip(before)
            .map(|(number, before)| number.wrapping_sub(before));
        step.is_some_and(|step| (2..=STEP_MAX).contains(&step))
    }

    /// Whether the segment is a copy that the network made of an earlier one; remembers it.
    pub(super) fn is_copy(&mut self, tcp: &TcpFrame) -> bool {
        let timestamps = tcp.header.options.timestamps;
        let fingerprint = Fingerprint {
            seq: tcp.header.seq.0,
            ack: tcp.header.ack.0,
            len: tcp.text_len,
            window: tcp.header.window,
            identification: tcp.identification.unwrap_or_default(),
            timestamp: timestamps.map(|timestamps| timestamps.value),
        };
        // Without a packet number, or with one that is always zero, nothing is known for sure.
        let is_telling = fingerprint.identification != 0;
        if is_telling && self.remembered.contains(&fingerprint) {
            return true;
        }
        if is_telling {
            if self.remembered.len() == REMEMBERED_MAX {
                self.remembered.pop_front();
            }
            self.remembered.push_back(fingerprint);
        }
        false
    }

    /// The numbers of `range` were sent again by a segment that is at this place.
    pub(super) fn await_report(&mut self, range: Range<u64>, passed: &Passed<'_>) {
        if self.awaited.len() == AWAITED_MAX {
            self.awaited.pop_front();
        }
        self.awaited.push_back(Awaited {
            range,
            at: passed.at,
            timestamp: passed.timestamp(),
            is_acknowledged: false,
            segment: passed.place,
        });
    }

    /// The other side acknowledges all before `ack` at `at`, and echoes a timestamp. When that is older
    /// than any of what was sent again and not acknowledged before, it is an original's: what was sent
    /// again for it was in vain (RFC 3522 3.2). Without timestamps an answer tells that comes sooner
    /// than any could. Gives the places of what was in vain.
    pub(super) fn answered(
        &mut self,
        ack: u64,
        at: Instant,
        echo: Option<u32>,
    ) -> Vec<Option<usize>> {
        let open = self.awaited.iter().filter(|one| !one.is_acknowledged);
        let times = open.filter_map(|one| one.timestamp);
        let oldest = times.reduce(|one, other| if is_older(other, one) { other } else { one });
        let is_original = oldest
            .zip(echo)
            .map(|(oldest, echo)| is_older(echo, oldest));
        let soon = self.sent.rtt.min().unwrap_or_default() / 2;
        let mut in_vain = Vec::new();
        self.awaited.retain_mut(|one| {
            if one.range.end > ack || std::mem::replace(&mut one.is_acknowledged, true) {
                return true;
            }
            let is_told = is_original.unwrap_or_else(|| at.duration_since(one.at) < soon);
            if is_told {
                in_vain.push(one.segment);
            }
            !is_told
        });
        in_vain
    }

    /// The other side reports that it got `range` twice. Gives the place of the first retransmission
    /// of it that is not known to be in vain yet.
    pub(super) fn reported(&mut self, range: &Range<u64>) -> Option<Option<usize>> {
        let overlaps =
            |awaited: &Awaited| awaited.range.start < range.end && range.start < awaited.range.end;
        let found = self.awaited.iter().position(overlaps)?;
        self.awaited.remove(found).map(|awaited| awaited.segment)
    }
}
