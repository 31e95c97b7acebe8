//! One measured build: a request, a clock, and what the records keep of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Result;

use super::around;
use super::context::BlockContext;
use super::runner::Bench;
use super::timing;
use crate::engine::buildkit::{BuildError, BuildOutcome, BuildRequest, Export, Progress, Vertex};
use crate::engine::{self};
use crate::record::{PlannedStep, Sample, Step};
use crate::scenario::{Canaries, Event, Profile, Scenario, Variant};
use crate::supply::{AptProxy, Supply};

/// What files of new layers are dated to where an export rewrites timestamps, in seconds since 1970. Only what is
/// later is moved, so that with any other date files that are older would keep their times. Passed to every build, so
/// that the untimed export finds the steps of the timed build in the cache.
pub const SOURCE_DATE_EPOCH: &str = "0";

/// A build, and what it cost the engine.
pub(crate) struct Measured {
    pub(crate) result: Result<BuildOutcome, BuildError>,
    pub(crate) cpu_s: Option<f64>,
    pub(crate) started: SystemTime,
    /// Files that apt's proxy had to ask the mirror for in the meantime.
    pub(crate) fetched: u64,
}

/// The name of a variant's image in the engine's store. One name a variant: each build replaces the one before.
pub(crate) fn image_name(run: &str, scenario: &str, variant: Variant) -> String {
    engine::image_name(run, &format!("{scenario}:{variant}"))
}

/// Builds into the engine's store, timed. Everything that is not the build happens before the clock
/// starts: the data root's dirty pages are written back first.
pub(crate) async fn measured(
    bench: &Bench<'_>,
    scenario: &Scenario,
    step: &PlannedStep,
    context: &BlockContext,
    cache_from: Option<String>,
) -> Result<Measured> {
    let name = image_name(bench.run_id, &scenario.name, step.variant);
    let mut request = request(bench, scenario, step.variant, context, Export::Store { name: name.clone() });
    request.no_cache = step.event == Event::Cold || scenario.is_rebuilt(&step.event);
    request.cache_from = cache_from;
    request.progress = Some(Arc::clone(&bench.progress));
    if step.event == Event::Cold {
        // Nothing that an earlier image unpacked is there.
        bench.engine.remove_images(&name).await?;
    } else {
        bench.engine.keep_before(&name).await?;
    }
    bench.engine.sync().await?;
    let fetched = || bench.supply.apt().map_or(0, AptProxy::fetched);
    let fetched_before = fetched();
    let cpu_before = bench.engine.cpu_seconds()?;
    let started = SystemTime::now();
    let result = bench.engine.build(request).await;
    let cpu_after = bench.engine.cpu_seconds()?;
    let cpu_s = cpu_before.zip(cpu_after).map(|(before, after)| after - before);
    Ok(Measured { result, cpu_s, started, fetched: fetched() - fetched_before })
}

/// The request of a variant's build in its present context.
pub(crate) fn request(
    bench: &Bench<'_>,
    scenario: &Scenario,
    variant: Variant,
    context: &BlockContext,
    export: Export,
) -> BuildRequest {
    let mut build_args = bench.supply.build_args(&scenario.name);
    build_args.extend(scenario.build_args.clone());
    let canaries = Canaries::of(scenario, bench.run_id);
    let planted = |(name, text): (&String, &String)| (name.clone(), canaries.plant(text));
    build_args.extend(scenario.variant_args.get(variant).iter().map(planted));
    build_args.insert("SOURCE_DATE_EPOCH".to_owned(), SOURCE_DATE_EPOCH.to_owned());
    BuildRequest {
        context: context.context(scenario, variant),
        dockerfile: scenario.variants.get(variant).dockerfile.clone(),
        build_args,
        named_contexts: around::named_contexts(bench, scenario, context),
        secrets: scenario.secrets.iter().map(planted).map(|(id, text)| (id, text.into_bytes())).collect(),
        shared_key: context.key().to_owned(),
        cache_mount_namespace: context.cache_mounts().to_owned(),
        no_cache: false,
        export,
        compression: *scenario.compression.get(variant),
        timeout: match bench.profile {
            Profile::Smoke | Profile::Quick => Duration::from_secs(20 * 60),
            Profile::Full => Duration::from_secs(3 * 60 * 60),
        },
        history: false,
        cache_from: None,
        progress: None,
    }
}

/// Whether it is the engine that failed: then nothing is known of the build, and there is no row.
pub(crate) fn ends_the_run(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref().is_some_and(BuildError::ends_the_run))
}

/// Passes a running build's vertexes on to the observer.
pub struct Forward(pub Arc<dyn super::Observer>);

impl Progress for Forward {
    fn vertex(&self, vertex: &Vertex) {
        self.0.vertex(vertex);
    }
}

