//! One direction of a connection as a bystander sees it: which bytes have passed, which holes are
//! open, what was promised and acknowledged. Numbers are relative: SYN is 0, the first byte is 1.

use std::ops::Range;

use handfast_packet::Instant;
use handfast_packet::tcp::{SeqNumber, TcpFlags, TcpHeader};

use crate::numbers::nearest;
use crate::summary::Traffic;

/// Most holes remembered for one direction. When one more opens, the oldest is forgotten, and
/// what fills it later counts as a retransmission.
pub const HOLES_MAX: usize = 1_024;

/// Bytes that had not passed yet when later ones did.
#[derive(Clone, Debug)]
struct Hole {
    range: Range<u64>,
    seen_at: Instant,
}

/// How the bytes of a segment relate to those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// No bytes at all.
    Nothing,
    /// The next ones.
    New,
    /// They lie behind a hole that they open; it has so many bytes.
    BehindNewHole(u64),
    /// The next ones, but a hole opened earlier is still there.
    BehindHole,
    /// They fill a hole, wholly or in part, that was seen at this time.
    Fills {
        hole_seen_at: Instant,
        all_closed: bool,
    },
    /// All of them had passed before.
    Again,
}

/// What one side has sent, and what the other has said about it.
#[derive(Clone, Debug, Default)]
pub(super) struct Half {
    /// The wire number that is 0 here; `None` until it can be told.
    start: Option<u32>,
    /// The SYN was seen, not only guessed.
    pub(super) syn: bool,
    /// Window scale shift from the SYN.
    pub(super) scale: Option<u8>,
    /// Behind the last number seen.
    pub(super) next: u64,
    holes: Vec<Hole>,
    /// Number of the FIN.
    pub(super) fin: Option<u64>,
    /// Highest acknowledgment by the other side.
    pub(super) acked: u64,
    /// Right edge of the window that the other side granted; `None` before its first segment.
    pub(super) edge: Option<u64>,
    /// What the other side's last window was, in bytes.
    pub(super) window: Option<u64>,
    /// Duplicate ACKs by the other side in a row.
    pub(super) duplicate_acks: u32,
    pub(super) traffic: Traffic,
}

impl Half {
    /// Learns the first number from this side's own segment.
    pub(super) fn start_at(&mut self, header: &TcpHeader) {
        if header.flags.contains(TcpFlags::SYN) {
            if !self.syn {
                // What was guessed from a stray segment before does not hold.
                *self = Self {
                    traffic: self.traffic,
                    ..Self::default()
                };
                self.start = Some(header.seq.0);
                self.syn = true;
                self.scale = header.options.window_scale.map(|shift| shift.min(14));
            }
        } else if self.start.is_none() && header.flags.contains(TcpFlags::RST) {
            // A refusal has no sequence numbers of its own.
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
            self.acked = 1;
        }
    }

    /// The relative number that `seq` most likely means: the one nearest to what was seen last.
    pub(super) fn relative(&self, seq: SeqNumber) -> u64 {
        nearest(
            seq.0.wrapping_sub(self.start.unwrap_or_default()),
            self.next,
        )
    }

    /// Takes note of the numbers `range`, which passed at `at`.
    pub(super) fn take(&mut self, at: Instant, range: Range<u64>) -> Arrival {
        if range.is_empty() {
            return Arrival::Nothing;
        }
        let next = self.next;
        self.next = next.max(range.end);
        if range.start > next {
            if self.holes.len() == HOLES_MAX {
                self.holes.remove(0);
            }
            self.holes.push(Hole {
                range: next..range.start,
                seen_at: at,
            });
            return Arrival::BehindNewHole(range.start - next);
        }
        if let Some(hole_seen_at) = self.fill(&range) {
            return Arrival::Fills {
                hole_seen_at,
                all_closed: self.holes.is_empty(),
            };
        }
        match (range.end > next, self.holes.is_empty()) {
            (false, _) => Arrival::Again,
            (true, false) => Arrival::BehindHole,
            (true, true) => Arrival::New,
        }
    }

    /// Cuts `range` out of the holes; tells when the first hole that it touched was seen.
    fn fill(&mut self, range: &Range<u64>) -> Option<Instant> {
        if self.holes.is_empty() {
            return None;
        }
        let mut seen_at = None;
        let mut left = Vec::with_capacity(self.holes.len());
        for hole in self.holes.drain(..) {
            if hole.range.end <= range.start || range.end <= hole.range.start {
                left.push(hole);
                continue;
            }
            seen_at = seen_at.or(Some(hole.seen_at));
            let Hole {
                range: Range { start, end },
                seen_at,
            } = hole;
            if start < range.start {
                left.push(Hole {
                    range: start..range.start,
                    seen_at,
                });
            }
            if range.end < end {
                left.push(Hole {
                    range: range.end..end,
                    seen_at,
                });
            }
        }
        left.truncate(HOLES_MAX);
        self.holes = left;
        seen_at
    }

    /// Up to where everything has passed.
    pub(super) fn in_order(&self) -> u64 {
        self.holes
            .iter()
            .map(|hole| hole.range.start)
            .min()
            .unwrap_or(self.next)
    }

    /// Whether the FIN has passed and everything before it.
    pub(super) fn ended(&self) -> bool {
        self.fin.is_some_and(|fin| self.in_order() > fin)
    }

    /// Whether the other side has acknowledged the FIN.
    pub(super) fn end_acked(&self) -> bool {
        self.fin.is_some_and(|fin| self.acked > fin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Instant = Instant::from_millis(5);

    fn half(next: u64) -> Half {
        Half {
            start: Some(u32::MAX),
            next,
            ..Half::default()
        }
    }

    #[test]
    fn numbers_are_relative_across_the_wrap_and_beyond_four_gibibytes() {
        assert_eq!(half(0).relative(SeqNumber(u32::MAX)), 0);
        assert_eq!(half(0).relative(SeqNumber(4)), 5);
        let far = 3 * (1 << 32) + 7;
        assert_eq!(half(far).relative(SeqNumber(7)), far + 1);
        assert_eq!(half(far).relative(SeqNumber(u32::MAX)), far - 7);
    }

    #[test]
    fn holes_open_close_and_split() {
        let mut half = half(1);
        assert_eq!(half.take(AT, 1..101), Arrival::New);
        assert_eq!(half.take(AT, 401..501), Arrival::BehindNewHole(300));
        assert_eq!(half.take(AT, 501..601), Arrival::BehindHole);
        assert_eq!(half.in_order(), 101);
        let fills = |all_closed| Arrival::Fills {
            hole_seen_at: AT,
            all_closed,
        };
        assert_eq!(half.take(AT, 201..301), fills(false));
        assert_eq!(half.take(AT, 201..301), Arrival::Again);
        assert_eq!(half.take(AT, 101..201), fills(false));
        assert_eq!(half.in_order(), 301);
        assert_eq!(half.take(AT, 301..401), fills(true));
        assert_eq!(half.in_order(), 601);
        assert_eq!(half.take(AT, 1..1), Arrival::Nothing);
    }

    #[test]
    fn holes_are_bounded() {
        let mut half = half(1);
        for index in 1..=u64::try_from(2 * HOLES_MAX).unwrap() {
            half.take(AT, 10 * index..10 * index + 1);
        }
        assert_eq!(half.holes.len(), HOLES_MAX);
    }
}
