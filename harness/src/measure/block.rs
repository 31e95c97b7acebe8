//! A scenario's blocks: both variants' contexts as the events go by, and what was built last.

use anyhow::Result;

use super::build::{self, Measured};
use super::cause;
use super::ci::Ci;
use super::context::BlockContext;
use super::development::{self, Environment};
use super::rehearsal::compare_answers;
use super::releases::Releases;
use super::runner::Bench;
use super::{around, contents, image, scan, secrets, start};
use crate::engine::buildkit::BuildError;
use crate::oci;
use crate::plan::EXACT_BLOCKS;
use crate::record::{Delta, Image, MeasuredBuild, PlannedStep, Sample};
use crate::scenario::{self, Around, Event, Pair, Scenario};

/// A scenario's blocks in progress, one after the other.
pub(crate) struct Blocks<'a> {
    bench: &'a Bench<'a>,
    scenario: &'a Scenario,
    sides: Pair<Side>,
    /// Whether the variants were found to answer differently.
    pub(crate) unequal: bool,
}

/// One variant within the block.
#[derive(Default)]
struct Side {
    /// Absent before the cold build, and after one that failed: nothing can be rebuilt then.
    context: Option<BlockContext>,
    /// The image before the present event; `None` also where it has not been looked at.
    image: Option<oci::Image>,
    /// The block.
    block: u32,
    /// Events of it that were built.
    built: Vec<Event>,
    /// What people develop in, built after the block's cold build; `None` also where it could not be built.
    development: Option<Environment>,
    /// What its images become.
    releases: Releases,
}

impl Side {
    /// Begins `block`, if it is a new one, and says whether it is. Without a cold build of its own it goes on
    /// where the one before stopped: edits add up, over blocks too. (Taking them back would not be what it
    /// seems: the engine has dropped what it had unpacked of the image before, and unpacks it once more in the
    /// first build.)
    fn enter(&mut self, block: u32, event: &Event) -> bool {
        if self.block == block {
            return false;
        }
        self.block = block;
        self.built.clear();
        self.image = None;
        self.development = None;
        self.releases = Releases::default();
        if *event == Event::Cold {
            self.context = None;
        }
        true
    }
}

