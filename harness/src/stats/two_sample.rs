//! Samples of two runs, which no block pairs.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

use super::Interval;

/// Samples a side below which nothing is said: a spread of two is none to build on.
pub const LEAST_SAMPLES: usize = 3;

/// How far the second run's logarithms lie above the first's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// The difference of the means.
    pub estimate: f64,
    /// Its 95 % interval.
    pub interval: Interval,
    /// Two-sided p of "no difference".
    pub p: f64,
}

/// Compares the means of two samples of logarithms, whose spreads may differ: Welch, *The Generalization of
/// "Student's" Problem when Several Different Population Variances are Involved* (1947), with the degrees of freedom
/// of Welch and Satterthwaite.
///
/// A test by rank would be as sure of its error rate, but with six samples a side its least p is 0.002: adjusted for
/// the hundred tests of two runs, it could never find anything. `None` of fewer than [`LEAST_SAMPLES`] a side.
pub fn two_sample(first: &[f64], second: &[f64]) -> Option<Shift> {
    if first.len().min(second.len()) < LEAST_SAMPLES {
        return None;
    }
    let (a, b) = (Moments::of(first), Moments::of(second));
    let estimate = b.mean - a.mean;
    let variance = a.of_mean + b.of_mean;
    if variance <= 0.0 {
        // Samples without any spread: they are the same, or they are not.
        let interval = Interval { low: estimate, high: estimate };
        return Some(Shift { estimate, interval, p: if estimate == 0.0 { 1.0 } else { 0.0 } });
    }
    let freedom =
        variance.powi(2) / (a.of_mean.powi(2) / (a.count - 1.0) + b.of_mean.powi(2) / (b.count - 1.0));
    let t = StudentsT::new(0.0, 1.0, freedom).ok()?;
    let error = variance.sqrt();
    let half = t.inverse_cdf(0.975) * error;
    Some(Shift {
        estimate,
        interval: Interval { low: estimate - half, high: estimate + half },
        p: (2.0 * t.cdf(-(estimate / error).abs())).min(1.0),
    })
}

struct Moments {
    count: f64,
    mean: f64,
    /// Variance of the mean.
    of_mean: f64,
}

impl Moments {
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { count, mean, of_mean: squares / (count - 1.0) / count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By SciPy 1.17: `ttest_ind(second, first, equal_var=False)` and its `confidence_interval(0.95)`.
    #[test]
    fn agrees_with_scipy() {
        let first = [1.61, 1.58, 1.66, 1.6, 1.63, 1.59];
        let second = [1.7, 1.74, 1.69, 1.78, 1.71];
        let shift = two_sample(&first, &second).unwrap();
        let expected = [0.11233333333333317, 0.06536634129341538, 0.15930032537325095, 0.0006206226729269191];
        let found = [shift.estimate, shift.interval.low, shift.interval.high, shift.p];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }

    #[test]
    fn too_few_samples_say_nothing_and_equal_ones_are_equal() {
        assert_eq!(two_sample(&[1.0, 1.1], &[1.0, 1.1, 1.2]), None);
        assert_eq!(two_sample(&[1.0; 3], &[1.0; 3]).unwrap().p, 1.0);
        assert_eq!(two_sample(&[1.0; 3], &[2.0; 3]).unwrap().p, 0.0);
    }
}
