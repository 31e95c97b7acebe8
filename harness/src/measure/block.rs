//! A scenario's blocks: each step staged, built and timed, and what was built looked at.

use anyhow::Result;

use super::around;
use super::build::{self, Measured, ends_the_run};
use super::cause;
use super::ci::Ci;
use super::context::BlockContext;
use super::look;
use super::rehearsal::compare_answers;
use super::releases::Releases;
use super::runner::Bench;
use super::side::Side;
use super::{image, start, startup};
use crate::explain::Inputs;
use crate::oci;
use crate::record::{MeasuredBuild, PlannedStep, Sample, UNEQUAL};
use crate::scenario::{self, Event, Pair, Scenario};

/// A scenario's blocks in progress, one after the other.
pub(crate) struct Blocks<'a> {
    bench: &'a Bench<'a>,
    scenario: &'a Scenario,
    sides: Pair<Side>,
    /// Those whose images are looked at: what is exact needs two.
    exact: Vec<u32>,
}

/// A build about to begin: all that must be so before the clock starts.
struct Staged<'a> {
    /// What is built.
    context: BlockContext,
    /// The image before it, where one is needed for the delta.
    previous: Option<oci::Image>,
    /// What the build before was given, and what this one is.
    given: (Option<Inputs>, Option<Inputs>),
    /// An edit in CI: its exported cache.
    ci: Option<Ci<'a>>,
}

