//! Numbers of the wire that wrap, as a bystander reads them: sequence numbers become relative ones
//! that never wrap, timestamps are compared on their circle.

/// The relative number that ends in the 32 bits `low` and is nearest to `near`. Where that would lie
/// before the beginning, `low` itself.
pub(crate) fn nearest(low: u32, near: u64) -> u64 {
    let distance = low.wrapping_sub(truncate(near)).cast_signed();
    near.checked_add_signed(distance.into())
        .unwrap_or_else(|| u64::from(low))
}

/// Whether timestamp `a` is older than `b` on the circle (RFC 7323 5.2).
pub(crate) fn is_older(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

/// The low 32 bits, which are what the wire carries.
fn truncate(offset: u64) -> u32 {
    u32::try_from(offset & u64::from(u32::MAX)).expect("the mask leaves 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_relative_across_the_wrap_and_beyond_four_gibibytes() {
        assert_eq!(nearest(0, 0), 0);
        assert_eq!(nearest(5, 0), 5);
        let far = 3 * (1 << 32) + 7;
        assert_eq!(nearest(8, far), far + 1);
        assert_eq!(nearest(0, far), far - 7);
        assert_eq!(nearest(u32::MAX, 1 << 32), u64::from(u32::MAX));
        assert_eq!(nearest(u32::MAX, 0), u64::from(u32::MAX));
    }

    #[test]
    fn timestamps_are_ordered_on_a_circle() {
        assert!(is_older(1, 2) && !is_older(2, 1) && !is_older(2, 2));
        assert!(is_older(u32::MAX, 3));
    }
}
