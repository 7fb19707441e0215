//! Whole numbers where a formula has real ones. No wrapping: what does not fit is the largest
//! number.

/// `a * b / c`, rounded down, with no overflow on the way. `c` is not 0.
pub(super) fn mul_div(a: u64, b: u64, c: u64) -> u64 {
    // Most calls fit into 64 bits, where division is several times faster.
    match a.checked_mul(b) {
        Some(product) => product / c,
        None => narrow(u128::from(a) * u128::from(b) / u128::from(c)),
    }
}

/// `percent` hundredths of `value`, rounded down.
pub(super) fn percent(value: u64, percent: u64) -> u64 {
    mul_div(value, percent, 100)
}

/// The largest number whose cube is at most `value`.
pub(super) fn cube_root(value: u128) -> u64 {
    let mut root: u128 = 0;
    // The cube of a number of 43 bits needs 129: from bit 42 down nothing overflows.
    for bit in (0..=42).rev() {
        let next = root | 1 << bit;
        if next.checked_pow(3).is_some_and(|cube| cube <= value) {
            root = next;
        }
    }
    narrow(root)
}

/// The same number, or the largest that fits.
pub(super) fn narrow(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn products_beyond_64_bits_are_exact_and_quotients_saturate() {
        assert_eq!(mul_div(7, 3, 2), 10);
        assert_eq!(mul_div(u64::MAX, 1_000, 2_000), u64::MAX / 2);
        assert_eq!(mul_div(u64::MAX, 3, 2), u64::MAX);
    }

    proptest! {
        #[test]
        fn the_cube_root_is_the_largest_that_fits(value: u128, shift in 0..128_u32) {
            let value = value >> shift;
            let root = u128::from(cube_root(value));
            prop_assert!(root.pow(3) <= value);
            prop_assert!((root + 1).checked_pow(3).is_none_or(|next| next > value));
        }
    }
}
