//! Sequence numbers as positions that do not wrap: SYN = 0, the first byte of text = 1.
//!
//! The referee has its own arithmetic, so that it does not believe what the stack believes.

/// Where the wire's number `wire` lies in a space that begins at `initial`, of all the places 2^32
/// apart the one nearest to `near`. It may lie before the SYN.
pub(super) fn position(initial: u32, wire: u32, near: i64) -> i64 {
    let low = u32::try_from(near & i64::from(u32::MAX)).expect("masked to 32 bits");
    let here = initial.wrapping_add(low);
    near + i64::from(wire.wrapping_sub(here).cast_signed())
}

/// Whether timestamp `a` is older than `b` on the circle (RFC 7323 section 5.2).
pub(super) fn is_older(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_go_on_where_numbers_wrap() {
        let initial = u32::MAX - 9;
        for (wire, near, place) in [
            (initial, 0, 0),
            (0, 0, 10),
            (initial.wrapping_sub(1), 0, -1),
            (5, 1 << 32, (1 << 32) + 15),
            (initial, 1 << 33, 1 << 33),
            (initial, (1 << 33) - 100, 1 << 33),
        ] {
            assert_eq!(position(initial, wire, near), place, "{wire} {near}");
        }
    }

    #[test]
    fn timestamps_are_older_on_half_the_circle() {
        assert!(is_older(1, 2) && is_older(u32::MAX, 0) && is_older(u32::MAX - 5, 1 << 30));
        assert!(!is_older(2, 2) && !is_older(2, 1) && !is_older(0, u32::MAX));
    }
}
