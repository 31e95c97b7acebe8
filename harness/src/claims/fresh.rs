//! Whether what an edit saves is also saved on a builder that starts empty.
//!
//! Most CI runners do, and a cache that they import is not all that a persistent builder has: cache mounts stay
//! behind. So a gain after `edit-NAME` is held against `ci-edit-NAME` where the scenario measures it.

use super::known_or_new;
use crate::metrics::{Comparison, Estimate, ScenarioRecords, Unit};
use crate::scenario::{Event, Evidence, Metric, Pair};
use crate::stats::LEAST_BLOCKS;

/// A gain on the fresh builder below this is none worth speaking of.
const NEXT_TO_NOTHING: f64 = 0.05;

/// A sentence for the reason of a claim that an edit pays; none where no CI event stands beside it.
pub(super) fn beside(
    scenario: &ScenarioRecords<'_>,
    compared: &[Comparison],
    metric: &Metric,
) -> Option<String> {
    let Event::Edit(name) = metric.event() else { return None };
    let fresh = Event::CiEdit(name.clone());
    if !scenario.plan.events.contains(&fresh) {
        return None;
    }
    let there = known_or_new(scenario, compared, &metric.at(&fresh));
    let (evidence, blocks) = (metric.evidence(), there.blocks);
    let Estimate { estimate, interval, .. } = *there.reduction.as_ref().ok()?;
    // A time of a few blocks is one to look at, and nothing follows from it.
    if evidence == Evidence::Time && interval.is_none() {
        let Pair { naive, optimized } = there.medians();
        return Some(format!(
            "on a fresh builder with an imported cache ({fresh}) {} → {}, {blocks} of {LEAST_BLOCKS} blocks",
            Unit::Seconds.format(naive),
            Unit::Seconds.format(optimized)
        ));
    }
    let change = Unit::of(metric).change(estimate);
    Some(if estimate < NEXT_TO_NOTHING {
        format!("for a persistent builder only: on a fresh one with an imported cache ({fresh}) {change}")
    } else {
        format!("on a fresh builder with an imported cache ({fresh}) {change}")
    })
}