impl<'a> Blocks<'a> {
    /// The state that the recorded samples left; a new one where there are none.
    pub(crate) fn resume<'s>(
        bench: &'a Bench<'a>,
        scenario: &'a Scenario,
        samples: impl Iterator<Item = &'s Sample>,
        exact: Vec<u32>,
    ) -> Result<Self> {
        let sides = Pair::from_fn(|_| Side::default());
        let mut blocks = Self { bench, scenario, sides, exact };
        let mut samples: Vec<&Sample> = samples.collect();
        samples.sort_by_key(|sample| sample.order);
        for sample in samples {
            let side = blocks.sides.get_mut(sample.variant);
            side.enter(sample.block, &sample.event);
            match &sample.event {
                Event::Cold if sample.error.is_none() => {
                    let nonce = sample.nonce.clone();
                    side.context = Some(BlockContext::cold(bench, scenario, sample.variant, nonce)?);
                }
                Event::Cold => {}
                event => {
                    if let Some(context) = &mut side.context {
                        context.apply(scenario, sample.variant, event, sample.nonce.clone())?;
                    }
                }
            }
            if sample.error.is_none() {
                side.built.push(sample.event.clone());
            }
        }
        Ok(blocks)
    }

    /// Builds what `step` says, timed, and looks at the result, untimed.
    ///
    /// # Errors
    /// The engine went away; then there is no row, and the step is done again by a resumed run.
    pub(crate) async fn measure(
        &mut self,
        step: &PlannedStep,
        attempt: u32,
        order: u32,
    ) -> Result<MeasuredBuild> {
        let (bench, scenario) = (self.bench, self.scenario);
        let fresh =
            scenario::nonce(bench.run_id, &scenario.name, step.block, step.variant, &step.event, attempt);
        let new_block = self.sides.get_mut(step.variant).enter(step.block, &step.event);
        let staged = match self.stage(step, &fresh).await? {
            Ok(staged) => staged,
            Err(why) => return Ok(build::error_row(bench, step, &fresh, order, &why).into()),
        };
        let Staged { context, previous, given: (before, after), ci } = staged;

        let cache_from = ci.as_ref().map(Ci::cache_of_the_sample);
        let measured = build::measured(bench, scenario, step, &context, cache_from).await?;
        if let Err(error) = &measured.result
            && error.ends_the_run()
        {
            return Err(error.clone().into());
        }
        let mut rows = rows(bench, step, &measured, &context, order);
        rows.transfers = ci.map(|ci| ci.rows(&measured)).unwrap_or_default();
        let side = self.sides.get_mut(step.variant);
        let Ok(outcome) = &measured.result else {
            side.context = (step.event != Event::Cold).then_some(context);
            // The next image would be counted with this one's layers.
            side.releases = Releases::default();
            return Ok(rows);
        };
        side.context = Some(context.clone());
        cause::fill(bench, scenario, step, before.as_ref(), after.as_ref(), outcome, &mut rows.steps);
        if let Some(why) = self.after(step, &context, previous, new_block, &mut rows).await? {
            rows = build::error_row(bench, step, context.nonce(), order, &why).into();
        }
        Ok(rows)
    }

    /// Makes the world what it must be before the build; or says why it cannot be built.
    async fn stage<'s>(&mut self, step: &'s PlannedStep, fresh: &str) -> Result<Result<Staged<'s>, String>>
    where
        'a: 's,
    {
        let (bench, scenario, variant) = (self.bench, self.scenario, step.variant);
        let looked_at = self.exact.contains(&step.block);
        let side = self.sides.get_mut(variant);
        let mut context = match (&step.event, side.context.clone()) {
            (Event::Cold, _) => BlockContext::cold(bench, scenario, variant, fresh.to_owned())?,
            (_, Some(context)) => context,
            (_, None) => return Ok(Err("not built: the cold build before it failed".to_owned())),
        };
        // What the context was built from so far, and after the edit what it is built from now: a build in CI
        // is preceded by others.
        around::prepare(bench, scenario, &context).await?;
        // In a resumed block the image before the edit is made from the cache once more.
        let previous = match (&step.event, side.image.take()) {
            (Event::Cold, _) => None,
            (_, Some(image)) => Some(image),
            (_, None) if looked_at => Some(image::cached(bench, scenario, variant, &context).await?),
            (_, None) => None,
        };
        if looked_at && scenario.is_rebuilt(&step.event) && side.development.is_none() {
            // A resumed block: from the cache, in the world as it was before this event.
            look::develop(bench, scenario, step, side, &context).await?;
        }
        let before = cause::inputs(bench, scenario, variant, &context);
        let mut ci = match &step.event {
            Event::CiEdit(_) => match Ci::export(bench, scenario, step, &context).await? {
                Ok(ci) => Some(ci),
                Err(why) => return Ok(Err(why)),
            },
            _ => None,
        };
        context.apply(scenario, variant, &step.event, fresh.to_owned())?;
        around::prepare(bench, scenario, &context).await?;
        if let Some(ci) = &mut ci
            && let Err(why) = ci.begin(&mut context).await?
        {
            return Ok(Err(why));
        }
        let after = cause::inputs(bench, scenario, variant, &context);
        if let Some(threat) = bench.engine.gc_threat().await? {
            let why =
                format!("not built: the engine's garbage collection could run in the middle ({threat})");
            return Ok(Err(why));
        }
        Ok(Ok(Staged { context, previous, given: (before, after), ci }))
    }

    /// Looks at what was built, starts it, ships it and asks it; or says why the build cannot be believed.
    async fn after(
        &mut self,
        step: &PlannedStep,
        context: &BlockContext,
        previous: Option<oci::Image>,
        new_block: bool,
        rows: &mut MeasuredBuild,
    ) -> Result<Option<String>> {
        let (bench, scenario) = (self.bench, self.scenario);
        let looked_at = self.exact.contains(&step.block);
        let side = self.sides.get_mut(step.variant);
        if looked_at
            && let Err(error) = look::fill(bench, scenario, step, side, context, previous, rows).await
        {
            if ends_the_run(&error) {
                return Err(error);
            }
            side.releases = Releases::default();
            return Ok(Some(format!("built, but its image cannot be believed: {error:#}")));
        }
        if new_block {
            rows.starts = start::rows(bench, scenario, step).await?;
            let mounts = context.mounts(scenario, step.variant);
            let start_ups = startup::measure(bench, scenario, step, &mounts, looked_at).await?;
            rows.starts.extend(start_ups.phases);
            rows.fetches = start_ups.fetches;
        }
        side.built.push(step.event.clone());
        if looked_at {
            match side.releases.ship(bench, scenario, step, context).await {
                Ok(transfers) => rows.transfers.extend(transfers),
                Err(error) if ends_the_run(&error) => return Err(error),
                // The build was measured all the same; what follows from pushes has no value.
                Err(error) => bench.observer.note(&format!(
                    "{}, {}, block {}: nothing is pushed from here on: {error:#}",
                    scenario.name, step.variant, step.block
                )),
            }
        }
        Ok(self.check_answers(step).await)
    }

    /// Compares the answers once both variants have all their edits, in the first block that holds them. (Without
    /// edits, the rehearsal has compared them.) An edit in CI is one of these once more.
    async fn check_answers(&self, step: &PlannedStep) -> Option<String> {
        let in_ci = |event: &&Event| matches!(event, Event::CiEdit(_));
        let edited = self.scenario.events.iter().any(|event| matches!(event, Event::Edit(_)));
        let through = |side: &Side| {
            let built = side.built.iter().filter(|event| !in_ci(event));
            built.eq(self.scenario.events.iter().filter(|event| !in_ci(event)))
        };
        let both = through(&self.sides.naive) && through(&self.sides.optimized);
        if self.exact.first() != Some(&step.block) || in_ci(&&step.event) || !edited || !both {
            return None;
        }
        let mounts = Pair::from_fn(|variant| {
            let context = self.sides.get(variant).context.as_ref();
            context.map(|context| context.mounts(self.scenario, variant)).unwrap_or_default()
        });
        let compared = compare_answers(self.bench, self.scenario, &mounts).await;
        compared.err().map(|why| format!("{UNEQUAL}{why}"))
    }
}

fn rows(
    bench: &Bench<'_>,
    step: &PlannedStep,
    measured: &Measured,
    context: &BlockContext,
    order: u32,
) -> MeasuredBuild {
    MeasuredBuild {
        steps: build::step_rows(bench, step, &measured.result),
        ..build::sample_row(bench, step, measured, context.nonce(), order).into()
    }
}
