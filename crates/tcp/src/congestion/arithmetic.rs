//! Whole numbers where a formula has real ones. No wrapping: what does not fit is the largest
//! number.

/// `a * b / c`, rounded down, with no overflow on the way. `c` is not 0.
pub(super) fn mul_div(a: u64, b: u64, c: u64) -> u64 {
    // Most calls fit into 64 bits, where division is several times faster.
    match a.checked_mul(b) {
        Some(product) => product / c,
        None => {
            let exact = u128::from(a) * u128::from(b) / u128::from(c);
            u64::try_from(exact).unwrap_or(u64::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_beyond_64_bits_are_exact_and_quotients_saturate() {
        assert_eq!(mul_div(7, 3, 2), 10);
        assert_eq!(mul_div(u64::MAX, 1_000, 2_000), u64::MAX / 2);
        assert_eq!(mul_div(u64::MAX, 3, 2), u64::MAX);
    }
}
