//! The three ECN bits of a TCP header as one small value.

use super::header::TcpFlags;

/// AE, CWR and ECE, from high to low: two flags and a reserved bit to RFC 3168, and the three-bit
/// ACE field of RFC 9768 3.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ace(u8);

impl Ace {
    /// No bit is set.
    pub const ZERO: Self = Self(0);
    /// ECN echo.
    pub const ECE: Self = Self(0b001);
    /// Congestion window reduced.
    pub const CWR: Self = Self(0b010);
    /// CWR and ECE: what the SYN of RFC 3168 has.
    pub const CWR_ECE: Self = Self(0b011);
    /// All three: what the SYN of RFC 9768 has.
    pub const ALL: Self = Self(0b111);

    /// The field with the low three bits of `bits`; others are ignored.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0b111)
    }

    /// The field as a number from 0 to 7.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether all bits of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The three bits among the flags of a header.
    pub const fn from_flags(flags: TcpFlags) -> Self {
        let [_, low] = (flags.0 >> 6).to_be_bytes();
        Self::from_bits(low)
    }

    /// The bits as flags of a header.
    pub const fn flags(self) -> TcpFlags {
        TcpFlags(u16::from_be_bytes([0, self.0]) << 6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_stands_for_its_flags_and_back() {
        for bits in 0..8 {
            let ace = Ace::from_bits(bits);
            let flags = ace.flags();
            assert_eq!(flags.contains(TcpFlags::AE), bits & 4 != 0);
            assert_eq!(flags.contains(TcpFlags::CWR), bits & 2 != 0);
            assert_eq!(flags.contains(TcpFlags::ECE), bits & 1 != 0);
            let others = TcpFlags::ACK | TcpFlags::URG | TcpFlags::SYN | TcpFlags::FIN;
            assert_eq!(Ace::from_flags(flags | others), ace);
            assert_eq!(flags.0 & others.0, 0);
        }
        assert_eq!(Ace::from_bits(0b1101), Ace::from_bits(0b101));
    }
}