impl<'a> Blocks<'a> {
    /// The state that the recorded samples left; a new one where there are none.
    pub(crate) fn resume<'s>(
        bench: &'a Bench<'a>,
        scenario: &'a Scenario,
        samples: impl Iterator<Item = &'s Sample>,
    ) -> Result<Self> {
        let mut blocks = Self { bench, scenario, sides: Pair::from_fn(|_| Side::default()), unequal: false };
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
        let (bench, scenario, variant) = (self.bench, self.scenario, step.variant);
        let fresh = scenario::nonce(bench.run_id, &scenario.name, step.block, variant, &step.event, attempt);
        let look = step.block <= EXACT_BLOCKS;
        let new_block = self.sides.get_mut(variant).enter(step.block, &step.event);

        let mut context = match (&step.event, self.sides.get(variant).context.clone()) {
            (Event::Cold, _) => BlockContext::cold(bench, scenario, variant, fresh.clone())?,
            (_, Some(context)) => context,
            (_, None) => {
                let why = "not built: the cold build before it failed";
                return Ok(build::error_row(bench, step, &fresh, order, why).into());
            }
        };
        // What the context was built from so far, and after the edit what it is built from now: a build in CI
        // is preceded by others.
        around::prepare(bench, scenario, &context).await?;
        // In a resumed block the image before the edit is made from the cache once more.
        let previous = match (&step.event, self.sides.get_mut(variant).image.take()) {
            (Event::Cold, _) => None,
            (_, Some(image)) => Some(image),
            (_, None) if look => Some(image::cached(bench, scenario, variant, &context).await?),
            (_, None) => None,
        };
        if look && self.is_rebuilt(&step.event) && self.sides.get(variant).development.is_none() {
            // A resumed block: from the cache, in the world as it was before this event.
            self.develop(step, &context).await?;
        }
        let given_before = cause::inputs(bench, scenario, variant, &context);
        let mut ci = match &step.event {
            Event::CiEdit(_) => match Ci::export(bench, scenario, step, &context).await? {
                Ok(ci) => Some(ci),
                Err(why) => return Ok(build::error_row(bench, step, &fresh, order, &why).into()),
            },
            _ => None,
        };
        context.apply(scenario, variant, &step.event, fresh)?;
        around::prepare(bench, scenario, &context).await?;
        if let Some(ci) = &mut ci
            && let Err(why) = ci.begin(&mut context).await?
        {
            return Ok(build::error_row(bench, step, context.nonce(), order, &why).into());
        }
        let given = cause::inputs(bench, scenario, variant, &context);

        if let Some(threat) = bench.engine.gc_threat().await? {
            let why =
                format!("not built: the engine's garbage collection could run in the middle ({threat})");
            return Ok(build::error_row(bench, step, context.nonce(), order, &why).into());
        }
        let cache_from = ci.as_ref().map(Ci::cache_of_the_sample);
        let measured = build::measured(bench, scenario, step, &context, cache_from).await?;
        if let Err(error @ BuildError::EngineLost(_)) = measured.result {
            return Err(error.into());
        }
        let mut rows = rows(bench, step, &measured, &context, order);
        if let Ok(outcome) = &measured.result {
            let steps = &mut rows.steps;
            cause::fill(bench, scenario, step, given_before.as_ref(), given.as_ref(), outcome, steps);
        }
        rows.transfers = ci.map(|ci| ci.rows(&measured)).unwrap_or_default();
        let side = self.sides.get_mut(variant);
        side.context = match (&step.event, &measured.result) {
            (Event::Cold, Err(_)) => None,
            _ => Some(context.clone()),
        };
        if measured.result.is_err() {
            // The next image would be counted with this one's layers.
            self.sides.get_mut(variant).releases = Releases::default();
            return Ok(rows);
        }
        if look && let Err(error) = self.look(step, &context, previous, &mut rows).await {
            if is_engine_lost(&error) {
                return Err(error);
            }
            self.sides.get_mut(variant).releases = Releases::default();
            let why = format!("built, but its image cannot be believed: {error:#}");
            return Ok(build::error_row(bench, step, context.nonce(), order, &why).into());
        }
        if new_block {
            rows.starts = start::rows(bench, scenario, step).await?;
        }
        let side = self.sides.get_mut(variant);
        side.built.push(step.event.clone());
        if look {
            match side.releases.ship(bench, scenario, step, &context).await {
                Ok(transfers) => rows.transfers.extend(transfers),
                Err(error) if is_engine_lost(&error) => return Err(error),
                // The build was measured all the same; what follows from pushes has no value.
                Err(error) => bench.observer.note(&format!(
                    "{}, {variant}, block {}: nothing is pushed from here on: {error:#}",
                    scenario.name, step.block
                )),
            }
        }
        if let Some(why) = self.check_answers(step).await {
            self.unequal = true;
            rows = build::error_row(bench, step, context.nonce(), order, &why).into();
        }
        Ok(rows)
    }

    /// Fills in what the image says: sizes and digest after a cold build, the delta after any other; the
    /// digest too where the same sources were built anew after upstream had moved on.
    async fn look(
        &mut self,
        step: &PlannedStep,
        context: &BlockContext,
        previous: Option<oci::Image>,
        rows: &mut MeasuredBuild,
    ) -> Result<()> {
        let (bench, scenario, variant) = (self.bench, self.scenario, step.variant);
        let image = image::built(bench, scenario, variant, context).await?;
        let datum = step.event == Event::Cold || self.is_rebuilt(&step.event);
        if datum {
            rows.sample.manifest_digest =
                Some(image::rewritten_digest(bench, scenario, variant, context).await?);
        }
        if step.event == Event::Cold {
            rows.image = Some(size_row(bench, step, &image)?);
            secrets::fill(bench, scenario, step, context, &image, rows).await?;
            scan::fill(bench, scenario, step, context, &image, rows).await?;
        }
        if step.event == Event::Cold {
            // Last: what this builds must not count among what the image's build went through.
            self.develop(step, context).await?;
        }
        if let Some(development) = self.sides.get(variant).development.as_ref().filter(|_| datum) {
            rows.development = development::rows(step, development, &image)?;
        }
        rows.delta = previous.as_ref().map(|previous| delta_row(step, previous, &image)).transpose()?;
        contents::fill(bench, step, previous.as_ref(), &image, rows)?;
        self.sides.get_mut(variant).image = Some(image);
        Ok(())
    }

    /// Whether the event builds the same sources once upstream has moved on.
    fn is_rebuilt(&self, event: &Event) -> bool {
        self.scenario.around(event) == Some(Around::Upstream)
    }

    /// Builds what people develop in, where the scenario says. That it cannot be built says nothing of the image
    /// that is shipped: that one is measured all the same, and nothing is held against it.
    async fn develop(&mut self, step: &PlannedStep, context: &BlockContext) -> Result<()> {
        let (bench, scenario, variant) = (self.bench, self.scenario, step.variant);
        let Some(stages) = &scenario.development else { return Ok(()) };
        match development::environment(bench, scenario, variant, context, stages.get(variant)).await {
            Ok(environment) => self.sides.get_mut(variant).development = Some(environment),
            Err(error) if is_engine_lost(&error) => return Err(error),
            Err(error) => bench.observer.note(&format!(
                "{}, {variant}, block {}: development is not held against production: {}",
                scenario.name,
                step.block,
                build::shown(bench, &scenario.name, &format!("{error:#}"))
            )),
        }
        Ok(())
    }

    /// Compares the answers once both variants have all their edits, in the first block. (Without
    /// edits, the rehearsal has compared them.) An edit in CI is one of these once more.
    async fn check_answers(&self, step: &PlannedStep) -> Option<String> {
        let in_ci = |event: &&Event| matches!(event, Event::CiEdit(_));
        let edited = self.scenario.events.iter().any(|event| matches!(event, Event::Edit(_)));
        let through = |side: &Side| {
            let built = side.built.iter().filter(|event| !in_ci(event));
            built.eq(self.scenario.events.iter().filter(|event| !in_ci(event)))
        };
        let both = through(&self.sides.naive) && through(&self.sides.optimized);
        if step.block != 1 || in_ci(&&step.event) || !edited || !both {
            return None;
        }
        let mounts = Pair::from_fn(|variant| {
            let context = self.sides.get(variant).context.as_ref();
            context.map(|context| context.mounts(self.scenario, variant)).unwrap_or_default()
        });
        compare_answers(self.bench, self.scenario, &mounts).await.err()
    }
}

