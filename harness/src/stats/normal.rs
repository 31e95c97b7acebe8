//! The standard normal distribution.

use std::f64::consts::PI;

/// `P(Z ≤ x)`, by Taylor's series about 0 (Marsaglia, *Evaluating the Normal Distribution*, 2004);
/// accurate to about 1e-15 within ±7, and 0 or 1 beyond.
pub(super) fn cdf(x: f64) -> f64 {
    if x.abs() > 7.0 {
        return if x < 0.0 { 0.0 } else { 1.0 };
    }
    let (mut sum, mut term, mut before, mut i) = (x, x, 0.0, 1.0);
    #[expect(clippy::float_cmp, reason = "the series ends when a term no longer changes the sum")]
    while sum != before {
        before = sum;
        i += 2.0;
        term *= x * x / i;
        sum += term;
    }
    0.5 + sum * (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

/// The x with `P(Z ≤ x) = p`, by bisection of [`cdf`]; ±7 at and beyond the ends.
pub fn inverse_cdf(p: f64) -> f64 {
    let (mut low, mut high) = (-7.0, 7.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if cdf(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SciPy 1.17.1: `scipy.stats.norm.cdf` and `.ppf`.
    #[test]
    fn the_values_are_those_of_scipy() {
        for (x, p) in [
            (-6.0, 9.865_876_450_376_946e-10),
            (-1.5, 0.066_807_201_268_858_07),
            (0.5, 0.691_462_461_274_013_1),
            (1.96, 0.975_002_104_851_779_5),
            (4.0, 0.999_968_328_758_166_9),
        ] {
            assert!((cdf(x) - p).abs() < 1e-14, "{x}");
        }
        for (p, x) in [(0.01, -2.326_347_874_040_840_8), (0.5, 0.0), (0.9, 1.281_551_565_544_600_4)] {
            assert!((inverse_cdf(p) - x).abs() < 1e-9, "{p}");
        }
        assert!(inverse_cdf(0.0) <= -6.99 && inverse_cdf(1.0) >= 6.99);
    }
}
