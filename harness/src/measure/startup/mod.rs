//! From pull to first result: what passes between the moment at which a node is told of an image and its first answer,
//! phase by phase.
//!
//! The image that a block has built is pushed to the registry on loopback. A second engine, the [`Node`], which has
//! nothing of it, pulls it from there over the link, and starts it: the first start. Then it starts another container
//! of the image that is now there. What is mounted is out of the page cache before the first start, and the page
//! cache holds of the image what unpacking left there, as on any node that has just pulled.
//!
//! What happens outside the container is seen from here; what happens in it, its program marks ([`marks`]). `total` is
//! measured on its own, by our clock, up to the moment at which the first result is seen here.

mod launch;
mod marks;
mod node;
mod pages;
mod rows;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use self::launch::Launch;
use self::rows::{Of, Outcome, rows};
use super::build::{image_name, is_engine_lost, shown};
use super::runner::Bench;
use crate::engine::containers::Mounts;
use crate::record::{NOT_MEASURED, PlannedStep, StartPhase};
use crate::scenario::{Phase, Scenario, Start, Startup};
use crate::supply::Registry;

pub use node::Node;

/// For one start from its creation to the end of its program.
const LIMIT: Duration = Duration::from_secs(600);

/// Seconds of the phases that were seen.
type Seconds = BTreeMap<Phase, f64>;

/// The startup rows of the image that `step` has built; nothing where the scenario measures no start-up. A start-up that
/// fails is a row with its error.
///
/// # Errors
/// The engine or the node went away.
pub(crate) async fn measure(
    bench: &Bench<'_>,
    scenario: &Scenario,
    step: &PlannedStep,
    mounts: &Mounts,
) -> Result<Vec<StartPhase>> {
    let Some(startup) = &scenario.startup else { return Ok(Vec::new()) };
    let of = |start| Of { scenario: &scenario.name, variant: step.variant, block: step.block, start };
    let starts = [Start::First, Start::Again];
    let node = match bench.node {
        Ok(node) => node,
        Err(why) => {
            let failed = Outcome { seconds: Seconds::new(), total: Err(format!("{NOT_MEASURED}{why}")) };
            return Ok(starts
                .into_iter()
                .flat_map(|start| rows(of(start), &failed, Some("no node")))
                .collect());
        }
    };
    let measured = StartUp { bench, node, startup, mounts, step }.both().await?;
    let told = |outcome: Outcome| Outcome {
        total: outcome.total.map_err(|why| shown(bench, &scenario.name, &why)),
        ..outcome
    };
    let outcomes = starts.into_iter().zip(measured.map(told));
    Ok(outcomes.flat_map(|(start, outcome)| rows(of(start), &outcome, node.gpu().err())).collect())
}

struct StartUp<'a> {
    bench: &'a Bench<'a>,
    node: &'a Node,
    startup: &'a Startup,
    mounts: &'a Mounts,
    step: &'a PlannedStep,
}

impl StartUp<'_> {
    /// The first start and one more.
    async fn both(&self) -> Result<[Outcome; 2]> {
        let first = self.first().await?;
        let again = match &first.total {
            Ok(_) => {
                let (mut seconds, begun) = (Seconds::new(), Instant::now());
                let started = self.launch(&self.name()?).go(&mut seconds).await;
                self.outcome(seconds, started.map(|end| end.duration_since(begun))).await?
            }
            Err(_) => {
                let why = "not started again: the first start failed".to_owned();
                Outcome { seconds: Seconds::new(), total: Err(why) }
            }
        };
        // The next block's pull finds nothing of it.
        self.node.engine.remove_images(&self.local()).await?;
        Ok([first, again])
    }

    async fn first(&self) -> Result<Outcome> {
        let mut seconds = Seconds::new();
        let total = self.pull_and_launch(&mut seconds).await;
        self.outcome(seconds, total).await
    }

    async fn pull_and_launch(&self, seconds: &mut Seconds) -> Result<Duration> {
        let registry = self.registry()?;
        let (local, name) = (self.local(), self.name()?);
        self.bench.engine.push(&local, &registry.host()).await?;
        let bytes = registry.image_bytes(&local).await?;
        self.node.engine.remove_images(&local).await?;
        self.node.engine.sync().await?;
        let mounted: Vec<_> = self.mounts.values().cloned().collect();
        tokio::task::spawn_blocking(move || pages::evict(&mounted)).await??;

        let (before, _) = (registry.moved().down, registry.take_pull_times());
        let begun = Instant::now();
        self.node.engine.pull(&name).await?;
        let pulled = Instant::now();
        let moved = registry.moved().down - before;
        ensure!(
            moved >= bytes,
            "the node had some of the image already: {moved} bytes of {bytes} were pulled"
        );
        let (first, last) = registry.take_pull_times().context("the registry sent no layer")?;
        for (phase, from, to) in [
            (Phase::PullResolve, begun, first),
            (Phase::PullFetch, first, last),
            (Phase::PullUnpack, last, pulled),
        ] {
            seconds.insert(phase, to.saturating_duration_since(from).as_secs_f64());
        }
        let end = self.launch(&name).go(seconds).await?;
        Ok(end.duration_since(begun))
    }

    /// What came of it; that an engine is gone is nothing to hold against the image.
    async fn outcome(&self, seconds: Seconds, total: Result<Duration>) -> Result<Outcome> {
        let total = match total {
            Ok(total) => Ok(total.as_secs_f64()),
            Err(error) if is_engine_lost(&error) => return Err(error),
            Err(error) => {
                self.node.engine.docker().ping().await.context("the node went away during a start-up")?;
                self.bench.engine.docker().ping().await.context("the engine went away during a start-up")?;
                Err(format!("{error:#}"))
            }
        };
        Ok(Outcome { seconds, total })
    }

    fn launch<'l>(&'l self, image: &'l str) -> Launch<'l> {
        Launch {
            docker: self.node.engine.docker(),
            run: self.bench.run_id,
            image,
            command: &self.startup.command,
            mounts: self.mounts,
            gpu: self.node.gpu().ok(),
            limit: LIMIT,
        }
    }

    /// What the engine that built the image calls it.
    fn local(&self) -> String {
        image_name(self.bench.run_id, &self.step.scenario, self.step.variant)
    }

    /// What the node calls it: where it comes from.
    fn name(&self) -> Result<String> {
        Ok(format!("{}/{}", self.registry()?.host(), self.local()))
    }

    fn registry(&self) -> Result<&Registry> {
        self.bench.supply.registry().context("there is no registry")
    }
}
