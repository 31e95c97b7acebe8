//! The same samples through SciPy; `golden/origin.py` made the values.

use super::*;

#[derive(serde::Deserialize)]
struct Case {
    values: Vec<f64>,
    median: f64,
    hodges_lehmann: f64,
    low: f64,
    high: f64,
    p: f64,
}

/// Medians, estimates and intervals to 1e-9, p to 1e-12: both sides are exact, and differ by rounding alone.
#[test]
fn medians_intervals_and_p_are_those_of_scipy() {
    #[derive(serde::Deserialize)]
    struct Golden {
        cases: Vec<Case>,
    }
    let golden: Golden = serde_json::from_str(include_str!("golden/scipy.json")).unwrap();
    assert_eq!(golden.cases.len(), 14);
    for case in golden.cases {
        let said = paired(&case.values, Stopping::Fixed).unwrap();
        let interval = said.interval.unwrap();
        let pairs = [
            (median(&case.values).unwrap(), case.median, 1e-9),
            (said.estimate, case.hodges_lehmann, 1e-9),
            (interval.low, case.low, 1e-9),
            (interval.high, case.high, 1e-9),
            (paired_p(&case.values, Stopping::Fixed).unwrap(), case.p, 1e-12),
        ];
        for (got, want, tolerance) in pairs {
            assert!((got - want).abs() <= tolerance, "{got}, SciPy {want}: {:?}", case.values);
        }
    }
}
