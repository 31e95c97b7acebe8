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
//!
//! Where the image fetches its weights, both starts have one volume, empty before the first; [`fetch`] then interrupts
//! a third one, and looks at the start after it.

mod fetch;
mod launch;
mod marks;
mod node;
mod pages;
mod rows;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use self::fetch::Fetching;
use self::launch::{Launch, Started};
use self::rows::{Of, Outcome, rows};
use super::build::{ends_the_run, image_name, shown};
use super::runner::Bench;
use crate::engine::containers::Mounts;
use crate::record::{Fetched, NOT_MEASURED, PlannedStep, StartPhase};
use crate::scenario::{FetchStart, Phase, Scenario, Start, Startup};
use crate::supply::Registry;

pub use node::Node;

/// For one start from its creation to the end of its program.
const LIMIT: Duration = Duration::from_secs(600);

/// Of a program that fetches nothing.
static NO_ENV: BTreeMap<String, String> = BTreeMap::new();

/// Seconds of the phases that were seen.
type Seconds = BTreeMap<Phase, f64>;

/// What the start-ups of an image gave.
#[derive(Debug, Default)]
pub(crate) struct StartUps {
    /// The rows of `startup.csv`.
    pub(crate) phases: Vec<StartPhase>,
    /// The rows of `fetches.csv`.
    pub(crate) fetches: Vec<Fetched>,
}

/// Measures the start-ups of the image that `step` has built; nothing where the scenario has none. A start-up that fails
/// is a row with its error.
///
/// # Errors
/// The engine that builds went away.
pub(crate) async fn measure(
    bench: &Bench<'_>,
    scenario: &Scenario,
    step: &PlannedStep,
    mounts: &Mounts,
    interrupted: bool,
) -> Result<StartUps> {
    let Some(startup) = &scenario.startup else { return Ok(StartUps::default()) };
    let of = |start| Of {
        scenario: &scenario.name,
        variant: step.variant,
        block: step.block,
        start,
        fetches: startup.fetch.is_some(),
    };
    let starts = [Start::First, Start::Again];
    let node = match bench.node {
        Ok(node) => node,
        Err(why) => {
            let failed = Outcome { seconds: Seconds::new(), total: Err(format!("{NOT_MEASURED}{why}")) };
            let phases = starts.into_iter().flat_map(|start| rows(of(start), &failed, Some("no node")));
            return Ok(StartUps { phases: phases.collect(), fetches: Vec::new() });
        }
    };
    let fetching =
        startup.fetch.as_ref().map(|fetch| Fetching::open(bench, scenario, fetch, step)).transpose()?;
    let nothing = Mounts::new();
    // What is fetched is not mounted.
    let mounts = if fetching.is_some() { &nothing } else { mounts };
    let mut start_up = StartUp { bench, node, startup, mounts, step, fetching, interrupted };
    let measured = start_up.both().await?;
    let told = |outcome: Outcome| Outcome {
        total: outcome.total.map_err(|why| shown(bench, &scenario.name, &why)),
        ..outcome
    };
    let outcomes = starts.into_iter().zip(measured.map(told));
    let phases = outcomes.flat_map(|(start, outcome)| rows(of(start), &outcome, node.gpu().err())).collect();
    let mut fetches = start_up.fetching.map(Fetching::into_rows).unwrap_or_default();
    for row in &mut fetches {
        row.error = row.error.take().map(|why| shown(bench, &scenario.name, &why));
    }
    Ok(StartUps { phases, fetches })
}

struct StartUp<'a> {
    bench: &'a Bench<'a>,
    node: &'a Node,
    startup: &'a Startup,
    mounts: &'a Mounts,
    step: &'a PlannedStep,
    fetching: Option<Fetching<'a>>,
    /// Whether one is killed half-way: what comes of it is exact, so two blocks are enough.
    interrupted: bool,
}

/// A start that gave a first result, and what passed until then.
type Timed = (Started, Duration);

impl StartUp<'_> {
    /// The first start and one more; where weights are fetched, one that is interrupted besides.
    async fn both(&mut self) -> Result<[Outcome; 2]> {
        let mut seconds = Seconds::new();
        let started = self.pull_and_launch(&mut seconds).await;
        let first = self.outcome(FetchStart::First, seconds, started).await?;
        let again = if first.total.is_ok() {
            let mut seconds = Seconds::new();
            let started = self.launch_again(&mut seconds).await;
            let again = self.outcome(FetchStart::Again, seconds, started).await?;
            self.interrupt().await?;
            again
        } else {
            let why = "not started again: the first start failed".to_owned();
            Outcome { seconds: Seconds::new(), total: Err(why) }
        };
        // What stays, since the node has gone, is removed before anything is pulled there again.
        drop(self.node.engine.remove_images(&self.local()).await);
        Ok([first, again])
    }

    /// One start that is killed half-way through its weights, and the one after it, on what it left.
    async fn interrupt(&mut self) -> Result<()> {
        let Some(fetching) = self.fetching.as_mut().filter(|_| self.interrupted) else { return Ok(()) };
        let (store, name) = (fetching.stall_half_way()?, self.name()?);
        let killed = self.launch(&name).kill_half_way(store.stalled()).await;
        store.let_go();
        self.still_there().await?;
        if let Some(fetching) = &mut self.fetching {
            fetching.note_interrupted(&killed);
        }
        if killed.is_err() {
            return Ok(());
        }
        let resumed = self.launch(&name).go(&mut Seconds::new()).await;
        self.still_there().await?;
        if let Some(fetching) = &mut self.fetching {
            fetching.note(FetchStart::Resumed, &resumed);
        }
        Ok(())
    }

    async fn launch_again(&self, seconds: &mut Seconds) -> Result<Timed> {
        let begun = Instant::now();
        let started = self.launch(&self.name()?).go(seconds).await?;
        let total = started.first_result.duration_since(begun);
        Ok((started, total))
    }

    async fn pull_and_launch(&self, seconds: &mut Seconds) -> Result<Timed> {
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
        let started = self.launch(&name).go(seconds).await?;
        let total = started.first_result.duration_since(begun);
        Ok((started, total))
    }

    /// What came of it; that the engine which builds is gone is nothing to hold against the image. The node's is part of
    /// what is measured: where it goes, there is a row that says so.
    async fn outcome(
        &mut self,
        start: FetchStart,
        seconds: Seconds,
        timed: Result<Timed>,
    ) -> Result<Outcome> {
        let (started, total) = match timed {
            Ok((started, total)) => (Ok(started), Ok(total.as_secs_f64())),
            Err(error) if ends_the_run(&error) => return Err(error),
            Err(error) => {
                self.still_there().await?;
                let gone = self.node.engine.docker().ping().await.is_err();
                let why = if gone { format!("the node went away: {error:#}") } else { format!("{error:#}") };
                (Err(error), Err(why))
            }
        };
        if let Some(fetching) = &mut self.fetching {
            fetching.note(start, &started);
        }
        Ok(Outcome { seconds, total })
    }

    /// Whether the engine that builds answers.
    async fn still_there(&self) -> Result<()> {
        self.bench.engine.docker().ping().await.context("the engine went away during a start-up")?;
        Ok(())
    }

    fn launch<'l>(&'l self, image: &'l str) -> Launch<'l> {
        Launch {
            docker: self.node.engine.docker(),
            run: self.bench.run_id,
            image,
            command: &self.startup.command,
            mounts: self.mounts,
            env: self.fetching.as_ref().map_or(&NO_ENV, Fetching::env),
            volume: self.fetching.as_ref().map(Fetching::volume),
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
