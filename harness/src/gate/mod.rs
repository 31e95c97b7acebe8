//! Two runs, one after the other: is anything worse now?
//!
//! Each variant is held against itself in the other run. A time is worse where the difference is significant, adjusted
//! for the number of tests, *and* relevant; a size where it is beyond what logs and gzip do; a count where it is more;
//! and what fails now where it did not is worse than any of them.

mod broken;
mod budget;
mod comparable;
#[cfg(test)]
mod tests;
mod time;

use std::collections::BTreeSet;

use serde::Serialize;

pub use broken::Broken;
pub use budget::{Budget, Passed};

use crate::error::BadInput;
use crate::metrics::{Comparison, ScenarioRecords, Summary, Unit, compare_all, tolerance};
use crate::record::{ClaimRow, Effect, Records, Verdict};
use crate::scenario::{Event, Evidence, ImageColumn, Metric, SampleColumn, Variant};

/// What came of comparing two runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The run held against.
    pub base: String,
    /// The run in question.
    pub new: String,
    /// Why times are not compared, where they are not.
    pub times_refused: Option<String>,
    /// What a reader should know besides.
    pub notes: Vec<String>,
    /// What differs, the worst first.
    pub findings: Vec<Finding>,
    /// What fails now and did not before.
    pub broken: BTreeSet<Broken>,
    /// How many metrics do not differ, or not by enough to speak of.
    pub same: usize,
    /// How many times have too few samples in one of the runs to be compared.
    pub untested: usize,
    /// Images that are no longer the same.
    pub digests: Vec<DigestChange>,
    /// Claims that are now settled otherwise.
    pub claims: Vec<ClaimChange>,
}

/// A metric of one variant that differs between the runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The scenario.
    pub scenario: String,
    /// The variant.
    pub variant: Variant,
    /// The metric as scenarios write it.
    pub metric: String,
    /// The same, to put into words.
    #[serde(skip)]
    pub quantity: Metric,
    /// Better, worse, or just other.
    pub direction: Direction,
    /// The median in the first run.
    pub base: f64,
    /// The median in the second.
    pub new: f64,
    /// `new / base − 1`; of a time, the estimate. Absent where there was nothing before.
    pub change: Option<f64>,
    /// Of a time: the lower end of its 95 % interval.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// Of a time: p of "no difference", adjusted for the number of tests (Holm).
    pub p_holm: Option<f64>,
}

/// Which way something went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// More of what nobody wants.
    Worse,
    /// Other, and neither good nor bad by itself: the number of layers or packages.
    Other,
    /// Less of it.
    Better,
}

/// An image that two runs build differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DigestChange {
    /// The scenario.
    pub scenario: String,
    /// The variant.
    pub variant: Variant,
}

/// A claim that two runs settle differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClaimChange {
    /// The scenario.
    pub scenario: String,
    /// The claim.
    pub claim: String,
    /// Effect and verdict in the first run.
    pub base: (Effect, Verdict),
    /// In the second.
    pub new: (Effect, Verdict),
}

impl Outcome {
    /// What is worse.
    pub fn worse(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.direction == Direction::Worse)
    }
}

