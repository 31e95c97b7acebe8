//! Claims settled by data: first what the practice does, then whether the quoted figure holds.

mod aa;
mod effect;
mod enough;
mod fresh;
mod reason;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod verdict;

pub use aa::{FalsePositives, false_positives};
pub use enough::precise_enough;

use std::borrow::Cow;

use crate::metrics::{Comparison, ScenarioRecords, Summary, compare};
use crate::record::{ClaimRow, Effect, Records, Verdict};
use crate::scenario::{Claim, Evidence, Metric, Profile};
use crate::stats;

/// Settles every claim of a run, in the order of the plan.
pub fn settle(records: &Records) -> Vec<ClaimRow> {
    let scenarios = ScenarioRecords::split(records);
    settle_compared(scenarios.iter().map(|scenario| (scenario, &[][..])), records.info.profile)
}

/// The same where metrics were compared already, a list for each scenario: what is missing in it is compared now.
pub fn settle_compared<'r>(
    scenarios: impl Iterator<Item = (&'r ScenarioRecords<'r>, &'r [Comparison])>,
    profile: Profile,
) -> Vec<ClaimRow> {
    let mut rows = Vec::new();
    for (scenario, compared) in scenarios {
        for claim in &scenario.plan.claims {
            let comparison = known_or_new(scenario, compared, &claim.metric);
            let mut row = settle_one(&scenario.plan.name, claim, &comparison, profile);
            if row.effect == Effect::Helps
                && let Some(beside) = fresh::beside(scenario, compared, &claim.metric)
            {
                row.reason = format!("{}; {beside}", row.reason);
            }
            rows.push(row);
        }
    }
    adjust(&mut rows);
    rows
}

/// The comparison of `metric` among those that were `compared`, or else one made now.
fn known_or_new<'c>(
    scenario: &ScenarioRecords<'_>,
    compared: &'c [Comparison],
    metric: &Metric,
) -> Cow<'c, Comparison> {
    match compared.iter().find(|row| row.metric == *metric) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(compare(scenario, metric)),
    }
}

/// Does the practice pay in this metric, whether or not anybody claims it?
pub fn effect(comparison: &Comparison) -> Effect {
    let estimate = comparison.reduction.as_ref();
    estimate.map_or(Effect::Unclear, |estimate| effect::judge(comparison, estimate).effect)
}

fn settle_one(scenario: &str, claim: &Claim, comparison: &Comparison, profile: Profile) -> ClaimRow {
    let row = ClaimRow {
        scenario: scenario.to_owned(),
        claim: claim.name.clone(),
        metric: claim.metric.to_string(),
        estimate: None,
        low: None,
        high: None,
        expected_min: claim.expected_min,
        expected_max: claim.expected_max,
        effect: Effect::Unclear,
        verdict: Verdict::NotMeasured,
        reason: String::new(),
        blocks: comparison.blocks,
        p: None,
        p_holm: None,
        significant: None,
        relevant: None,
        source: claim.source.clone(),
        field: claim.field.clone(),
    };
    if !claim.profiles.contains(&profile) {
        return ClaimRow { reason: reason::of_another_profile(profile, &claim.profiles), ..row };
    }
    let estimate = match &comparison.reduction {
        Ok(estimate) => estimate,
        Err(missing) => return ClaimRow { reason: missing.clone(), ..row },
    };
    let judged = effect::judge(comparison, estimate);
    let verdict = if nothing_to_reduce(claim, comparison) {
        Verdict::Inconclusive
    } else {
        verdict::verdict(estimate.interval, claim.expected_min, claim.expected_max)
    };
    let mut reason = reason::of(claim, comparison, estimate, verdict);
    if (verdict, judged.significant, judged.relevant) == (Verdict::Contradicted, Some(true), Some(false)) {
        reason.push_str(&reason::too_little(comparison));
    }
    // A ratio to 0 is no number: it stays out of the file, and the reason says it.
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    ClaimRow {
        estimate: finite(estimate.estimate),
        low: estimate.interval.and_then(|interval| finite(interval.low)),
        high: estimate.interval.and_then(|interval| finite(interval.high)),
        effect: judged.effect,
        verdict,
        reason,
        p: estimate.p(),
        significant: judged.significant,
        relevant: judged.relevant,
        ..row
    }
}

/// Whether it is claimed that something becomes less of which neither variant has anything: that two images are the
/// same is no evidence against a practice that keeps them so, and none for it.
fn nothing_to_reduce(claim: &Claim, comparison: &Comparison) -> bool {
    let none = |side: &Option<Summary>| side.as_ref().is_some_and(|side| side.max == 0.0);
    comparison.metric.evidence() != Evidence::Time
        && claim.expected_min.is_some_and(|min| min > 0.0)
        && none(&comparison.naive)
        && none(&comparison.optimized)
}

/// Holm's adjustment over all claims of the run that rest on a test.
fn adjust(rows: &mut [ClaimRow]) {
    let tested: Vec<f64> = rows.iter().filter_map(|row| row.p).collect();
    let adjusted = stats::holm(&tested);
    for (row, p) in rows.iter_mut().filter(|row| row.p.is_some()).zip(adjusted) {
        row.p_holm = Some(p);
    }
}
