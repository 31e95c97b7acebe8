//! What each cause of a step that ran again cost.

use std::collections::BTreeMap;

use crate::metrics::{ScenarioRecords, Unit};
use crate::record::Step;
use crate::scenario::{Event, Variant};
use crate::stats;

/// One cause after one event in one variant.
#[derive(Debug)]
pub(super) struct Cost<'r> {
    pub(super) event: &'r Event,
    pub(super) variant: Variant,
    pub(super) cause: &'r str,
    /// Steps that it made run, the median over the blocks in which it did.
    pub(super) steps: u32,
    /// Their seconds added up, the same.
    seconds: Option<f64>,
}

impl Cost<'_> {
    /// The seconds with their unit.
    pub(super) fn took(&self) -> String {
        self.seconds.map_or_else(|| "-".to_owned(), |seconds| Unit::Seconds.format(seconds))
    }

    /// `edit-source, naive: [2/4] COPY . .: service.py changed; 2 steps ran again: 5.9 s`.
    pub(super) fn sentence(&self) -> String {
        let steps = if self.steps == 1 { "1 step".to_owned() } else { format!("{} steps", self.steps) };
        format!("{}, {}: {}; {steps} ran again: {}", self.event, self.variant, self.cause, self.took())
    }
}

/// The causes in the order of the events, naive first, the costliest of one build first.
pub(super) fn costs<'r>(rows: &ScenarioRecords<'r>) -> Vec<Cost<'r>> {
    let mut costs = Vec::new();
    for event in &rows.plan.events {
        for variant in Variant::BOTH {
            // cause → block → steps and seconds
            let mut found: BTreeMap<&str, BTreeMap<u32, (u32, f64)>> = BTreeMap::new();
            // Steps of a build that is not counted are not counted either.
            let built: Vec<u32> = rows.builds(variant, event).map(|row| row.block).collect();
            let counts =
                |step: &Step| step.event == *event && step.variant == variant && built.contains(&step.block);
            for step in rows.steps.iter().filter(|step| counts(step)) {
                if let Some(cause) = &step.cause {
                    let (steps, seconds) = found.entry(cause).or_default().entry(step.block).or_default();
                    *steps += 1;
                    *seconds += step.seconds.unwrap_or_default();
                }
            }
            let mut of_build: Vec<Cost<'_>> = found
                .into_iter()
                .map(|(cause, blocks)| {
                    let steps: Vec<f64> = blocks.values().map(|(steps, _)| f64::from(*steps)).collect();
                    let seconds: Vec<f64> = blocks.values().map(|(_, seconds)| *seconds).collect();
                    Cost {
                        event,
                        variant,
                        cause,
                        steps: stats::median(&steps).unwrap_or_default().round() as u32,
                        seconds: stats::median(&seconds),
                    }
                })
                .collect();
            of_build.sort_by(|a, b| b.seconds.partial_cmp(&a.seconds).unwrap_or(std::cmp::Ordering::Equal));
            costs.append(&mut of_build);
        }
    }
    costs
}
