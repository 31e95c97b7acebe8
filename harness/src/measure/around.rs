//! What changes around the context: made so before a build, with no clock running.

use super::context::BlockContext;
use super::runner::Bench;
use crate::scenario::{Around, Scenario};

/// Makes the world of a build what the edits of its context say: the package index as it is today, or as
/// it is once upstream has moved on. A context of a new block has no edits, and so it is today again.
pub(crate) fn prepare(bench: &Bench<'_>, scenario: &Scenario, context: &BlockContext) {
    let moved_on = context.around(scenario, Around::Upstream).is_some();
    bench.supply.set_moved_on(&scenario.name, moved_on);
}
