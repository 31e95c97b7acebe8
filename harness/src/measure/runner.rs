//! The walk through the plan: one step after the other, each on disk before the next begins.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::block::Blocks;
use super::build::error_row;
use super::observer::Observer;
use super::rehearsal::{Rehearsal, rehearse};
use super::remaining::{Remaining, remaining};
use super::{Node, Scanner};
use crate::engine::Engine;
use crate::engine::buildkit::Progress;
use crate::oci::{Digest, LayerCache};
use crate::plan;
use crate::record::{INTERRUPTED, Plan, PlannedStep, Sample, UNEQUAL, Writer, is_failure};
use crate::scenario::{Event, Profile, Scenario, Variant};
use crate::supply::{Supply, UPDATED_BASES};

/// What a run works with.
pub struct Bench<'a> {
    /// The run's id; the label on everything it makes.
    pub run_id: &'a str,
    /// The profile.
    pub profile: Profile,
    /// The scenarios of the plan.
    pub scenarios: &'a [Scenario],
    /// What to do.
    pub plan: &'a Plan,
    /// Scenarios that cannot be measured here, and why: the plan has no steps of them.
    pub left_out: &'a BTreeMap<String, String>,
    /// Where.
    pub engine: &'a Engine,
    /// What builds consume.
    pub supply: &'a Supply,
    /// Where images are pulled to and started, or why nowhere.
    pub node: Result<&'a Node, &'a str>,
    /// What looks for known vulnerabilities, where that was asked for and one is here.
    pub scanner: Option<&'a Scanner>,
    /// Layers read so far: an equal layer is never read twice.
    pub layers: Arc<LayerCache>,
    /// Passes a running build's vertexes on.
    pub progress: Arc<dyn Progress>,
    /// Whoever watches.
    pub observer: Arc<dyn Observer>,
    /// Called when there is something of a scenario to show, all of it on disk.
    pub show: &'a (dyn Fn(&str, Stage) -> Result<()> + Send + Sync),
    /// Asked before each block of a scenario, with all before it on disk: is it measured precisely enough?
    pub enough: &'a (dyn Fn(&str) -> Result<bool> + Send + Sync),
    /// No block begins after this long.
    pub max_time: Option<Duration>,
}

/// How far a scenario has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// One block is measured: a first look, from which nothing follows yet.
    FirstBlock,
    /// All of it is measured, or will not be.
    Complete,
}

impl Bench<'_> {
    /// What the base images of a scenario are: `local` if one of them is a stand-in, else `registry`;
    /// `own` where the Dockerfiles start from nothing that the supply knows.
    pub(crate) fn base_kind(&self, scenario: &str) -> &'static str {
        let infos = self.supply.base_infos();
        let used = self.supply.named_contexts(scenario);
        let mut kinds =
            infos.iter().filter(|info| used.contains_key(&info.reference)).map(|info| &*info.kind);
        match kinds.clone().count() {
            0 => "own",
            _ if kinds.any(|kind| kind == "local") => "local",
            _ => "registry",
        }
    }

    /// The layers of a scenario's base images.
    pub(crate) fn base_diff_ids(&self, scenario: &str) -> Result<Vec<Digest>> {
        let used = self.supply.named_contexts(scenario);
        let layers = used.keys().filter_map(|reference| self.supply.base_diff_ids(reference)).flatten();
        layers.map(|id| id.parse().with_context(|| format!("the engine calls a layer {id}"))).collect()
    }
}

/// What a run came to, beside its records.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Scenarios of which a build failed, and the first reason.
    pub failed: BTreeMap<String, String>,
    /// Scenarios whose variants do not do the same, and how they differ.
    pub unequal: BTreeMap<String, String>,
}

impl Outcome {
    /// Takes a sample's error in, the first of each scenario.
    fn note(&mut self, scenario: &str, error: &str) {
        if !is_failure(error) {
            return;
        }
        let (broken, why) = match error.strip_prefix(UNEQUAL) {
            Some(why) => (&mut self.unequal, why),
            None => (&mut self.failed, error),
        };
        broken.entry(scenario.to_owned()).or_insert_with(|| why.to_owned());
    }
}

/// What was measured by an earlier part of the same run.
#[derive(Debug, Default)]
pub struct Earlier {
    /// Its samples.
    pub samples: Vec<Sample>,
    /// Whether the engine still has that part's cache, so that a half-done block can go on.
    pub cache_kept: bool,
}

/// Does what the plan says and is not yet done.
///
/// # Errors
/// The engine went away, or a record could not be written. What was measured stays, and the run can be resumed.
pub async fn run(bench: &Bench<'_>, earlier: &Earlier, writer: &mut Writer) -> Result<Outcome> {
    let mut walk = Walk {
        bench,
        writer,
        began: Instant::now(),
        order: earlier.samples.iter().map(|sample| sample.order).max().unwrap_or(0),
        outcome: Outcome::default(),
    };
    for sample in &earlier.samples {
        if let Some(error) = &sample.error {
            walk.outcome.note(&sample.scenario, error);
        }
    }
    for scenario in bench.scenarios {
        if let Some(why) = bench.left_out.get(&scenario.name) {
            walk.cannot_build(scenario, 1, &both(why), earlier)?;
            (bench.show)(&scenario.name, Stage::Complete)?;
            continue;
        }
        if let Some(error) = bench.supply.failure(&scenario.name) {
            let why = format!("{error:#}");
            walk.cannot_build(scenario, 1, &both(&why), earlier)?;
            continue;
        }
        walk.scenario(scenario, earlier).await.with_context(|| format!("measuring {}", scenario.name))?;
        (bench.show)(&scenario.name, Stage::Complete)?;
        bench.engine.remove_labelled(bench.run_id).await?;
        bench.engine.remove_images(UPDATED_BASES).await?;
        bench.engine.forget_builds().await?;
    }
    Ok(walk.outcome)
}

