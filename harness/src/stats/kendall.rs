//! Kendall's test for a trend.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::normal;

/// Values up to which the distribution is exact; beyond, it is as good as normal.
const EXACT: usize = 60;

/// Two-sided p of "the values, in this order, have no trend": by the number of pairs that rise less those that fall.
/// Kendall, *A New Measure of Rank Correlation* (1938); for a trend in time, Mann, *Nonparametric Tests Against Trend*
/// (1945). Exact up to 60 values without equal ones; equal pairs count as neither, which errs towards no trend. 1 of
/// fewer than two.
pub fn kendall_p(values: &[f64]) -> f64 {
    let n = values.len();
    let pairs = n * n.saturating_sub(1) / 2;
    let mut score = 0_i64;
    for (at, earlier) in values.iter().enumerate() {
        for later in &values[at + 1..] {
            score += i64::from(later > earlier) - i64::from(later < earlier);
        }
    }
    // Of a score of s, (pairs − s) / 2 pairs fall; half a pair, where there is an equal one, counts as falling.
    let falling = (pairs - score.unsigned_abs() as usize).div_ceil(2);
    let tail = if n <= EXACT {
        falling_pairs(n).iter().take(falling + 1).sum()
    } else {
        let variance = (n * (n - 1) * (2 * n + 5)) as f64 / 18.0;
        // The score moves in steps of two: half a step back.
        normal::cdf(-(score.unsigned_abs() as f64 - 1.0) / variance.sqrt())
    };
    f64::min(2.0 * tail, 1.0)
}

/// The share of all orders of `n` values that have so many falling pairs, for every number: the last of `n` values
/// falls behind 0 to n − 1 of the others, each as likely. Worked out once for each `n`: in a run most metrics have
/// values of as many blocks.
fn falling_pairs(n: usize) -> Arc<Vec<f64>> {
    static KNOWN: LazyLock<Mutex<HashMap<usize, Arc<Vec<f64>>>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(known.entry(n).or_insert_with(|| Arc::new(shares_of_falling_pairs(n))))
}

fn shares_of_falling_pairs(n: usize) -> Vec<f64> {
    let mut share = vec![1.0];
    for count in 2..=n {
        let mut next = Vec::with_capacity(share.len() + count - 1);
        let mut sum = 0.0;
        for falling in 0..share.len() + count - 1 {
            sum += share.get(falling).copied().unwrap_or_default();
            if let Some(left) = falling.checked_sub(count) {
                sum -= share[left];
            }
            next.push(sum / count as f64);
        }
        share = next;
    }
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_is_that_of_scipy() {
        // scipy.stats.kendalltau(range(len(x)), x, method="exact").pvalue
        let golden: [(&[f64], f64); 4] = [
            (&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 0.002_777_777_777_777_778),
            (&[1.0, 2.0, 3.0, 4.0, 6.0, 5.0], 0.016_666_666_666_666_666),
            (&[5.1, 4.2, 4.9, 3.7, 3.9, 3.1, 3.3, 2.8], 0.005_505_952_380_952_381),
            (&[0.3, 0.1, 0.9, 0.4, 0.2, 0.8, 0.5], 0.561_904_761_904_761_9),
        ];
        for (x, p) in golden {
            assert!((kendall_p(x) - p).abs() < 1e-12, "{x:?}: {}", kendall_p(x));
        }
        assert_eq!((kendall_p(&[]), kendall_p(&[1.0])), (1.0, 1.0));
    }

    #[test]
    fn the_normal_distribution_stands_in_where_the_exact_one_ends() {
        let saw = |n: usize| (0..n).map(|at| (at * 37 % 101) as f64 + 0.5 * at as f64).collect::<Vec<_>>();
        // SciPy, exact. Where p is small the normal distribution errs towards no trend.
        for (n, p) in [(60, 0.018_142_107), (61, 0.007_220_586), (80, 0.000_607_377)] {
            let got = kendall_p(&saw(n));
            assert!((0.99..1.15).contains(&(got / p)), "{n}: {got}, SciPy {p}");
        }
    }
}
