//! Everything a report says, before it has a form.

use std::collections::HashMap;

use crate::claims::{FalsePositives, false_positives, settle, settle_compared};
use crate::error::BadInput;
use crate::gate::{self, Outcome};
use crate::metrics::{Comparison, Month, ScenarioRecords, compare_all};
use crate::record::{ClaimRow, Records};
use crate::scenario::{Claim, DeltaColumn, Event, ImageColumn, Metric, SampleColumn};

/// A run, judged.
#[derive(Debug)]
pub struct Report<'r> {
    /// What it is made from.
    pub records: &'r Records,
    /// Of an A/A run, what was found where there is no difference; `None` of any other.
    pub false_positives: Option<Vec<FalsePositives>>,
    /// What became of it since an earlier run, where it is held against one.
    pub since: Option<Outcome>,
    /// Its scenarios, in the order of the plan.
    pub scenarios: Vec<ScenarioReport<'r>>,
}

/// A scenario, judged.
#[derive(Debug)]
pub struct ScenarioReport<'r> {
    /// What it is made from.
    pub rows: ScenarioRecords<'r>,
    /// Its metrics.
    pub comparisons: Vec<Comparison>,
    /// Its claims, settled.
    pub claims: Vec<(&'r Claim, ClaimRow)>,
    /// What it comes to in a month, where the run has what that rests on.
    pub month: Option<Month>,
}

impl<'r> Report<'r> {
    /// Judges `records`.
    pub fn of(records: &'r Records) -> Self {
        let rows = ScenarioRecords::split(records);
        let compared = compared(&rows);
        let judged = rows.iter().zip(compared.iter().map(Vec::as_slice));
        let mut settled: HashMap<String, Vec<ClaimRow>> = HashMap::new();
        for row in settle_compared(judged, records.info.profile) {
            settled.entry(row.scenario.clone()).or_default().push(row);
        }
        let scenarios = rows
            .into_iter()
            .zip(compared)
            .map(|(rows, comparisons)| ScenarioReport {
                comparisons,
                month: records.cost.as_ref().map(|assumed| Month::of(&rows, assumed)),
                claims: rows
                    .plan
                    .claims
                    .iter()
                    .zip(settled.remove(&rows.plan.name).unwrap_or_default())
                    .collect(),
                rows,
            })
            .collect();
        let false_positives = records.info.aa.then(|| false_positives(records));
        Self { records, false_positives, since: None, scenarios }
    }

    /// Holds it against an earlier run.
    ///
    /// # Errors
    /// [`BadInput`] where the runs have nothing in common that could be compared.
    pub fn since(&mut self, earlier: &Records) -> Result<(), BadInput> {
        let claims: Vec<ClaimRow> = self.claims().map(|(_, row)| row.clone()).collect();
        self.since = Some(gate::compare((earlier, &settle(earlier)), (self.records, &claims))?);
        Ok(())
    }

    /// The claims of all scenarios.
    pub fn claims(&self) -> impl Iterator<Item = &(&'r Claim, ClaimRow)> {
        self.scenarios.iter().flat_map(|scenario| &scenario.claims)
    }
}

/// The metrics of each scenario, compared: what takes the time of a report, shared among the processors.
fn compared(scenarios: &[ScenarioRecords<'_>]) -> Vec<Vec<Comparison>> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = scenarios.len().div_ceil(workers).max(1);
    std::thread::scope(|scope| {
        let parts: Vec<_> = scenarios
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(compare_all).collect::<Vec<_>>()))
            .collect();
        let joined = parts.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.flat_map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

impl ScenarioReport<'_> {
    /// The comparison of `metric`, if there is one.
    pub fn comparison(&self, metric: &Metric) -> Option<&Comparison> {
        self.comparisons.iter().find(|row| row.metric == *metric)
    }

    /// What says most, first: what the claims speak of, else size and time.
    pub(super) fn headlines(&self) -> Vec<&Comparison> {
        let mut metrics: Vec<Metric> = self.claims.iter().map(|(claim, _)| claim.metric.clone()).collect();
        if metrics.is_empty() {
            metrics.push(Metric::Image(ImageColumn::Compressed));
            let events = self.rows.plan.events.iter();
            metrics.extend(events.map(|event| Metric::Sample(SampleColumn::Wall, event.clone())));
        }
        let mut headlines: Vec<&Comparison> = Vec::new();
        for comparison in metrics.iter().filter_map(|metric| self.comparison(metric)) {
            if comparison.reduction.is_ok() && !headlines.contains(&comparison) {
                headlines.push(comparison);
            }
        }
        headlines.truncate(3);
        headlines
    }

    /// What a reader wants to see of every scenario; the rest stands in `report.md`.
    pub(super) fn essential(&self) -> impl Iterator<Item = &Comparison> {
        let claimed = |metric: &Metric| self.claims.iter().any(|(claim, _)| claim.metric == *metric);
        self.comparisons.iter().filter(move |row| claimed(&row.metric) || is_essential(&row.metric))
    }
}

fn is_essential(metric: &Metric) -> bool {
    match metric {
        Metric::Image(column) => matches!(column, ImageColumn::Compressed | ImageColumn::Rootfs),
        Metric::Sample(SampleColumn::Wall, _) | Metric::Executed(..) => true,
        Metric::Sample(SampleColumn::Cpu | SampleColumn::Context, event) => *event == Event::Cold,
        Metric::Sample(..) => false,
        Metric::DigestChanges(_)
        | Metric::DevelopmentDifferences(_)
        | Metric::StartPhase(..)
        | Metric::Transfer(..)
        | Metric::Fetch(..) => false,
        Metric::Delta(column, event) => *column == DeltaColumn::NewCompressed && *event != Event::Noop,
    }
}
