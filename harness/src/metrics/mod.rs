//! From rows to quantities: what each variant measured, and how far apart they are.

mod compare;
mod month;
mod overlap;
mod rows;
mod units;
mod warnings;

pub use compare::{Comparison, Estimate, Summary, compare, tolerance};
pub use month::{Month, Monthly};
pub use overlap::Overlap;
pub(crate) use overlap::union_s;
pub use rows::ScenarioRecords;
pub(crate) use units::three_digits;
pub use units::{Unit, less_or_more, percent, percent_range};

use std::collections::HashSet;

use crate::scenario::{DeltaColumn, Event, FetchColumn, ImageColumn, Metric, SampleColumn, TransferColumn};

/// Every metric of a scenario that was measured or that a claim speaks of, compared; sizes first, then
/// event by event.
pub fn compare_all(scenario: &ScenarioRecords<'_>) -> Vec<Comparison> {
    let claimed: Vec<&Metric> = scenario.plan.claims.iter().map(|claim| &claim.metric).collect();
    let mut metrics = metrics(scenario);
    for metric in &claimed {
        if !metrics.contains(metric) {
            metrics.push((*metric).clone());
        }
    }
    metrics
        .into_iter()
        .map(|metric| compare(scenario, &metric))
        .filter(|row| row.naive.is_some() || row.optimized.is_some() || claimed.contains(&&row.metric))
        .collect()
}

fn metrics(scenario: &ScenarioRecords<'_>) -> Vec<Metric> {
    let mut metrics: Vec<Metric> = ImageColumn::ALL.iter().map(|column| Metric::Image(*column)).collect();
    for event in &scenario.plan.events {
        metrics.push(Metric::DigestChanges(event.clone()));
        metrics.push(Metric::DevelopmentDifferences(event.clone()));
        metrics.extend(SampleColumn::ALL.iter().map(|column| Metric::Sample(*column, event.clone())));
        if *event == Event::Cold {
            continue;
        }
        let steps = scenario.plan.steps.iter();
        metrics.extend(steps.map(|(name, _)| Metric::Executed(name.clone(), event.clone())));
        metrics.extend(DeltaColumn::ALL.iter().map(|column| Metric::Delta(*column, event.clone())));
    }
    let starts = scenario.starts.iter().map(|row| Metric::StartPhase(row.phase.clone(), row.event));
    let transfers = scenario.transfers.iter().flat_map(|row| {
        let metric = |column: &TransferColumn| Metric::Transfer(*column, row.what.clone(), row.event.clone());
        TransferColumn::ALL.iter().map(metric)
    });
    let fetches = scenario
        .fetches
        .iter()
        .flat_map(|row| FetchColumn::ALL.iter().map(|column| Metric::Fetch(*column, row.event)));
    // Each once, in the order in which they were first recorded.
    let mut seen: HashSet<Metric> = HashSet::new();
    metrics.extend(starts.chain(fetches).chain(transfers).filter(|metric| seen.insert(metric.clone())));
    metrics
}