struct Walk<'a> {
    bench: &'a Bench<'a>,
    writer: &'a mut Writer,
    began: Instant,
    order: u32,
    outcome: Outcome,
}

impl Walk<'_> {
    async fn scenario(&mut self, scenario: &Scenario, earlier: &Earlier) -> Result<()> {
        if self.outcome.unequal.contains_key(&scenario.name) {
            return Ok(());
        }
        let done: Vec<&Sample> =
            earlier.samples.iter().filter(|sample| sample.scenario == scenario.name).collect();
        let planned = self.bench.plan.steps.iter().filter(|step| step.scenario == scenario.name);
        let kept = self.bench.plan.scenario(&scenario.name).and_then(|planned| planned.blocks_kept);
        let Remaining { closed, blocks, exact } = remaining(planned, &done, earlier.cache_kept);
        for step in &closed {
            self.order += 1;
            self.writer.commit(&error_row(self.bench, step, "", self.order, INTERRUPTED).into())?;
        }
        let Some(first) = blocks.first().map(|steps| steps[0].block) else { return Ok(()) };
        if self.is_over(scenario)? {
            return Ok(());
        }
        // A rehearsal in the middle of a block would put newer results under the block's cache keys. Where nothing was
        // built, an earlier one failed; and an engine whose cache is gone is as new as at first.
        let nothing_built = done.iter().all(|sample| sample.error.is_some());
        let rehearses = nothing_built || !earlier.cache_kept;
        if rehearses && !self.rehearsed(scenario, first, earlier).await? {
            return Ok(());
        }
        let mut state = Blocks::resume(self.bench, scenario, done.iter().copied(), exact)?;
        for steps in blocks {
            if self.is_over(scenario)? {
                break;
            }
            let number = steps[0].block;
            // A run that an older Tare planned may go on with the cache there.
            let begins_cold = steps[0].event == Event::Cold;
            let untouched =
                done.iter().all(|sample| sample.block != number) && !(rehearses && number == first);
            if plan::begins_afresh(number, kept) && begins_cold && untouched {
                self.bench.engine.forget_builds().await?;
                if !self.rehearsed(scenario, number, earlier).await? {
                    break;
                }
            }
            for step in steps {
                self.step(&mut state, &step).await?;
            }
            if self.outcome.unequal.contains_key(&scenario.name) {
                break;
            }
            if number == 1 {
                (self.bench.show)(&scenario.name, Stage::FirstBlock)?;
            }
        }
        Ok(())
    }

    /// Whether no block may begin any more; then it says why.
    fn is_over(&self, scenario: &Scenario) -> Result<bool> {
        let why = if (self.bench.enough)(&scenario.name)? {
            "it is precise enough"
        } else if self.bench.max_time.is_some_and(|limit| self.began.elapsed() > limit) {
            "the time limit has passed"
        } else {
            return Ok(false);
        };
        self.bench.observer.note(&format!("{}: no block more, {why}", scenario.name));
        Ok(true)
    }

    /// Rehearses before this block; where that fails, it has error rows, and there is no timing of the scenario from it on.
    async fn rehearsed(&mut self, scenario: &Scenario, block: u32, earlier: &Earlier) -> Result<bool> {
        self.bench.observer.rehearsal(&scenario.name);
        match rehearse(self.bench, scenario).await? {
            Rehearsal::Passed => return Ok(true),
            Rehearsal::CannotBuild(failures) => self.cannot_build(scenario, block, &failures, earlier)?,
            Rehearsal::Unequal(why) => {
                self.cannot_build(scenario, block, &both(&format!("{UNEQUAL}{why}")), earlier)?;
            }
        }
        Ok(false)
    }

    async fn step(&mut self, state: &mut Blocks<'_>, step: &PlannedStep) -> Result<()> {
        let attempt = self.writer.begin(step)?;
        self.order += 1;
        self.bench.observer.begin(step);
        let build = state.measure(step, attempt, self.order).await?;
        let error = build.sample.error.clone();
        if let Some(error) = &error {
            self.outcome.note(&step.scenario, error);
        }
        let wall_s = build.sample.wall_s;
        self.writer.commit(&build)?;
        self.bench.observer.end(
            step,
            match &error {
                Some(error) => Err(error),
                None => Ok(wall_s.unwrap_or_default()),
            },
        );
        Ok(())
    }

    /// One error row a variant in this block, and no timing of the scenario.
    fn cannot_build(
        &mut self,
        scenario: &Scenario,
        block: u32,
        failures: &[(Variant, String)],
        earlier: &Earlier,
    ) -> Result<()> {
        for (variant, why) in failures {
            let step =
                PlannedStep { scenario: scenario.name.clone(), block, variant: *variant, event: Event::Cold };
            let recorded = |sample: &Sample| {
                sample.scenario == step.scenario
                    && sample.variant == *variant
                    && sample.block == block
                    && sample.event == Event::Cold
            };
            self.outcome.note(&scenario.name, why);
            if earlier.samples.iter().any(recorded) {
                continue;
            }
            self.order += 1;
            self.writer.commit(&error_row(self.bench, &step, "", self.order, why).into())?;
            self.bench.observer.end(&step, Err(why));
        }
        Ok(())
    }
}

/// One reason for both variants.
fn both(why: &str) -> [(Variant, String); 2] {
    Variant::BOTH.map(|variant| (variant, why.to_owned()))
}
