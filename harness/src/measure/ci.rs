//! An edit on a fresh CI runner: an empty builder that imports the cache of the build before the edit.
//!
//! The cache is exported twice, with the final image's layers alone (mode=min) and with those of all stages
//! (mode=max). The edit is then built on each, on a builder that was emptied; the build on mode=max is the sample.
//! The base image stays: a runner has it, or pulls it whatever its cache. Since the builder is emptied, these events
//! are the last of a block.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::build::{Measured, image_name, request};
use super::context::BlockContext;
use super::runner::Bench;
use crate::engine::buildkit::{CacheMode, Export};
use crate::record::{NOT_MEASURED, PlannedStep, Transfer};
use crate::scenario::Scenario;
use crate::supply::Registry;

/// One such event, under way.
pub(super) struct Ci<'a> {
    bench: &'a Bench<'a>,
    scenario: &'a Scenario,
    step: &'a PlannedStep,
    registry: &'a Registry,
    rows: Vec<Transfer>,
    /// What the registry had sent when the sample's build began.
    sent_before: u64,
}

impl<'a> Ci<'a> {
    /// Exports the cache of the block as it is before the edit; or says why the event cannot be measured.
    ///
    /// # Errors
    /// The engine went away.
    pub(super) async fn export(
        bench: &'a Bench<'a>,
        scenario: &'a Scenario,
        step: &'a PlannedStep,
        context: &BlockContext,
    ) -> Result<Result<Self, String>> {
        if !bench.engine.is_managed() {
            let why = "the builder would have to be emptied, and this one is yours: use --engine managed";
            return Ok(Err(format!("{NOT_MEASURED}{why}")));
        }
        let registry = bench.supply.registry().context("there is no registry")?;
        // One variant's blobs at a time: those that are there already would not be sent again.
        registry.clear().await?;
        let mut ci = Self { bench, scenario, step, registry, rows: Vec::new(), sent_before: 0 };
        // Nothing to do, unless an earlier try of this event has emptied the builder: an export is no build.
        let cached = request(bench, scenario, step.variant, context, Export::Nothing);
        match bench.engine.build(cached).await {
            Ok(_) => {}
            Err(error) if error.ends_the_run() => return Err(error.into()),
            Err(error) => return Ok(Err(error.to_string())),
        }
        for mode in [CacheMode::Min, CacheMode::Max] {
            let export = Export::Cache { reference: ci.reference(mode), mode };
            let before = registry.moved().up;
            let begun = Instant::now();
            let built = bench.engine.build(request(bench, scenario, step.variant, context, export)).await;
            let seconds = begun.elapsed().as_secs_f64();
            match built {
                Ok(_) => ci.add("export", mode, seconds, registry.moved().up - before),
                Err(error) if error.ends_the_run() => return Err(error.into()),
                Err(error) => {
                    return Ok(Err(format!(
                        "the cache (mode={}) cannot be exported: {error}",
                        mode.as_str()
                    )));
                }
            }
        }
        Ok(Ok(ci))
    }

    /// Builds the edit on the smaller cache, and empties the builder for the sample; or says why it cannot be built.
    ///
    /// # Errors
    /// The engine went away.
    pub(super) async fn begin(&mut self, context: &mut BlockContext) -> Result<Result<(), String>> {
        let (bench, scenario, variant) = (self.bench, self.scenario, self.step.variant);
        self.empty().await?;
        context.move_to(format!("{}-min", context.nonce()));
        let name = image_name(bench.run_id, &scenario.name, variant);
        let mut request = request(bench, scenario, variant, context, Export::Store { name });
        request.cache_from = Some(self.reference(CacheMode::Min));
        request.progress = Some(Arc::clone(&bench.progress));
        bench.engine.sync().await?;
        let before = self.registry.moved().down;
        match bench.engine.build(request).await {
            Ok(built) => {
                let bytes = self.registry.moved().down - before;
                self.add("import", CacheMode::Min, built.wall.as_secs_f64(), bytes);
            }
            Err(error) if error.ends_the_run() => return Err(error.into()),
            Err(error) => return Ok(Err(error.to_string())),
        }
        self.empty().await?;
        context.move_to(format!("{}-max", context.nonce()));
        self.sent_before = self.registry.moved().down;
        Ok(Ok(()))
    }

    /// Where the sample's build finds its cache.
    pub(super) fn cache_of_the_sample(&self) -> String {
        self.reference(CacheMode::Max)
    }

    /// What was moved, the sample's import included.
    pub(super) fn rows(mut self, sample: &Measured) -> Vec<Transfer> {
        if let Ok(built) = &sample.result {
            let bytes = self.registry.moved().down - self.sent_before;
            self.add("import", CacheMode::Max, built.wall.as_secs_f64(), bytes);
        }
        self.rows
    }

    fn reference(&self, mode: CacheMode) -> String {
        let (scenario, variant) = (&self.scenario.name, self.step.variant);
        format!("{}/cache/{scenario}-{variant}-{}:latest", self.registry.host(), mode.as_str())
    }

    /// Removes the cache, that of the mounts too, and the variant's image, whose layers would be found in the engine otherwise.
    async fn empty(&self) -> Result<()> {
        let name = image_name(self.bench.run_id, &self.scenario.name, self.step.variant);
        self.bench.engine.remove_images(&name).await?;
        self.bench.engine.forget_builds().await
    }

    fn add(&mut self, what: &str, mode: CacheMode, seconds: f64, bytes: u64) {
        let step = self.step;
        self.rows.push(Transfer {
            scenario: step.scenario.clone(),
            variant: step.variant,
            event: step.event.clone(),
            block: step.block,
            what: format!("cache-{what}-{}", mode.as_str()),
            seconds: Some(seconds),
            bytes: Some(bytes),
        });
    }
}
