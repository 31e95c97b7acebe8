//! Whether what an edit saves is also saved on a builder that starts empty.
//!
//! Most CI runners do, and a cache that they import is not all that a persistent builder has: cache mounts stay
//! behind. So a gain after `edit-NAME` is held against `ci-edit-NAME` where the scenario measures it.

use crate::metrics::{ScenarioRecords, Unit, compare};
use crate::scenario::{Event, Metric};

/// A gain on the fresh builder below this is none worth speaking of.
const NEXT_TO_NOTHING: f64 = 0.05;

/// A sentence for the reason of a claim that an edit pays; none where no CI event stands beside it.
pub(super) fn beside(scenario: &ScenarioRecords<'_>, metric: &Metric) -> Option<String> {
    let Event::Edit(name) = metric.event() else { return None };
    let fresh = Event::CiEdit(name.clone());
    if !scenario.plan.events.contains(&fresh) {
        return None;
    }
    let there = compare(scenario, &metric.at(&fresh));
    let estimate = there.reduction.ok()?.estimate;
    let change = Unit::of(metric).change(estimate);
    Some(if estimate < NEXT_TO_NOTHING {
        format!("for a persistent builder only: on a fresh one with an imported cache ({fresh}) {change}")
    } else {
        format!("on a fresh builder with an imported cache ({fresh}) {change}")
    })
}
