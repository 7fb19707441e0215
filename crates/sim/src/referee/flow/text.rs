//! The text that was sent and not acknowledged: the first copy, to which later ones are compared.

use std::collections::VecDeque;

/// Most bytes that are kept of one connection; of a longer flight the older part is forgotten and
/// goes uncompared.
pub(super) const TEXT_MAX: usize = 4 << 20;

/// A run of text.
#[derive(Debug, Default)]
pub(super) struct FirstCopy {
    bytes: VecDeque<u8>,
    /// The position of the first byte.
    start: i64,
}

impl FirstCopy {
    /// Forgets what lies before `position`: it is acknowledged.
    pub(super) fn release_until(&mut self, position: i64) {
        let count = usize::try_from(position - self.start).unwrap_or(0);
        let count = count.min(self.bytes.len());
        self.bytes.drain(..count);
        self.start += signed(count);
    }

    /// Takes text that was sent at `position`: keeps what is new, and compares the rest. Returns
    /// the position of the first byte that differs.
    pub(super) fn sent(&mut self, position: i64, text: &[u8]) -> Option<i64> {
        let end = self.start + signed(self.bytes.len());
        if self.bytes.is_empty() || position > end {
            // Nothing is kept, or a piece in between never left the host.
            self.bytes.clear();
            self.start = position;
            self.keep(text);
            return None;
        }
        let skip = usize::try_from(self.start - position).unwrap_or(0);
        let text = text.get(skip..).unwrap_or_default();
        let position = position.max(self.start);
        let at = usize::try_from(position - self.start).expect("not before the start");
        let again = text.len().min(self.bytes.len() - at);
        if let Some(wrong) = self.first_difference(at, &text[..again]) {
            return Some(position + signed(wrong));
        }
        self.keep(&text[again..]);
        None
    }

    /// Gives the memory back.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    fn first_difference(&self, at: usize, text: &[u8]) -> Option<usize> {
        let (front, back) = self.bytes.as_slices();
        let front = front.get(at..).unwrap_or_default();
        let back = &back[at.saturating_sub(self.bytes.len() - back.len())..];
        let (first, second) = text.split_at(text.len().min(front.len()));
        if first == &front[..first.len()] && second == &back[..second.len()] {
            return None;
        }
        let kept = self.bytes.range(at..at + text.len());
        text.iter().zip(kept).position(|(a, b)| a != b)
    }

    fn keep(&mut self, text: &[u8]) {
        self.bytes.extend(text);
        let excess = self.bytes.len().saturating_sub(TEXT_MAX);
        self.bytes.drain(..excess);
        self.start += signed(excess);
    }
}

fn signed(len: usize) -> i64 {
    i64::try_from(len).expect("bounded by TEXT_MAX")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_again_is_right_and_another_is_not() {
        let mut copy = FirstCopy::default();
        assert_eq!(copy.sent(1, b"abcdef"), None);
        assert_eq!(copy.sent(7, b"ghi"), None);
        assert_eq!(copy.sent(3, b"cdefgh"), None);
        assert_eq!(copy.sent(8, b"hijkl"), None);
        assert_eq!(copy.sent(3, b"cdeX"), Some(6));
        copy.release_until(5);
        assert_eq!(
            copy.sent(1, b"????efg"),
            None,
            "what is acknowledged counts no more"
        );
        assert_eq!(copy.sent(1, b"????efX"), Some(7));
        assert_eq!(copy.sent(11, b"kX"), Some(12));
        copy.release_until(100);
        assert_eq!(copy.sent(13, b"anything"), None);
    }

    #[test]
    fn a_ring_that_wraps_is_compared_whole() {
        let mut copy = FirstCopy::default();
        let text = |from: i64, len: i64| {
            (from..from + len)
                .map(|at| at.to_le_bytes()[0])
                .collect::<Vec<u8>>()
        };
        let mut at = 1;
        for _ in 0..100 {
            assert_eq!(copy.sent(at, &text(at, 50)), None);
            assert_eq!(copy.sent(at - 20, &text(at - 20, 60)), None);
            let mut wrong = text(at - 20, 70);
            wrong[65] ^= 1;
            if at > 50 {
                assert_eq!(copy.sent(at - 20, &wrong), Some(at + 45));
            }
            at += 50;
            copy.release_until(at - 30);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut copy = FirstCopy::default();
        let piece = vec![5; 1 << 20];
        for at in 0..8 {
            assert_eq!(copy.sent(1 + (at << 20), &piece), None);
        }
        assert_eq!(copy.bytes.len(), TEXT_MAX);
        assert_eq!(copy.start, 1 + (4 << 20));
    }
}
