//! How long each of many things took: their distribution, as a few of its points.

use std::time::Duration;

/// Points of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Half of them took no longer.
    pub p50: Duration,
    /// 99 of 100.
    pub p99: Duration,
    /// 999 of 1000.
    pub p999: Duration,
}

impl Latency {
    /// Of `nanos`, in any order, each in nanoseconds.
    ///
    /// # Panics
    /// When there are none.
    pub fn of(mut nanos: Vec<u32>) -> Self {
        assert!(!nanos.is_empty(), "nothing was timed");
        nanos.sort_unstable();
        let at = |thousandths: usize| {
            let index = (nanos.len() * thousandths).div_ceil(1_000).max(1) - 1;
            Duration::from_nanos(nanos[index].into())
        };
        Self {
            p50: at(500),
            p99: at(990),
            p999: at(999),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_point_is_the_least_that_so_many_do_not_exceed() {
        let latency = Latency::of((1..=1_000).rev().collect());
        let [p50, p99, p999] = [500, 990, 999].map(Duration::from_nanos);
        assert_eq!(latency, Latency { p50, p99, p999 });
        let one = Duration::from_nanos(7);
        assert_eq!(Latency::of(vec![7]).p50, one);
        assert_eq!(Latency::of(vec![7]).p999, one);
    }
}
