//! What the runs of a cell say together: both means, their ratio, and how sure it is.

use super::schedule::Pair;

/// The least ratio of a cell that is wanted.
pub(crate) const RATIO_MIN: f64 = 0.8;
/// A ratio is decided when it is so many standard errors away from the least one.
const ERRORS: f64 = 2.0;
/// Fewer runs than this tell nothing about their spread.
pub(crate) const SPREAD_RUNS: usize = 3;

/// Our speed and the kernel's over all runs of one cell in one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ratio {
    /// Our mean in Mbit/s.
    pub(crate) ours: f64,
    /// The kernel's mean in Mbit/s.
    pub(crate) kernel: f64,
    /// One divided by the other.
    pub(crate) value: f64,
    /// Its standard error, from how the pairs differ; `None` for fewer than three runs.
    pub(crate) error: Option<f64>,
}

impl Ratio {
    /// Of all `runs`, which are pairs of one cell and direction.
    pub(crate) fn of(runs: &[&Pair]) -> Self {
        let speeds: Vec<[f64; 2]> = runs.iter().map(|pair| pair.mbit()).collect();
        Self::of_speeds(&speeds)
    }

    fn of_speeds(speeds: &[[f64; 2]]) -> Self {
        let count = speeds.len() as f64;
        let mean = |side: usize| speeds.iter().map(|pair| pair[side]).sum::<f64>() / count;
        let (ours, kernel) = (mean(0), mean(1));
        let value = ours / kernel;
        // The linear estimate for a ratio of means whose terms come in pairs.
        let squares = speeds
            .iter()
            .map(|pair| (pair[0] - value * pair[1]).powi(2));
        let spread = squares.sum::<f64>() / (count - 1.0);
        let error = (spread / count).sqrt() / kernel;
        Self {
            ours,
            kernel,
            value,
            error: (speeds.len() >= SPREAD_RUNS).then_some(error),
        }
    }

    /// Whether more runs could still move it across the least ratio that is wanted. Where nothing
    /// is known about the spread, only a ratio of at least one is decided.
    pub(crate) fn is_open(&self) -> bool {
        match self.error {
            Some(error) => (self.value - RATIO_MIN).abs() < ERRORS * error,
            None => self.value.is_nan() || self.value < 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_open_while_its_runs_say_both() {
        let even = Ratio::of_speeds(&[[10.0, 10.0], [11.0, 10.0], [9.0, 10.0]]);
        assert!(!even.is_open(), "{even:?}");
        let two_kinds = Ratio::of_speeds(&[[15.0, 70.0], [70.0, 15.0], [15.0, 70.0], [70.0, 70.0]]);
        assert!(two_kinds.is_open(), "{two_kinds:?}");
        let low = Ratio::of_speeds(&[[5.0, 10.0], [5.2, 10.0], [4.9, 10.0]]);
        assert!(!low.is_open(), "{low:?}");
    }

    #[test]
    fn one_run_alone_decides_only_what_is_level() {
        assert!(!Ratio::of_speeds(&[[10.0, 10.0]]).is_open());
        assert!(Ratio::of_speeds(&[[9.0, 10.0]]).is_open());
        assert!(Ratio::of_speeds(&[[9.0, 0.0], [0.0, 0.0]]).error.is_none());
    }
}