/// The samples row. `manifest_digest` is filled in later, by the untimed export.
pub(crate) fn sample_row(
    bench: &Bench<'_>,
    step: &PlannedStep,
    measured: &Measured,
    nonce: &str,
    order: u32,
) -> Sample {
    let mut row = blank(bench, step, nonce, order, measured.started);
    match &measured.result {
        // What the rehearsal did not fetch would be timed with the build, once, in one variant.
        Ok(_) if measured.fetched > 0 => {
            row.error = Some(format!(
                "not timed: apt fetched {} files from the mirror during the build",
                measured.fetched
            ));
        }
        Ok(outcome) => {
            let timing = timing::of(&outcome.vertexes);
            let wall_s = outcome.wall.as_secs_f64();
            let instructions = || outcome.vertexes.iter().filter(|vertex| vertex.is_instruction());
            row.wall_s = Some(wall_s);
            row.steps = Some(instructions().count() as u32);
            row.cached_steps = Some(instructions().filter(|vertex| vertex.cached).count() as u32);
            row.context_bytes = Some(outcome.context_bytes);
            row.transfer_s = Some(timing.transfer_s);
            row.exec_s = Some(timing.exec_s);
            row.export_s = Some(timing.export_s);
            row.unpack_s = Some(timing.unpack_s);
            row.cpu_s = measured.cpu_s;
            row.overhead_s = Some((wall_s - timing.span_s).max(0.0));
        }
        Err(error) => row.error = Some(shown(bench, &step.scenario, &error.to_string())),
    }
    row
}

/// A samples row without a timing, for a build that cannot be believed or was never begun.
pub(crate) fn error_row(bench: &Bench<'_>, step: &PlannedStep, nonce: &str, order: u32, why: &str) -> Sample {
    let mut row = blank(bench, step, nonce, order, SystemTime::now());
    row.error = Some(shown(bench, &step.scenario, why));
    row
}

fn blank(bench: &Bench<'_>, step: &PlannedStep, nonce: &str, order: u32, started: SystemTime) -> Sample {
    let started = jiff::Timestamp::try_from(started).map(|time| time.to_string()).unwrap_or_default();
    Sample {
        scenario: step.scenario.clone(),
        variant: step.variant,
        event: step.event.clone(),
        block: step.block,
        wall_s: None,
        steps: None,
        cached_steps: None,
        context_bytes: None,
        manifest_digest: None,
        error: None,
        transfer_s: None,
        exec_s: None,
        export_s: None,
        unpack_s: None,
        cpu_s: None,
        overhead_s: None,
        order,
        nonce: nonce.to_owned(),
        base: bench.base_kind(&step.scenario).to_owned(),
        started,
    }
}

/// What BuildKit says, as a record may hold it: it fills arguments in, planted secrets among them.
pub(crate) fn shown(bench: &Bench<'_>, scenario: &str, text: &str) -> String {
    match bench.scenarios.iter().find(|planned| planned.name == scenario) {
        Some(scenario) => masked(bench.supply, scenario, bench.run_id, text),
        None => bench.supply.redactor().redact(text),
    }
}

/// Text without what was planted in a scenario's images and without the names of this machine's mirrors.
pub(crate) fn masked(supply: &Supply, scenario: &Scenario, run_id: &str, text: &str) -> String {
    supply.redactor().redact(&Canaries::of(scenario, run_id).mask(text))
}

/// The steps rows, by start.
pub(crate) fn step_rows(
    bench: &Bench<'_>,
    step: &PlannedStep,
    result: &Result<BuildOutcome, BuildError>,
) -> Vec<Step> {
    let vertexes: &[Vertex] = match result {
        Ok(outcome) => &outcome.vertexes,
        Err(BuildError::Failed { vertexes, .. }) => vertexes,
        Err(_) => &[],
    };
    let first = vertexes.iter().filter_map(|vertex| vertex.started).min();
    let numbers: HashMap<&str, u32> = vertexes.iter().map(|vertex| vertex.digest.as_str()).zip(1..).collect();
    vertexes
        .iter()
        .zip(1..)
        .map(|(vertex, number)| Step {
            scenario: step.scenario.as_str().into(),
            variant: step.variant,
            event: step.event.clone(),
            block: step.block,
            step: number,
            name: shown(bench, &step.scenario, &vertex.name).into(),
            instruction: vertex.is_instruction(),
            cached: vertex.cached,
            start_s: first.zip(vertex.started).map(|(first, start)| timing::seconds(first, start)),
            seconds: vertex.started.zip(vertex.completed).map(|(start, end)| timing::seconds(start, end)),
            error: vertex.error.as_deref().map(|error| shown(bench, &step.scenario, error).into()),
            cause: None,
            inputs: numbers_of(&vertex.inputs, &numbers).into(),
        })
        .collect()
}

/// The steps of these keys; what BuildKit did not report on is none.
fn numbers_of(inputs: &[String], numbers: &HashMap<&str, u32>) -> String {
    let mut steps: Vec<u32> =
        inputs.iter().filter_map(|input| numbers.get(input.as_str()).copied()).collect();
    steps.sort_unstable();
    steps.dedup();
    steps.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
}
