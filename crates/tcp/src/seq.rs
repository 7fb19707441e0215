//! Sequence numbers: the only place where numbers wrap at 2^32.
//!
//! The wire has [`SeqNumber`], which knows neither order nor arithmetic. Everything behind it uses
//! [`Offset`], a 64-bit position in one direction of one connection that never wraps.

use core::fmt;
use core::num::NonZeroU64;
use core::ops::{Add, AddAssign, Sub};

use handfast_packet::tcp::SeqNumber;

/// A position in the sequence space of one direction: the SYN is 0, the first byte of text 1, and
/// the FIN stands behind the last byte.
///
/// Kept as the position plus one, so that one that may not be there takes no more than one that is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Offset(NonZeroU64);

const _: () = assert!(size_of::<Option<Offset>>() == 8, "absence costs nothing");

impl Offset {
    /// The SYN.
    pub(crate) const ZERO: Self = Self(NonZeroU64::MIN);
    /// The first byte of text.
    pub(crate) const FIRST: Self = Self(NonZeroU64::MIN.saturating_add(1));

    /// The position as a number.
    pub(crate) const fn get(self) -> u64 {
        self.0.get() - 1
    }

    /// How far `self` lies behind `earlier`; zero when it lies before it.
    pub(crate) const fn saturating_sub(self, earlier: Self) -> u64 {
        self.0.get().saturating_sub(earlier.0.get())
    }
}

impl Default for Offset {
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Debug for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Offset").field(&self.get()).finish()
    }
}

impl Add<u64> for Offset {
    type Output = Self;

    /// # Panics
    /// Beyond 2^64, which no connection lives to see.
    fn add(self, count: u64) -> Self {
        Self(
            self.0
                .checked_add(count)
                .expect("no connection carries 2^64 bytes"),
        )
    }
}

impl AddAssign<u64> for Offset {
    fn add_assign(&mut self, count: u64) {
        *self = *self + count;
    }
}

impl Sub for Offset {
    type Output = u64;

    /// # Panics
    /// When `earlier` is in fact later: the caller has mixed up two positions.
    fn sub(self, earlier: Self) -> u64 {
        assert!(
            earlier <= self,
            "{} does not lie before {}",
            earlier.get(),
            self.get()
        );
        self.0.get() - earlier.0.get()
    }
}

/// One direction's sequence space: where it begins on the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeqSpace {
    /// The sequence number of the SYN (ISS or IRS).
    pub(crate) initial: SeqNumber,
}

impl SeqSpace {
    /// The number that stands for `offset` on the wire.
    pub(crate) fn wire(self, offset: Offset) -> SeqNumber {
        advance(self.initial, offset.get())
    }

    /// The offset nearest to `near` that `seq` can stand for; `None` when that would lie before
    /// the SYN. Of two that are equally near (2^31 away) the earlier is meant.
    ///
    /// Windows are below 2^30, so every acceptable number lies within 2^31 of the right `near`:
    /// RCV.NXT for SEG.SEQ, SND.UNA for SEG.ACK and SACK edges.
    pub(crate) fn offset(self, seq: SeqNumber, near: Offset) -> Option<Offset> {
        let step = distance(self.wire(near), seq);
        let moved = near.0.get().checked_add_signed(i64::from(step))?;
        NonZeroU64::new(moved).map(Offset)
    }
}

/// The number `count` behind `seq`.
pub(crate) fn advance(seq: SeqNumber, count: u64) -> SeqNumber {
    let low = u32::try_from(count & u64::from(u32::MAX)).expect("masked to 32 bits");
    SeqNumber(seq.0.wrapping_add(low))
}

/// The number before `seq`.
pub(crate) fn before(seq: SeqNumber) -> SeqNumber {
    SeqNumber(seq.0.wrapping_sub(1))
}

/// How far it is from `from` to `to` by the shorter way round: positive when `to` is newer.
pub(crate) fn distance(from: SeqNumber, to: SeqNumber) -> i32 {
    to.0.wrapping_sub(from.0).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn space(initial: u32) -> SeqSpace {
        SeqSpace {
            initial: SeqNumber(initial),
        }
    }

    fn at(position: u64) -> Offset {
        Offset::ZERO + position
    }

    #[test]
    fn numbers_wrap_and_offsets_do_not() {
        for (initial, offset, wire) in [
            (0, 0, 0),
            (u32::MAX, 0, u32::MAX),
            (u32::MAX, 1, 0),
            (u32::MAX - 9, 10, 0),
            (5, 1 << 32, 5),
            (5, (1 << 32) - 6, u32::MAX),
            (5, (1 << 32) - 5, 0),
            (7, 3 * (1 << 32) + 1, 8),
        ] {
            assert_eq!(
                space(initial).wire(at(offset)),
                SeqNumber(wire),
                "{initial} {offset}"
            );
        }
    }

    #[test]
    fn the_nearest_offset_is_meant() {
        let half = 1_u64 << 31;
        for (near, seq, offset) in [
            (0, 100, Some(0)),
            (0, 101, Some(1)),
            (0, 99, None),
            (5, 99, None),
            (1 << 32, 99, Some((1 << 32) - 1)),
            (1 << 32, 100, Some(1 << 32)),
            (half - 1, 100, Some(0)),
            (half, 100, Some(0)),
            (half + 1, 100, Some(1 << 32)),
            (0, 100 + (1 << 31) - 1, Some(half - 1)),
            (0, 100 + (1 << 31), None),
        ] {
            let found = space(100).offset(SeqNumber(seq), at(near));
            assert_eq!(found, offset.map(at), "near {near}, seq {seq}");
        }
    }

    #[test]
    #[should_panic(expected = "does not lie before")]
    fn a_negative_distance_is_a_bug() {
        let _ = at(1) - at(2);
    }

    proptest! {
        #[test]
        fn every_offset_within_half_the_circle_survives_the_wire(
            initial: u32,
            near in 0_u64..1 << 40,
            step in -(1_i64 << 31)..1 << 31,
        ) {
            let space = space(initial);
            let near = at(near);
            let Some(offset) = near.get().checked_add_signed(step).map(at) else {
                return Ok(());
            };
            prop_assert_eq!(space.offset(space.wire(offset), near), Some(offset));
        }

        #[test]
        fn whatever_is_found_is_near_and_has_that_number(
            initial: u32, seq: u32, near in 0_u64..1 << 40,
        ) {
            let space = space(initial);
            match space.offset(SeqNumber(seq), at(near)) {
                Some(offset) => {
                    prop_assert_eq!(space.wire(offset), SeqNumber(seq));
                    prop_assert!(offset.get().abs_diff(near) <= 1 << 31);
                }
                None => prop_assert!(near < 1 << 31),
            }
        }

        #[test]
        fn order_and_distance_agree_with_the_numbers(a in 0_u64..1 << 50, count in 0_u64..1 << 50) {
            let (a, b) = (at(a), at(a) + count);
            prop_assert!(a <= b);
            prop_assert_eq!(b - a, count);
            prop_assert_eq!(b.saturating_sub(a), count);
            prop_assert_eq!(a.saturating_sub(b), 0);
        }

        #[test]
        fn advance_and_distance_are_inverse(seq: u32, count in 0_u32..1 << 31) {
            let seq = SeqNumber(seq);
            let later = advance(seq, u64::from(count));
            prop_assert_eq!(i64::from(distance(seq, later)), i64::from(count));
        }
    }
}