/// Compares `new` with `base`, each with its claims as they were settled.
///
/// # Errors
/// [`BadInput`] where the runs have nothing in common that could be compared.
pub fn compare(base: (&Records, &[ClaimRow]), new: (&Records, &[ClaimRow])) -> Result<Outcome, BadInput> {
    comparable::refuse(base.0, new.0)?;
    let times_refused = comparable::times(&base.0.info, &new.0.info);
    let mut outcome = Outcome {
        base: base.0.info.id.clone(),
        new: new.0.info.id.clone(),
        notes: comparable::notes(base.0, new.0),
        times_refused,
        findings: Vec::new(),
        broken: BTreeSet::new(),
        same: 0,
        untested: 0,
        digests: Vec::new(),
        claims: claims(base.1, new.1),
    };
    let mut tested = Vec::new();
    let (before, after) = (ScenarioRecords::split(base.0), ScenarioRecords::split(new.0));
    for (was, is) in
        after.iter().filter_map(|is| Some((before.iter().find(|was| was.plan.name == is.plan.name)?, is)))
    {
        let earlier = compare_all(was);
        for row in compare_all(is) {
            let Some(other) = earlier.iter().find(|other| other.metric == row.metric) else { continue };
            for variant in Variant::BOTH {
                let (Some(was), Some(now)) = (side(other, variant), side(&row, variant)) else { continue };
                let of = Of { scenario: &is.plan.name, variant, metric: &row.metric };
                match row.metric.evidence() {
                    Evidence::Time if !is_waited_for(&row.metric) || outcome.times_refused.is_some() => {}
                    Evidence::Time => match time::Tested::of(of, was, now) {
                        Some(time) => tested.push(time),
                        None => outcome.untested += 1,
                    },
                    Evidence::Size | Evidence::Count => match exact(of, was, now) {
                        Some(finding) => outcome.findings.push(finding),
                        None => outcome.same += 1,
                    },
                }
            }
        }
        outcome.broken.extend(broken::broken(&earlier, was, is));
        outcome.digests.extend(
            Variant::BOTH
                .into_iter()
                .filter(|variant| {
                    let (was, is) = (digests(was, *variant), digests(is, *variant));
                    !was.is_empty() && !is.is_empty() && was != is
                })
                .map(|variant| DigestChange { scenario: is.plan.name.clone(), variant }),
        );
    }
    let (found, same, drift) = time::judge(tested);
    outcome.findings.extend(found);
    outcome.same += same;
    outcome.notes.extend(drift);
    outcome.findings.sort_by(|a, b| {
        let size = |finding: &Finding| finding.change.map_or(f64::INFINITY, f64::abs);
        a.direction.cmp(&b.direction).then(size(b).total_cmp(&size(a)))
    });
    Ok(outcome)
}

/// Whose metric is compared.
#[derive(Debug, Clone, Copy)]
struct Of<'a> {
    scenario: &'a str,
    variant: Variant,
    metric: &'a Metric,
}

impl Of<'_> {
    fn finding(self, direction: Direction, base: f64, new: f64, change: Option<f64>) -> Finding {
        Finding {
            scenario: self.scenario.to_owned(),
            variant: self.variant,
            metric: self.metric.to_string(),
            quantity: self.metric.clone(),
            direction,
            base,
            new,
            change,
            low: None,
            high: None,
            p_holm: None,
        }
    }
}

fn side(row: &Comparison, variant: Variant) -> Option<&Summary> {
    match variant {
        Variant::Naive => row.naive.as_ref(),
        Variant::Optimized => row.optimized.as_ref(),
    }
}

/// The times that somebody waits for. What they are made of would be counted twice.
fn is_waited_for(metric: &Metric) -> bool {
    match metric {
        Metric::Sample(column, _) => *column == SampleColumn::Wall,
        Metric::StartPhase(..) | Metric::Transfer(..) => true,
        _ => false,
    }
}

/// Sizes and counts repeat: they differ where every block of one run is beyond every block of the other, by more than
/// logs and gzip do.
fn exact(of: Of<'_>, was: &Summary, now: &Summary) -> Option<Finding> {
    let allowed = tolerance(Unit::of(of.metric), was.median);
    let apart = now.min > was.max || now.max < was.min;
    if !apart || (now.median - was.median).abs() <= allowed {
        return None;
    }
    let direction = match of.metric {
        Metric::Image(
            ImageColumn::Layers | ImageColumn::DistributionPackages | ImageColumn::PythonPackages,
        ) => Direction::Other,
        _ if now.median > was.median => Direction::Worse,
        _ => Direction::Better,
    };
    let change = (was.median > 0.0).then(|| now.median / was.median - 1.0);
    Some(of.finding(direction, was.median, now.median, change))
}

/// The digests of a variant's cold images.
fn digests<'r>(scenario: &ScenarioRecords<'r>, variant: Variant) -> BTreeSet<&'r str> {
    let cold = scenario.samples.iter().filter(|row| row.variant == variant && row.event == Event::Cold);
    cold.filter_map(|row| row.manifest_digest.as_deref()).collect()
}

fn claims(base: &[ClaimRow], new: &[ClaimRow]) -> Vec<ClaimChange> {
    let settled = |row: &ClaimRow| (row.effect, row.verdict);
    new.iter()
        .filter_map(|row| {
            let other =
                base.iter().find(|other| other.scenario == row.scenario && other.claim == row.claim)?;
            (settled(other) != settled(row)).then(|| ClaimChange {
                scenario: row.scenario.clone(),
                claim: row.claim.clone(),
                base: settled(other),
                new: settled(row),
            })
        })
        .collect()
}
