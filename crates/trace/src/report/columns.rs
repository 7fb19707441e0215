//! Columns of numbers in few bytes: one after the other, each with its length before it, each number
//! as its difference from one before it, in groups of seven bits.

use serde_json::{Value, json};

use crate::analysis::Side;

/// What a number is the difference from.
#[derive(Clone, Copy, Debug)]
enum Coding {
    /// Nothing: it stands for itself.
    Plain,
    /// The number before.
    Delta,
    /// The number before of the same side.
    Side,
}

/// Columns in the making.
#[derive(Debug, Default)]
pub(super) struct Columns {
    names: Vec<(&'static str, Coding)>,
    bytes: Vec<u8>,
}

impl Columns {
    /// A column of numbers that stand for themselves.
    pub(super) fn plain(&mut self, name: &'static str, values: impl ExactSizeIterator<Item = i64>) {
        self.begin(name, Coding::Plain, values.len());
        values.for_each(|value| self.signed(value));
    }

    /// A column of numbers that are near the ones before them.
    pub(super) fn delta(&mut self, name: &'static str, values: impl ExactSizeIterator<Item = i64>) {
        self.begin(name, Coding::Delta, values.len());
        let mut last = 0_i64;
        for value in values {
            self.signed(value.wrapping_sub(last));
            last = value;
        }
    }

    /// A column of numbers that are near the ones before them of the same side.
    pub(super) fn by_side(
        &mut self,
        name: &'static str,
        values: impl ExactSizeIterator<Item = (Side, i64)>,
    ) {
        self.begin(name, Coding::Side, values.len());
        let mut last = [0_i64; 2];
        for (side, value) in values {
            let last = &mut last[usize::from(side == Side::B)];
            self.signed(value.wrapping_sub(*last));
            *last = value;
        }
    }

    /// Which columns there are, for the reader.
    pub(super) fn names(&self) -> Value {
        let columns = self.names.iter().map(|&(name, coding)| {
            let coding = match coding {
                Coding::Plain => "plain",
                Coding::Delta => "delta",
                Coding::Side => "side",
            };
            json!([name, coding])
        });
        columns.collect()
    }

    /// All of them.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn begin(&mut self, name: &'static str, coding: Coding, len: usize) {
        self.names.push((name, coding));
        self.unsigned(u64::try_from(len).expect("a length in memory"));
    }

    /// Small numbers of either sign become small numbers without one.
    fn signed(&mut self, value: i64) {
        self.unsigned((value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned());
    }

    fn unsigned(&mut self, mut value: u64) {
        loop {
            let [low, ..] = value.to_le_bytes();
            value >>= 7;
            if value == 0 {
                self.bytes.push(low & 0x7f);
                return;
            }
            self.bytes.push(low | 0x80);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_as_few_bytes_as_they_need() {
        let mut columns = Columns::default();
        columns.plain("one", [0, -1, 1, 63, 64].into_iter());
        assert_eq!(columns.bytes, [5, 0, 1, 2, 126, 128, 1]);
        let mut columns = Columns::default();
        columns.delta("two", [1_000, 1_001, 999].into_iter());
        assert_eq!(columns.bytes, [3, 0xd0, 0x0f, 2, 3]);
        let mut columns = Columns::default();
        let sides = [(Side::A, 5), (Side::B, 1), (Side::A, 6), (Side::B, 1)];
        columns.by_side("three", sides.into_iter());
        assert_eq!(columns.bytes, [4, 10, 2, 2, 0]);
        assert_eq!(columns.names(), json!([["three", "side"]]));
    }

    #[test]
    fn the_largest_and_the_least_fit() {
        let mut columns = Columns::default();
        columns.plain("ends", [i64::MAX, i64::MIN].into_iter());
        assert_eq!(columns.bytes.len(), 21);
    }
}
