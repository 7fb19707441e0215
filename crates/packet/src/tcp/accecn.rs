//! The AccECN option (RFC 9768 3.2.3) as values: how many bytes of text arrived with which mark.

/// The kind of an option that begins with the bytes that came as ECT(0).
const KIND_ECT0_FIRST: u8 = 172;
/// The kind of an option that begins with the bytes that came as ECT(1).
const KIND_ECT1_FIRST: u8 = 174;
const NOP: u8 = 1;
/// Bytes of one counter.
const COUNTER: usize = 3;
/// Counters in the longest option.
const COUNTERS_IN_FULL: usize = 3;

/// Which counter comes first; that of CE is always the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccEcnOrder {
    /// Order 0, kind 172: ECT(0), CE, ECT(1).
    Ect0First,
    /// Order 1, kind 174: ECT(1), CE, ECT(0).
    Ect1First,
}

/// Up to three counters of bytes, each modulo 2^24; the last ones may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccEcn {
    order: AccEcnOrder,
    counters: [u32; COUNTERS_IN_FULL],
    len: u8,
}

impl AccEcn {
    /// All three counters; of each the low 24 bits count.
    pub const fn new(order: AccEcnOrder, ect0: u32, ce: u32, ect1: u32) -> Self {
        const MASK: u32 = (1 << 24) - 1;
        let [first, last] = match order {
            AccEcnOrder::Ect0First => [ect0, ect1],
            AccEcnOrder::Ect1First => [ect1, ect0],
        };
        Self {
            order,
            counters: [first & MASK, ce & MASK, last & MASK],
            len: 3,
        }
    }

    /// Only the first `len` counters.
    #[must_use]
    pub fn truncated(mut self, len: u8) -> Self {
        self.len = self.len.min(len);
        for counter in &mut self.counters[usize::from(self.len)..] {
            *counter = 0;
        }
        self
    }

    /// Which counter comes first.
    pub const fn order(&self) -> AccEcnOrder {
        self.order
    }

    /// EE0B: bytes that came as ECT(0).
    pub fn ect0(&self) -> Option<u32> {
        self.counter(match self.order {
            AccEcnOrder::Ect0First => 0,
            AccEcnOrder::Ect1First => 2,
        })
    }

    /// ECEB: bytes that came as CE.
    pub fn ce(&self) -> Option<u32> {
        self.counter(1)
    }

    /// EE1B: bytes that came as ECT(1).
    pub fn ect1(&self) -> Option<u32> {
        self.counter(match self.order {
            AccEcnOrder::Ect0First => 2,
            AccEcnOrder::Ect1First => 0,
        })
    }

    fn counter(&self, index: usize) -> Option<u32> {
        (index < usize::from(self.len)).then(|| self.counters[index])
    }

    /// From what follows kind and length. Of an odd length, the whole counters count and the rest
    /// is padding (RFC 9768 3.2.3).
    pub(super) fn parse(kind: u8, data: &[u8]) -> Self {
        let order = if kind == KIND_ECT1_FIRST {
            AccEcnOrder::Ect1First
        } else {
            AccEcnOrder::Ect0First
        };
        let mut counters = [0; COUNTERS_IN_FULL];
        let mut len = 0;
        for (counter, bytes) in counters.iter_mut().zip(data.chunks_exact(COUNTER)) {
            *counter = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
            len += 1;
        }
        Self {
            order,
            counters,
            len,
        }
    }

    /// Bytes of the option with its padding to whole words.
    pub fn padded_len(&self) -> usize {
        self.bare_len().next_multiple_of(4)
    }

    fn bare_len(&self) -> usize {
        2 + COUNTER * usize::from(self.len)
    }

    /// Writes the option and its padding; `out` has [`Self::padded_len`] bytes.
    pub(super) fn write(&self, out: &mut [u8]) {
        out.fill(NOP);
        out[0] = match self.order {
            AccEcnOrder::Ect0First => KIND_ECT0_FIRST,
            AccEcnOrder::Ect1First => KIND_ECT1_FIRST,
        };
        out[1] = u8::try_from(self.bare_len()).expect("at most three counters");
        let counters = self.counters.iter().take(usize::from(self.len));
        for (counter, bytes) in counters.zip(out[2..].chunks_exact_mut(COUNTER)) {
            bytes.copy_from_slice(&counter.to_be_bytes()[1..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::tcp::{TcpOptions, Timestamps};

    fn written(options: &TcpOptions) -> Vec<u8> {
        let mut bytes = vec![0; options.len()];
        options.write(&mut bytes);
        assert_eq!(TcpOptions::parse(&bytes), *options);
        bytes
    }

    #[test]
    fn both_orders_and_all_lengths_of_table_5() {
        use AccEcnOrder::{Ect0First, Ect1First};
        for (order, kind, counters) in [(Ect0First, 172, [1_u8, 2, 3]), (Ect1First, 174, [3, 2, 1])]
        {
            for len in 0..=3 {
                let option = AccEcn::new(order, 0x0101_0101, 0x202, 3).truncated(len);
                let has = |first: bool| first || len == 3;
                assert_eq!(option.ce().is_some(), len >= 2);
                assert_eq!(option.ect0().is_some(), len >= 1 && has(order == Ect0First));
                assert_eq!(option.ect1().is_some(), len >= 1 && has(order == Ect1First));
                let bytes = written(&TcpOptions {
                    accecn: Some(option),
                    ..TcpOptions::default()
                });
                assert_eq!(bytes[..2], [kind, 2 + 3 * len]);
                for (index, low) in counters.iter().take(usize::from(len)).enumerate() {
                    assert_eq!(bytes[4 + 3 * index], *low);
                }
                assert!(bytes[usize::from(2 + 3 * len)..].iter().all(|&b| b == NOP));
            }
        }
    }

    #[test]
    fn whole_counters_of_an_odd_length_count_and_the_rest_is_padding() {
        for (len, counters) in [(0, 0), (2, 0), (4, 1), (8, 2), (10, 3), (30, 3)] {
            let mut bytes = vec![7; len + 2];
            bytes[0] = 172;
            bytes[1] = u8::try_from(len + 2).unwrap();
            let option = TcpOptions::parse(&bytes).accecn.unwrap();
            assert_eq!(option.len, counters, "{len}");
        }
    }

    #[test]
    fn it_stands_behind_timestamps_and_before_sack_permitted() {
        let accecn = Some(AccEcn::new(AccEcnOrder::Ect1First, 1, 0, 1));
        let mut options = TcpOptions {
            mss: Some(1_460),
            accecn,
            sack_permitted: true,
            window_scale: Some(8),
            ..TcpOptions::default()
        };
        let kinds = |bytes: &[u8]| [bytes[4], bytes[16], bytes[18], bytes[20], bytes[21]];
        assert_eq!(kinds(&written(&options)), [174, NOP, 4, NOP, 3]);
        options.timestamps = Some(Timestamps::default());
        let bytes = written(&options);
        assert_eq!((bytes[4], bytes[6], bytes[16], bytes[28]), (4, 8, 174, NOP));
        assert_eq!(bytes.len(), 32);
    }
}
