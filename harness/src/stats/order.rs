//! Order statistics.

/// The middle value, or the mean of the two middle ones; `None` of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The `q`-quantile (0 to 1), interpolated between order statistics: type 7 of Hyndman and Fan, *Sample
/// Quantiles in Statistical Packages* (1996), the default of R and NumPy. `None` of nothing.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_of_sorted(&sorted, q)
}

/// [`quantile`] of values that are sorted already.
pub(super) fn quantile_of_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = q.clamp(0.0, 1.0) * last as f64;
    let below = sorted[place.floor() as usize];
    let above = sorted[place.ceil() as usize];
    Some(below + (above - below) * place.fract())
}

/// Which values are outliers: further than 3.5 scaled median absolute deviations from the median, the
/// modified z-score of Iglewicz and Hoaglin, *How to Detect and Handle Outliers* (1993). They are to be
/// labelled, never dropped: a build that took twice as long did take twice as long. With fewer than five
/// values, or more than half of them equal, nothing is labelled.
pub fn outliers(values: &[f64]) -> Vec<bool> {
    let none = vec![false; values.len()];
    let Some(middle) = median(values).filter(|_| values.len() >= 5) else { return none };
    let deviations: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    // 1.4826 makes the deviation that of a normal distribution.
    let scale = 1.4826 * median(&deviations).unwrap_or(0.0);
    if scale == 0.0 {
        return none;
    }
    deviations.iter().map(|deviation| deviation / scale > 3.5).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        // numpy.quantile(x, [0, .1, .25, .5, .75, .9, 1])
        let x = [9.0, 10.0, 11.0, 12.0, 30.0, 2.5];
        let got = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0].map(|q| quantile(&x, q).unwrap());
        for (got, want) in got.iter().zip([2.5, 5.75, 9.25, 10.5, 11.75, 21.0, 30.0]) {
            assert!((got - want).abs() < 1e-12, "{got} {want}");
        }
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[4.0]), Some(4.0));
    }

    #[test]
    fn an_outlier_is_far_from_the_rest_and_not_from_the_mean() {
        assert_eq!(
            outliers(&[10.0, 11.0, 10.5, 10.2, 10.8, 30.0]),
            [false, false, false, false, false, true]
        );
        assert!(outliers(&[10.0, 11.0, 10.5, 10.2, 10.8]).iter().all(|outlier| !outlier));
        assert!(outliers(&[1.0, 1.0, 1.0, 9.0]).iter().all(|outlier| !outlier), "too few to tell");
    }
}
