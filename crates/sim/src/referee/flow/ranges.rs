//! What a host received of its peer's stream: everything up to a point, and pieces behind it.

/// Most pieces behind holes that are kept; with more, nobody knows any longer what was received.
pub(super) const RANGES_MAX: usize = 4_096;

/// Positions that were received.
#[derive(Debug)]
pub(super) struct Ranges {
    /// Everything before it was received.
    next: i64,
    /// Half-open, sorted, apart from each other and from `next`.
    behind: Vec<(i64, i64)>,
    /// There were too many pieces.
    overflown: bool,
}

impl Ranges {
    /// Everything before `next` was received.
    pub(super) fn new(next: i64) -> Self {
        Self {
            next,
            behind: Vec::new(),
            overflown: false,
        }
    }

    /// Whether an acknowledgment up to `position` is earned.
    pub(super) fn reaches(&self, position: i64) -> bool {
        position <= self.next || self.overflown
    }

    /// The first position that was not received.
    pub(super) fn next(&self) -> i64 {
        self.next
    }

    /// Whether all of `start..end` was received.
    pub(super) fn covers(&self, start: i64, end: i64) -> bool {
        if end <= self.next || self.overflown {
            return true;
        }
        let index = self.behind.partition_point(|range| range.1 < end);
        let found = self.behind.get(index);
        found.is_some_and(|range| range.0 <= start && end <= range.1)
    }

    /// `start..end` was received.
    pub(super) fn add(&mut self, start: i64, end: i64) {
        if end <= start || end <= self.next {
            return;
        }
        let (mut start, mut end) = (start, end);
        let first = self.behind.partition_point(|range| range.1 < start);
        let mut last = first;
        while let Some(range) = self.behind.get(last).filter(|range| range.0 <= end) {
            start = start.min(range.0);
            end = end.max(range.1);
            last += 1;
        }
        if start > self.next {
            if self.behind.len() == RANGES_MAX && first == last {
                self.overflown = true;
                return;
            }
            self.behind.splice(first..last, [(start, end)]);
            return;
        }
        // It joins the front, and so does everything before it.
        self.next = end;
        let joined = self.behind.partition_point(|range| range.1 <= end);
        self.behind.drain(..joined.max(last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_and_the_front_moves() {
        let mut ranges = Ranges::new(1);
        ranges.add(1, 11);
        assert_eq!(ranges.next(), 11);
        ranges.add(21, 31);
        ranges.add(41, 51);
        assert!(ranges.covers(22, 30) && ranges.covers(3, 11) && ranges.covers(41, 51));
        assert!(!ranges.covers(22, 42) && !ranges.covers(10, 12) && !ranges.covers(51, 52));
        ranges.add(31, 41);
        assert!(ranges.covers(21, 51) && !ranges.reaches(12) && ranges.reaches(11));
        ranges.add(5, 21);
        assert_eq!((ranges.next(), ranges.behind.len()), (51, 0));
    }

    #[test]
    fn any_order_gives_what_a_list_of_bytes_gives() {
        let mut random = 7_u64;
        let mut draw = move |below: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            i64::try_from((random >> 33) % below).unwrap()
        };
        for _ in 0..200 {
            let (mut ranges, mut bytes) = (Ranges::new(1), [false; 80]);
            bytes[0] = true;
            for _ in 0..20 {
                let (start, len) = (draw(60), draw(12));
                ranges.add(start, start + len);
                (start..start + len).for_each(|at| bytes[usize::try_from(at).unwrap()] = true);
                let all = |start: i64, end: i64| {
                    (start..end).all(|at| bytes[usize::try_from(at).unwrap()])
                };
                let next = bytes.iter().position(|&have| !have).unwrap();
                assert_eq!(ranges.next(), i64::try_from(next).unwrap());
                let (from, len) = (draw(60), 1 + draw(12));
                assert_eq!(ranges.covers(from, from + len), all(from, from + len));
            }
        }
    }

    #[test]
    fn too_many_pieces_prove_nothing() {
        let mut ranges = Ranges::new(1);
        for at in 0..i64::try_from(RANGES_MAX).unwrap() {
            ranges.add(10 + 2 * at, 11 + 2 * at);
        }
        assert!(!ranges.reaches(5));
        ranges.add(1_000_000, 1_000_001);
        assert!(ranges.reaches(5) && ranges.covers(3, 4));
        assert_eq!(ranges.behind.len(), RANGES_MAX);
    }
}
