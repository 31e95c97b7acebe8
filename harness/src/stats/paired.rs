//! What the blocks say together of how one variant compares with the other.

use super::{Interval, Stopping, bca_median, hodges_lehmann, sign_flip_p, signed_rank_interval};

/// Blocks below which no exact two-sided 95 % statement exists.
pub const LEAST_BLOCKS: usize = 6;
/// Blocks from which the bootstrap interval is shown beside the exact one.
pub const MANY_BLOCKS: usize = 20;

/// What the log-ratios of a number of blocks say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// The Hodges–Lehmann estimate.
    pub estimate: f64,
    /// The exact signed-rank interval that holds the truth in 95 % of runs; from [`LEAST_BLOCKS`].
    pub interval: Option<Interval>,
    /// The BCa bootstrap interval of the median; from [`MANY_BLOCKS`].
    pub bootstrap: Option<Interval>,
}

/// `ln(optimized / naive)` of each pair; pairs in which a side is not positive have none.
pub fn log_ratios(naive_optimized: &[(f64, f64)]) -> Vec<f64> {
    naive_optimized
        .iter()
        .filter(|(naive, optimized)| *naive > 0.0 && *optimized > 0.0)
        .map(|(naive, optimized)| (optimized / naive).ln())
        .collect()
}

/// Judges log-ratios of a run that stopped in this way; `None` of nothing.
pub fn paired(log_ratios: &[f64], stopping: Stopping) -> Option<Paired> {
    let confidence = stopping.confidence();
    Some(Paired {
        estimate: hodges_lehmann(log_ratios)?,
        interval: signed_rank_interval(log_ratios, confidence),
        bootstrap: if log_ratios.len() >= MANY_BLOCKS { bca_median(log_ratios, confidence) } else { None },
    })
}

/// Two-sided sign-flip p of "no difference", adjusted for the looks at the samples; from [`LEAST_BLOCKS`]. Apart from
/// [`paired`], since it takes many times as long and is asked of claims alone.
pub fn paired_p(log_ratios: &[f64], stopping: Stopping) -> Option<f64> {
    (log_ratios.len() >= LEAST_BLOCKS).then(|| stopping.adjusted(sign_flip_p(log_ratios)))
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    /// Blocks of two log-normal times with 15 % noise each, the second `ratio` times the first, each
    /// block slowed by a disturbance that both share.
    fn blocks(random: &mut Xoshiro256PlusPlus, count: usize, ratio: f64) -> Vec<(f64, f64)> {
        let mut normal = || {
            let (u, v): (f64, f64) = (random.random(), random.random());
            (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
        };
        (0..count)
            .map(|_| {
                let shared = (0.3 * normal()).exp();
                (10.0 * shared * (0.15 * normal()).exp(), 10.0 * shared * ratio * (0.15 * normal()).exp())
            })
            .collect()
    }

    fn share(count: usize, runs: u32, ratio: f64, holds: impl Fn(&[f64], &Paired) -> bool) -> f64 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(42);
        let held = (0..runs)
            .filter(|_| {
                let log_ratios = log_ratios(&blocks(&mut random, count, ratio));
                holds(&log_ratios, &paired(&log_ratios, Stopping::Fixed).unwrap())
            })
            .count();
        held as f64 / f64::from(runs)
    }

    #[test]
    fn the_interval_covers_what_it_says() {
        let truth = 0.7_f64.ln();
        for (count, nominal) in [(6, 0.969), (8, 0.961), (12, 0.957)] {
            let covered = share(count, 2_000, 0.7, |_, said| said.interval.unwrap().contains(truth));
            // Three standard errors of 2000 simulated runs.
            assert!((covered - nominal).abs() < 0.015, "{count} blocks: {covered}, nominal {nominal}");
        }
    }

    #[test]
    fn equal_variants_differ_in_at_most_5_percent_of_runs() {
        let wrong = share(6, 2_000, 1.0, |_, said| !said.interval.unwrap().contains(0.0));
        assert!(wrong <= 0.05, "{wrong}");
        let significant =
            share(6, 2_000, 1.0, |log_ratios, _| paired_p(log_ratios, Stopping::Fixed).unwrap() <= 0.05);
        assert!(significant <= 0.05, "{significant}");
    }

    #[test]
    fn a_reduction_of_30_percent_is_found_in_8_blocks() {
        let found = share(8, 500, 0.7, |_, said| said.interval.unwrap().high < 0.0);
        assert!(found >= 0.9, "{found}");
    }

    #[test]
    fn few_blocks_have_an_estimate_and_no_more() {
        let said = paired(&[-0.3, -0.2, -0.25, -0.3, -0.2], Stopping::Fixed).unwrap();
        assert!((said.estimate - -0.25).abs() < 1e-12);
        assert_eq!((said.interval, said.bootstrap), (None, None));
        assert_eq!(paired_p(&[-0.2; 5], Stopping::Fixed), None);
        assert!(paired(&[-0.2; 20], Stopping::Fixed).unwrap().bootstrap.is_some());
        assert_eq!(paired(&[], Stopping::Fixed), None);
    }

    #[test]
    fn a_pair_without_a_ratio_is_left_out() {
        assert_eq!(log_ratios(&[(0.0, 1.0), (1.0, 0.0)]), [0.0; 0]);
        assert!((log_ratios(&[(2.0, 1.0)])[0] + 2.0_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn a_run_that_looked_has_a_wider_interval_and_a_larger_p() {
        let values = [-0.3, -0.2, -0.25, 0.1, -0.2, -0.4, -0.1, -0.35, 0.05, -0.15];
        let [fixed, looked] =
            [Stopping::Fixed, Stopping::Looked].map(|stopping| paired(&values, stopping).unwrap());
        let (narrow, wide) = (fixed.interval.unwrap(), looked.interval.unwrap());
        assert!(wide.low < narrow.low && narrow.high < wide.high, "{narrow:?} {wide:?}");
        let [once, often] =
            [Stopping::Fixed, Stopping::Looked].map(|stopping| paired_p(&values, stopping).unwrap());
        assert!(often > once, "{once} {often}");
        assert_eq!(paired(&values[..6], Stopping::Looked).unwrap().interval.map(|wide| wide.low), Some(-0.4));
    }
}
