//! Why steps ran again: what a build was made from is held against what the build before was made from.

use super::build;
use super::context::BlockContext;
use super::runner::Bench;
use crate::engine::buildkit::{BuildOutcome, Export};
use crate::explain::{self, Inputs};
use crate::record::{PlannedStep, Step};
use crate::scenario::{Event, Scenario, Variant};

/// What is said of a step that ran on an empty builder although nothing had changed for it.
const NOT_IMPORTED: &str = "not in the imported cache";

/// What the builder is given in the present context. `None` where it cannot be read: the build, which
/// reads the same, says so in its own words.
pub(crate) fn inputs(
    bench: &Bench<'_>,
    scenario: &Scenario,
    variant: Variant,
    context: &BlockContext,
) -> Option<Inputs> {
    Inputs::of(&build::request(bench, scenario, variant, context, Export::Nothing)).ok()
}

/// Fills in the causes of `rows`, which are those of the outcome's vertexes.
pub(crate) fn fill(
    bench: &Bench<'_>,
    scenario: &Scenario,
    step: &PlannedStep,
    before: Option<&Inputs>,
    after: Option<&Inputs>,
    outcome: &BuildOutcome,
    rows: &mut [Step],
) {
    let (Some(before), Some(after)) = (before, after) else { return };
    if step.event == Event::Cold || scenario.is_rebuilt(&step.event) {
        return;
    }
    let Ok(causes) = explain::causes(before, after, &outcome.vertexes) else { return };
    for (row, cause) in rows.iter_mut().zip(causes) {
        row.cause = cause.map(|cause| match &step.event {
            Event::CiEdit(_) if cause == explain::UNKNOWN => NOT_IMPORTED.into(),
            _ => bench.supply.redactor().redact(&cause).into(),
        });
    }
}
