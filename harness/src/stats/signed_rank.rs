//! The Hodges–Lehmann estimate and the confidence interval that belongs to it.
//!
//! Hollander, Wolfe and Chicken, *Nonparametric Statistical Methods*, 3rd ed. (2014), sections 3.1 to
//! 3.3. Assumed: the values are independent and symmetric about their centre, which the log-ratios of
//! samples from two like-shaped distributions are.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::Interval;
use super::order::quantile_of_sorted;

/// The median of the means of all pairs of values (each value with itself included): nearly as steady
/// as the mean on well-behaved data, and unmoved by a few wild values. `None` of nothing.
pub fn hodges_lehmann(values: &[f64]) -> Option<f64> {
    let mut walsh = walsh_averages(values);
    walsh.sort_by(f64::total_cmp);
    quantile_of_sorted(&walsh, 0.5)
}

/// The interval of centres that the exact two-sided Wilcoxon signed-rank test does not reject at
/// `1 − confidence`. `None` where no such interval exists: at 95 %, below six values.
pub fn signed_rank_interval(values: &[f64], confidence: f64) -> Option<Interval> {
    let k = rank(values.len(), confidence);
    if k == 0 {
        return None;
    }
    let mut walsh = walsh_averages(values);
    let last = walsh.len() - k;
    let (_, low, above) = walsh.select_nth_unstable_by(k - 1, f64::total_cmp);
    let low = *low;
    let high = if above.is_empty() { low } else { *above.select_nth_unstable_by(last - k, f64::total_cmp).1 };
    Some(Interval { low, high })
}

/// The interval reaches from the k-th average to the k-th from the other end, with k the largest for which
/// P(T⁺ ≤ k − 1) is within the tail. It is needed for the same few numbers of values again and again, and kept.
fn rank(n: usize, confidence: f64) -> usize {
    static KNOWN: LazyLock<Mutex<HashMap<(usize, u64), usize>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    *known.entry((n, confidence.to_bits())).or_insert_with(|| {
        let tail = (1.0 - confidence) / 2.0;
        cumulative(n).iter().take_while(|probability| **probability <= tail).count()
    })
}

/// The means of all pairs.
fn walsh_averages(values: &[f64]) -> Vec<f64> {
    let mut averages = Vec::with_capacity(values.len() * (values.len() + 1) / 2);
    for (at, first) in values.iter().enumerate() {
        averages.extend(values[at..].iter().map(|second| f64::midpoint(*first, *second)));
    }
    averages
}

/// `P(T⁺ ≤ t)` of `n` values centred on 0, for every `t`: each rank 1 to n is positive with probability
/// ½, so that the distribution is built up rank by rank. Probabilities, not counts: 2ⁿ overflows.
fn cumulative(n: usize) -> Vec<f64> {
    let mut probability = vec![0.0; n * (n + 1) / 2 + 1];
    probability[0] = 1.0;
    let mut top = 0;
    for rank in 1..=n {
        top += rank;
        for t in (0..=top).rev() {
            let with = if t >= rank { probability[t - rank] } else { 0.0 };
            probability[t] = f64::midpoint(probability[t], with);
        }
    }
    probability
        .iter()
        .scan(0.0, |sum, p| {
            *sum += p;
            Some(*sum)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const X6: [f64; 6] = [-0.31, -0.22, -0.35, -0.18, -0.41, -0.27];
    const X8: [f64; 8] = [-0.05, 0.02, -0.11, -0.08, 0.04, -0.02, -0.15, -0.07];
    const X12: [f64; 12] = [0.12, -0.34, -0.21, -0.45, -0.08, -0.29, -0.51, 0.03, -0.17, -0.38, -0.26, -0.11];

    /// SciPy 1.17.1: the median of the Walsh averages, and the range of shifts that
    /// `scipy.stats.wilcoxon(x - shift, method="exact")` does not reject at 5 %.
    #[test]
    fn estimate_and_interval_are_those_of_inverting_the_test_of_scipy() {
        let golden: [(&[f64], f64, f64, f64); 3] =
            [(&X6, -0.29, -0.41, -0.18), (&X8, -0.0525, -0.11, 0.01), (&X12, -0.2275, -0.355, -0.09)];
        for (x, estimate, low, high) in golden {
            let interval = signed_rank_interval(x, 0.95).unwrap();
            assert!((hodges_lehmann(x).unwrap() - estimate).abs() < 1e-12);
            assert!((interval.low - low).abs() < 1e-12, "{interval:?}");
            assert!((interval.high - high).abs() < 1e-12, "{interval:?}");
        }
    }

    #[test]
    fn the_distribution_is_that_of_scipy() {
        // scipy.stats.wilcoxon(x, method="exact", alternative="less").pvalue at T+ = 1, 5, 10 of n = 10
        let distribution = cumulative(10);
        for (t, want) in [(1, 0.001_953_125), (5, 0.009_765_625), (10, 0.041_992_187_5)] {
            assert!((distribution[t] - want).abs() < 1e-15);
        }
        assert!((cumulative(200).last().unwrap() - 1.0).abs() < 1e-9, "many blocks overflow nothing");
    }

    #[test]
    fn below_six_values_nothing_can_be_said_at_95_percent() {
        for n in 0..6 {
            assert_eq!(signed_rank_interval(&X12[..n], 0.95), None);
        }
        assert!(signed_rank_interval(&X12[..6], 0.95).is_some());
        assert_eq!(hodges_lehmann(&[]), None);
    }

    proptest! {
        #[test]
        fn the_estimate_lies_in_its_interval_and_moves_with_the_data(
            x in prop::collection::vec(-2.0..2.0_f64, 6..30), shift in -3.0..3.0_f64, scale in 0.1..5.0_f64,
        ) {
            let (estimate, interval) = (hodges_lehmann(&x).unwrap(), signed_rank_interval(&x, 0.95).unwrap());
            prop_assert!(interval.contains(estimate));
            let moved: Vec<f64> = x.iter().map(|value| value * scale + shift).collect();
            let (there, around) = (hodges_lehmann(&moved).unwrap(), signed_rank_interval(&moved, 0.95).unwrap());
            prop_assert!((there - (estimate * scale + shift)).abs() < 1e-9);
            prop_assert!((around.low - (interval.low * scale + shift)).abs() < 1e-9);
            let mirrored: Vec<f64> = x.iter().map(|value| -value).collect();
            let mirror = signed_rank_interval(&mirrored, 0.95).unwrap();
            prop_assert!((mirror.low + interval.high).abs() < 1e-12);
        }
    }
}
