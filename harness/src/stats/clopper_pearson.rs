//! The interval of a share that was counted.

use statrs::distribution::{Beta, ContinuousCDF as _};

use super::Interval;

/// The exact 95 % interval of the probability of what happened `hits` times in `of`: Clopper and Pearson, *The Use of
/// Confidence or Fiducial Limits Illustrated in the Case of the Binomial* (1934), by quantiles of the beta distribution.
/// `None` of nothing.
pub fn clopper_pearson(hits: u32, of: u32) -> Option<Interval> {
    let (hits, of) = (f64::from(hits.min(of)), f64::from(of));
    if of == 0.0 {
        return None;
    }
    let quantile = |a: f64, b: f64, share: f64| Beta::new(a, b).ok().map(|beta| bisected(&beta, share));
    let low = if hits == 0.0 { 0.0 } else { quantile(hits, of - hits + 1.0, 0.025)? };
    let high = if hits == of { 1.0 } else { quantile(hits + 1.0, of - hits, 0.975)? };
    Some(Interval { low, high })
}

/// The quantile to the last place: the library's own ends its search at 1e-9 or so.
fn bisected(beta: &Beta, share: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if beta.cdf(middle) < share {
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

    #[test]
    fn the_interval_is_that_of_scipy() {
        // scipy.stats.binomtest(hits, of).proportion_ci(0.95, method="exact")
        for (hits, of, low, high) in [
            (0, 60, 0.0, 0.059_629_492_286_334_72),
            (2, 60, 0.004_062_624_642_031_927, 0.115_281_044_254_192_17),
            (3, 120, 0.005_185_574_958_149_569, 0.071_323_194_157_065_18),
            (7, 2000, 0.001_408_303_832_502_518_8, 0.007_197_961_714_756_038),
            (60, 60, 0.940_370_507_713_665_3, 1.0),
        ] {
            let interval = clopper_pearson(hits, of).unwrap();
            assert!((interval.low - low).abs() < 1e-9 && (interval.high - high).abs() < 1e-9, "{interval:?}");
        }
        assert_eq!(clopper_pearson(0, 0), None);
    }
}
