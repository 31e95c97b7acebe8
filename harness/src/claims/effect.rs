//! Does the practice pay?
//!
//! Two questions, apart: *significant*, is there a difference at all; and *relevant*, is it large enough
//! that anyone would care. A practice helps or hurts when both are answered yes.

use crate::metrics::{Comparison, Estimate, Unit, tolerance};
use crate::record::Effect;
use crate::scenario::{ImageColumn, Metric};
use crate::stats::Interval;

/// A smaller ratio between the variants is nothing worth speaking of: 2 % of a time, 1 % of a size.
/// Counts are exact, and each one counts.
fn relevant_ratio(unit: Unit) -> f64 {
    match unit {
        Unit::Seconds => 0.02,
        Unit::Bytes => 0.01,
        Unit::Count => 0.0,
    }
}

/// A smaller difference is nothing worth speaking of, whatever the ratio: 0.1 s passes for instantaneous
/// (Miller, *Response Time in Man-Computer Conversational Transactions*, 1968); 64 KiB of an image may
/// be a log.
fn relevant_difference(unit: Unit) -> f64 {
    match unit {
        Unit::Seconds => 0.1,
        Unit::Bytes => tolerance(Unit::Bytes, 0.0),
        Unit::Count => 0.0,
    }
}

/// What the figures of one metric say.
pub(super) struct Judged {
    pub(super) effect: Effect,
    /// `None` where the blocks do not suffice.
    pub(super) significant: Option<bool>,
    pub(super) relevant: Option<bool>,
}

/// Judged on the logarithm of the ratio, so that swapping the variants turns the effect and nothing else.
pub(super) fn judge(comparison: &Comparison, estimate: &Estimate) -> Judged {
    let Some(interval) = estimate.interval else {
        return Judged { effect: Effect::Unclear, significant: None, relevant: None };
    };
    let unit = Unit::of(&comparison.metric);
    let median = |side: &Option<crate::metrics::Summary>| side.as_ref().map_or(0.0, |side| side.median);
    let (naive, optimized) = (median(&comparison.naive), median(&comparison.optimized));
    let difference = (naive - optimized).abs();
    let larger = naive.max(optimized);

    let log = |reduction: f64| (1.0 - reduction).ln().abs();
    let ratio_limit = log(relevant_ratio(unit));
    let significant = excludes_zero(interval) && difference > tolerance(unit, larger);
    let relevant = log(estimate.estimate) > ratio_limit && difference >= relevant_difference(unit);
    let at_most = log(interval.low).max(log(interval.high));
    let surely_small = at_most <= ratio_limit || at_most * larger < relevant_difference(unit);

    let effect = match (significant, relevant) {
        (true, true) if is_neutral(&comparison.metric) => Effect::NoEffect,
        (true, true) if estimate.estimate > 0.0 => Effect::Helps,
        (true, true) => Effect::Hurts,
        (true, false) => Effect::NoEffect,
        // Sizes that differ by less than logs and gzip do are as good as equal.
        (false, _) if surely_small || (unit == Unit::Bytes && excludes_zero(interval)) => Effect::NoEffect,
        (false, _) => Effect::Unclear,
    };
    Judged { effect, significant: Some(significant), relevant: Some(relevant) }
}

/// Layers cost next to nothing by their number: fewer of them is a fact, and no gain.
fn is_neutral(metric: &Metric) -> bool {
    matches!(metric, Metric::Image(ImageColumn::Layers))
}

fn excludes_zero(interval: Interval) -> bool {
    interval.low > 0.0 || interval.high < 0.0
}
