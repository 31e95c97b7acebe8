//! How many blocks it takes to see a difference.

use std::f64::consts::PI;

use super::LEAST_BLOCKS;
use super::normal::inverse_cdf;

/// Of the runs with so many blocks, at least as many as this see the difference.
const POWER: f64 = 0.8;

/// The blocks after which the 95 % interval excludes "no difference" in [`POWER`] of the runs, where the true
/// reduction is `reduction` (0.1 is 10 % less) and the log-ratio of a block varies with the standard deviation `sd`.
///
/// Noether, *Sample Size Determination for Some Common Nonparametric Tests* (1987), with the efficiency of the
/// signed-rank test against normal values, 3/π; and for few blocks the correction of Guenther, *Sample Size Formulas for
/// Normal Theory T Tests* (1981), half the square of the quantile. Held to simulation by test.
pub fn blocks_to_see(reduction: f64, sd: f64) -> u32 {
    let (error, power) = (inverse_cdf(0.975), inverse_cdf(POWER));
    let distance = (1.0 - reduction).ln().abs() / sd;
    let blocks = PI / 3.0 * ((error + power) / distance).powi(2) + error.powi(2) / 2.0;
    (blocks.ceil() as u32).max(LEAST_BLOCKS as u32)
}

/// The standard deviation of a sample; `None` of fewer than two values.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() >= 2).then(|| (squares / (count - 1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;
    use crate::stats::signed_rank_interval;

    /// The share of simulated runs of so many blocks that see the reduction.
    fn seen(reduction: f64, sd: f64, blocks: u32) -> f64 {
        const RUNS: u32 = 2_000;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(80);
        let found = (0..RUNS).filter(|_| {
            let log_ratios: Vec<f64> = (0..blocks)
                .map(|_| {
                    let (u, v): (f64, f64) = (random.random(), random.random());
                    let normal = (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos();
                    (1.0 - reduction).ln() + sd * normal
                })
                .collect();
            signed_rank_interval(&log_ratios, 0.95).unwrap().high < 0.0
        });
        found.count() as f64 / f64::from(RUNS)
    }

    #[test]
    fn so_many_blocks_see_it_in_eight_of_ten_runs() {
        // 3 % are left to the steps in which the exact interval goes, 2 % to chance.
        for (reduction, sd) in [(0.05, 0.05), (0.05, 0.1), (0.1, 0.08), (0.1, 0.15), (0.2, 0.2), (0.2, 0.3)] {
            let blocks = blocks_to_see(reduction, sd);
            let share = seen(reduction, sd, blocks);
            assert!((0.75..0.85).contains(&share), "{reduction} at {sd}: {blocks} blocks, {share}");
        }
        assert!(
            seen(0.2, 0.05, blocks_to_see(0.2, 0.05)) > POWER,
            "six are needed, and are more than enough"
        );
    }

    #[test]
    fn more_noise_or_a_smaller_difference_takes_more() {
        assert_eq!((blocks_to_see(0.2, 0.01), blocks_to_see(0.5, 0.0)), (6, 6));
        assert_eq!(blocks_to_see(0.05, 0.1), 34);
        assert!(blocks_to_see(0.05, 0.15) > 70);
    }

    #[test]
    fn the_standard_deviation_is_that_of_numpy() {
        // numpy.std([1, 2, 4, 8], ddof=1)
        assert!((standard_deviation(&[1.0, 2.0, 4.0, 8.0]).unwrap() - 3.095_695_936_834_452).abs() < 1e-12);
        assert_eq!(standard_deviation(&[1.0]), None);
    }
}