fn is_engine_lost(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| matches!(cause.downcast_ref(), Some(BuildError::EngineLost(_))))
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

fn size_row(bench: &Bench<'_>, step: &PlannedStep, image: &oci::Image) -> Result<Image> {
    let sizes = oci::sizes(image, &bench.base_diff_ids(&step.scenario)?)?;
    Ok(Image {
        scenario: step.scenario.clone(),
        variant: step.variant,
        compressed_bytes: sizes.compressed_bytes,
        layer_bytes: sizes.layer_bytes,
        rootfs_bytes: sizes.rootfs_bytes,
        unique_bytes: sizes.unique_bytes,
        layers: sizes.layers,
        block: step.block,
        base: bench.base_kind(&step.scenario).to_owned(),
        wasted_bytes: None,
        distribution_packages: None,
        python_packages: None,
        vulnerabilities: None,
        secrets_found: None,
        not_audited: None,
    })
}

fn delta_row(step: &PlannedStep, previous: &oci::Image, image: &oci::Image) -> Result<Delta> {
    let delta = oci::delta(previous, image)?;
    Ok(Delta {
        scenario: step.scenario.clone(),
        variant: step.variant,
        event: step.event.clone(),
        block: step.block,
        new_layers: delta.new_layers,
        new_compressed_bytes: delta.new_compressed_bytes,
        same_content_bytes: delta.same_content_bytes,
        packages_changed: None,
    })
}
