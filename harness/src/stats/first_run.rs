//! Is the first value apart from those after it?

use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// One-sided p of "the first value is one like the others", against its being larger: where it lies in the prediction
/// interval that the others give for one value more (Hahn and Meeker, *Statistical Intervals*, 1991). Exact for normal
/// values. For others it may be too small where the first is the largest by chance, which happens once in as many runs
/// as there are values. 1 of fewer than four.
pub fn first_is_larger_p(values: &[f64]) -> f64 {
    let Some((first, rest)) = values.split_first().filter(|(_, rest)| rest.len() >= 3) else { return 1.0 };
    let count = rest.len() as f64;
    let mean = rest.iter().sum::<f64>() / count;
    let variance = rest.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let above = first - mean;
    if variance <= 0.0 {
        return if above > 0.0 { 0.0 } else { 1.0 };
    }
    let t = above / (variance * (1.0 + 1.0 / count)).sqrt();
    StudentsT::new(0.0, 1.0, count - 1.0).map_or(1.0, |distribution| distribution.sf(t))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_is_that_of_scipy() {
        // r = x[1:]; scipy.stats.t.sf((x[0] - r.mean()) / (r.std(ddof=1) * sqrt(1 + 1 / 5)), 4)
        let p = first_is_larger_p(&[2.9, 2.30, 2.41, 2.35, 2.28, 2.44]);
        assert!((p - 0.000_975_491_777_683_341_8).abs() < 1e-12, "{p}");
    }

    #[test]
    fn a_first_value_that_is_smaller_or_one_of_few_is_none_apart() {
        assert!(first_is_larger_p(&[2.0, 2.30, 2.41, 2.35, 2.28, 2.44]) > 0.9);
        assert!((first_is_larger_p(&[9.0, 1.0, 1.1]) - 1.0).abs() < 1e-12);
        assert!(first_is_larger_p(&[2.0, 1.0, 1.0, 1.0]) < 1e-12);
        assert!((first_is_larger_p(&[1.0; 6]) - 1.0).abs() < 1e-12);
    }
}
