//! What changes around the context: made so before a build, with no clock running.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use super::context::BlockContext;
use super::runner::Bench;
use crate::scenario::{Around, Scenario};

/// Makes the world of a build what the edits of its context say: the package index as it is today, or as
/// it is once upstream has moved on; the updated base images in the engine, unpacked. A context of a new block
/// has no edits, and so it is today again.
///
/// # Errors
/// An updated base image cannot be brought into the engine.
pub(crate) async fn prepare(bench: &Bench<'_>, scenario: &Scenario, context: &BlockContext) -> Result<()> {
    let moved_on = context.around(scenario, Around::Upstream).is_some();
    bench.supply.set_moved_on(&scenario.name, moved_on);
    if let Some(update) = context.around(scenario, Around::Base) {
        let updating = bench.supply.update_bases(bench.engine.docker(), &scenario.name, update);
        updating.await.with_context(|| format!("updating the base images of {}", scenario.name))?;
    }
    Ok(())
}

/// What the `FROM` names stand for in a build of the context. The update of a base carries the edit's token:
/// the base is in the key of every step upon it, and with one update for all, the second block and the other
/// variant would find the first one's steps in the cache.
pub(crate) fn named_contexts(
    bench: &Bench<'_>,
    scenario: &Scenario,
    context: &BlockContext,
) -> BTreeMap<String, String> {
    match context.around(scenario, Around::Base) {
        Some(update) => bench.supply.updated_contexts(&scenario.name, update),
        None => bench.supply.named_contexts(&scenario.name),
    }
}
