//! Sets of numbers of one direction: what is missing, and what the other side holds behind gaps.

use std::ops::Range;

use handfast_packet::Instant;

/// Most gaps remembered for one direction. When one more opens, the oldest is forgotten, and what
/// fills it later counts as sent again.
pub const GAPS_MAX: usize = 4_096;
/// Most SACKed ranges remembered for one direction; the lowest are forgotten first.
pub const SACKED_MAX: usize = 4_096;

/// Numbers that had not passed when later ones did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) range: Range<u64>,
    pub(super) seen_at: Instant,
    /// What the segment said that lay behind it.
    pub(super) opened_by: Opener,
}

/// What tells when a segment was sent, beside others of its sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Opener {
    /// TSval.
    pub(super) timestamp: Option<u32>,
    /// The number of its packet, where the sender counts them.
    pub(super) identification: Option<u16>,
}

/// The gaps of one direction, ascending.
#[derive(Clone, Debug, Default)]
pub(super) struct Gaps(Vec<Gap>);

impl Gaps {
    pub(super) fn open(&mut self, gap: Gap) {
        if self.0.len() == GAPS_MAX {
            self.0.remove(0);
        }
        self.0.push(gap);
    }

    /// How many numbers are missing.
    pub(super) fn len(&self) -> u64 {
        let lengths = self.0.iter().map(|gap| gap.range.end - gap.range.start);
        lengths.sum()
    }

    /// Where the first one begins.
    pub(super) fn first(&self) -> Option<u64> {
        self.0.first().map(|gap| gap.range.start)
    }

    /// How many numbers of `range` are missing.
    pub(super) fn missing_of(&self, range: &Range<u64>) -> u64 {
        let (first, last) = self.touched(range);
        let parts = self.0[first..last].iter();
        parts
            .map(|gap| gap.range.end.min(range.end) - gap.range.start.max(range.start))
            .sum()
    }

    /// Takes `range` out of the gaps; gives the first one that it touched, as it was.
    pub(super) fn fill(&mut self, range: &Range<u64>) -> Option<Gap> {
        let (first, last) = self.touched(range);
        let touched = self.0.get(first..last)?;
        let (front, back) = (touched.first()?.clone(), touched.last()?.clone());
        let mut left = Vec::new();
        if front.range.start < range.start {
            left.push(Gap {
                range: front.range.start..range.start,
                ..front.clone()
            });
        }
        if range.end < back.range.end {
            left.push(Gap {
                range: range.end..back.range.end,
                ..back
            });
        }
        self.0.splice(first..last, left);
        if self.0.len() > GAPS_MAX {
            self.0.remove(0);
        }
        Some(front)
    }

    fn touched(&self, range: &Range<u64>) -> (usize, usize) {
        let first = self.0.partition_point(|gap| gap.range.end <= range.start);
        let last = self.0.partition_point(|gap| gap.range.start < range.end);
        (first, last.max(first))
    }
}

/// Ranges that one side reports to hold behind gaps, ascending and apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Sacked(Vec<Range<u64>>);

impl Sacked {
    /// Adds a range; gives whether something of it is new.
    pub(super) fn add(&mut self, range: Range<u64>) -> bool {
        if range.is_empty() || self.covers(&range) {
            return false;
        }
        // Those that touch or overlap become one.
        let first = self.0.partition_point(|held| held.end < range.start);
        let last = self.0.partition_point(|held| held.start <= range.end);
        let (mut start, mut end) = (range.start, range.end);
        if let [front, ..] = &self.0[first..last] {
            start = start.min(front.start);
        }
        if let [.., back] = &self.0[first..last] {
            end = end.max(back.end);
        }
        let joined = std::iter::once(start..end);
        self.0.splice(first..last, joined);
        if self.0.len() > SACKED_MAX {
            self.0.remove(0);
        }
        true
    }

    /// Everything before `ack` is acknowledged.
    pub(super) fn acked(&mut self, ack: u64) {
        let gone = self.0.partition_point(|held| held.end <= ack);
        self.0.drain(..gone);
        if let Some(front) = self.0.first_mut() {
            front.start = front.start.max(ack);
        }
    }

    pub(super) fn covers(&self, range: &Range<u64>) -> bool {
        let at = self.0.partition_point(|held| held.end < range.end);
        let held = self.0.get(at);
        held.is_some_and(|held| held.start <= range.start && range.end <= held.end)
    }

    /// Behind the highest number held.
    pub(super) fn end(&self) -> Option<u64> {
        self.0.last().map(|held| held.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(range: Range<u64>) -> Gap {
        Gap {
            range,
            seen_at: Instant::from_millis(1),
            opened_by: Opener::default(),
        }
    }

    #[test]
    fn gaps_are_filled_in_parts() {
        let mut gaps = Gaps::default();
        gaps.open(gap(10..20));
        gaps.open(gap(30..40));
        assert_eq!(gaps.missing_of(&(15..35)), 10);
        assert_eq!(gaps.fill(&(20..30)), None);
        assert_eq!(gaps.fill(&(15..35)), Some(gap(10..20)));
        assert_eq!((gaps.first(), gaps.len()), (Some(10), 10));
        assert_eq!(gaps.fill(&(0..100)), Some(gap(10..15)));
        assert_eq!(gaps.first(), None);
    }

    #[test]
    fn sacked_ranges_join() {
        let mut sacked = Sacked::default();
        assert!(sacked.add(30..40) && sacked.add(10..20));
        assert!(!sacked.add(12..20), "nothing of it is new");
        assert!(sacked.covers(&(31..40)) && !sacked.covers(&(15..35)));
        assert!(sacked.add(20..30));
        assert!(sacked.covers(&(10..40)));
        sacked.acked(35);
        assert!(!sacked.covers(&(30..40)) && sacked.covers(&(35..40)));
        assert_eq!(sacked.end(), Some(40));
        sacked.acked(40);
        assert_eq!(sacked.end(), None);
    }

    #[test]
    fn sets_are_bounded() {
        let (mut gaps, mut sacked) = (Gaps::default(), Sacked::default());
        for index in 0..5_000 {
            gaps.open(gap(index * 10..index * 10 + 5));
            sacked.add(index * 10..index * 10 + 5);
        }
        assert_eq!((gaps.0.len(), sacked.0.len()), (GAPS_MAX, SACKED_MAX));
        gaps.fill(&(49_992..49_993));
        assert_eq!(gaps.0.len(), GAPS_MAX);
    }
}
