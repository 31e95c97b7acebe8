//! Does the quoted figure hold?

use crate::record::Verdict;
use crate::stats::Interval;

/// Compares what was measured with the claimed interval, of which an absent end is open. Touching an
/// end is inside; without an interval nothing is decided.
pub(super) fn verdict(measured: Option<Interval>, min: Option<f64>, max: Option<f64>) -> Verdict {
    let Some(measured) = measured else { return Verdict::Inconclusive };
    let claimed = Interval { low: min.unwrap_or(f64::NEG_INFINITY), high: max.unwrap_or(f64::INFINITY) };
    if claimed.contains(measured.low) && claimed.contains(measured.high) {
        Verdict::Supported
    } else if measured.low > claimed.high {
        Verdict::BetterThanClaimed
    } else if measured.high < claimed.low {
        Verdict::Contradicted
    } else {
        Verdict::Inconclusive
    }
}
