//! Releases: what pushing and pulling the images of a block moves, and what the registry then stores.
//!
//! Never timed as builds. The image of every event is pushed, and a node that has the one before pulls it; after
//! the last event the scenario's other releases are built and pushed, and what the registry holds is counted.
//! One variant's images are gone from the registry before the next one's come, so nothing is shared by accident.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::around;
use super::build::{image_name, request};
use super::context::BlockContext;
use super::runner::Bench;
use crate::engine::buildkit::Export;
use crate::record::{PlannedStep, Transfer};
use crate::scenario::{self, Event, Scenario};
use crate::supply::{Node, Registry};

/// The images of one variant in one block, on their way out.
#[derive(Default)]
pub(super) struct Releases {
    /// The node that pulls; absent where the first image of the block was not pushed by this process, as in a
    /// resumed run: then nothing that a registry or a node would have is there.
    node: Option<Node>,
}

impl Releases {
    /// Pushes and pulls the image that `step` built, and after the block's last event all further releases.
    ///
    /// # Errors
    /// The registry or the engine refuses; then nothing more of the block is pushed.
    pub(super) async fn ship(
        &mut self,
        bench: &Bench<'_>,
        scenario: &Scenario,
        step: &PlannedStep,
        context: &BlockContext,
    ) -> Result<Vec<Transfer>> {
        let (Some(releases), Some(registry)) = (&scenario.releases, bench.supply.registry()) else {
            return Ok(Vec::new());
        };
        if step.event == Event::Cold {
            registry.clear().await?;
            self.node = Some(Node::default());
        }
        // Taken out, so that nothing is pushed after a failure: what is missing would be counted in later.
        let Some(mut node) = self.node.take() else { return Ok(Vec::new()) };
        let name = image_name(bench.run_id, &scenario.name, step.variant);
        let mut rows = vec![push(bench, registry, step, &name).await?];
        rows.push(pull(registry, step, &name, &mut node).await?);
        let built = scenario.events.iter().filter(|event| !matches!(event, Event::CiEdit(_)));
        if built.clone().next_back() == Some(&step.event) {
            let others = others(releases, built);
            if !releases.is_empty() {
                series(bench, scenario, step, context, &others).await?;
                let bytes = registry.stored_bytes().await?;
                rows.push(row(step, "stored", None, bytes));
            }
            registry.clear().await?;
        } else {
            self.node = Some(node);
        }
        Ok(rows)
    }
}

async fn push(bench: &Bench<'_>, registry: &Registry, step: &PlannedStep, name: &str) -> Result<Transfer> {
    let before = registry.moved().up;
    let begun = Instant::now();
    bench.engine.push(name, &registry.host()).await?;
    let seconds = begun.elapsed().as_secs_f64();
    Ok(row(step, "push", Some(seconds), registry.moved().up - before))
}

async fn pull(registry: &Registry, step: &PlannedStep, name: &str, node: &mut Node) -> Result<Transfer> {
    let before = registry.moved().down;
    let begun = Instant::now();
    registry.pull(name, node).await?;
    let seconds = begun.elapsed().as_secs_f64();
    Ok(row(step, "pull", Some(seconds), registry.moved().down - before))
}

/// The releases that are not yet out: those of the events were, each the first of its kind.
fn others<'e>(releases: &[String], events: impl Iterator<Item = &'e Event>) -> Vec<String> {
    let mut others = releases.to_vec();
    for event in events {
        if let Event::Edit(edit) = event
            && let Some(place) = others.iter().position(|release| **edit == **release)
        {
            others.remove(place);
        }
    }
    others
}

/// Builds and pushes `edits`, one on top of the other.
async fn series(
    bench: &Bench<'_>,
    scenario: &Scenario,
    step: &PlannedStep,
    context: &BlockContext,
    edits: &[String],
) -> Result<()> {
    let registry = bench.supply.registry().context("there is no registry")?;
    // Beside the image of the last event, which is still to be asked its question.
    let name = format!("{}-release", image_name(bench.run_id, &scenario.name, step.variant));
    let mut context = context.clone();
    for (edit, number) in edits.iter().zip(1..) {
        let event = Event::Edit(edit.as_str().into());
        // As new as the event's own edit, and told from it.
        let made = format!("{}:release-{number}", context.nonce());
        let nonce = scenario::nonce(&made, &scenario.name, step.block, step.variant, &event, 1);
        context.apply(scenario, step.variant, &event, nonce)?;
        around::prepare(bench, scenario, &context).await?;
        let mut request =
            request(bench, scenario, step.variant, &context, Export::Store { name: name.clone() });
        request.progress = Some(Arc::clone(&bench.progress));
        bench.engine.build(request).await.with_context(|| format!("building release {number} ({edit})"))?;
        bench.engine.push(&name, &registry.host()).await?;
    }
    Ok(())
}

fn row(step: &PlannedStep, what: &str, seconds: Option<f64>, bytes: u64) -> Transfer {
    Transfer {
        scenario: step.scenario.clone(),
        variant: step.variant,
        event: step.event.clone(),
        block: step.block,
        what: what.to_owned(),
        seconds,
        bytes: Some(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_events_are_releases_too() {
        let releases = ["source", "source", "weights", "source"].map(String::from);
        let events = ["cold", "noop", "edit-source", "edit-weights"].map(|text| text.parse().unwrap());
        assert_eq!(others(&releases, events.iter()), ["source", "source"]);
        assert_eq!(others(&releases, events[..2].iter()), releases);
    }
}
