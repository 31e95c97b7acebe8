//! A run made by hand, for tests: says what was measured, one line an event, and fills in the rest.

use super::build::BuildRow;
use super::{
    BaseInfo, Delta, EngineInfo, FORMAT_VERSION, Image, LinkInfo, MachineInfo, Records, RunInfo, Sample,
    StartPhase, Step,
};
use crate::record::{Plan, PlannedScenario, PlannedStep};
use crate::scenario::{
    Claim, DeltaColumn, Event, ImageColumn, Metric, Pair, Profile, SampleColumn, Start, Variant,
};

/// Builds [`Records`]; what is added belongs to the scenario named last.
pub(crate) struct RunBuilder {
    records: Records,
}

impl RunBuilder {
    /// A run at the quick profile with nothing measured.
    pub(crate) fn new() -> Self {
        let plan = Plan { scenarios: vec![], steps: vec![], expected_minutes: 1.0, peak_disk_bytes: 0 };
        Self { records: Records::empty(info(), plan) }
    }

    pub(crate) fn profile(mut self, profile: Profile) -> Self {
        self.records.info.profile = profile;
        self
    }

    /// A variant against itself.
    pub(crate) fn aa(mut self) -> Self {
        self.records.info.aa = true;
        self
    }

    /// Stopped when its intervals were so narrow.
    pub(crate) fn precision(mut self, percent: Option<f64>) -> Self {
        self.records.info.precision_percent = percent;
        self
    }

    pub(crate) fn scenario(mut self, name: &str) -> Self {
        self.records.plan.scenarios.push(PlannedScenario {
            name: name.to_owned(),
            question: format!("What is {name} worth?"),
            analysis: String::new(),
            caveat: String::new(),
            events: vec![Event::Cold],
            delivered_apart: Vec::new(),
            edits: vec![],
            steps: vec![],
            claims: vec![],
            dockerfiles: Pair { naive: "FROM scratch\n".to_owned(), optimized: "FROM scratch\n".to_owned() },
            blocks: 0,
            blocks_kept: None,
        });
        self
    }

    /// Changes the current scenario's texts.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut PlannedScenario)) -> Self {
        change(self.current());
        self
    }

    pub(crate) fn event(mut self, event: Event) -> Self {
        self.current().events.push(event);
        self
    }

    /// A claim that the metric's reduction lies in `min..=max`.
    pub(crate) fn claim(mut self, metric: Metric, min: Option<f64>, max: Option<f64>) -> Self {
        self.current().claims.push(Claim {
            name: "claim".to_owned(),
            text: "it gets smaller".to_owned(),
            source: "folklore".to_owned(),
            field: String::new(),
            metric,
            expected_min: min,
            expected_max: max,
            profiles: vec![Profile::Quick, Profile::Full],
        });
        self
    }

    /// Seconds (bytes for `context_bytes`) of a column, a value a block.
    pub(crate) fn samples(
        mut self,
        event: &Event,
        column: SampleColumn,
        naive: &[f64],
        optimized: &[f64],
    ) -> Self {
        self.each(naive, optimized, |run, variant, block, value| {
            let sample = run.sample(variant, event, block);
            let field = match column {
                SampleColumn::Wall => &mut sample.wall_s,
                SampleColumn::Transfer => &mut sample.transfer_s,
                SampleColumn::Exec => &mut sample.exec_s,
                SampleColumn::Export => &mut sample.export_s,
                SampleColumn::Unpack => &mut sample.unpack_s,
                SampleColumn::Cpu => &mut sample.cpu_s,
                SampleColumn::Context => {
                    sample.context_bytes = Some(value as u64);
                    return;
                }
            };
            *field = Some(value);
        });
        self
    }

    /// One of the sizes of the image, a value a block.
    pub(crate) fn images(mut self, column: ImageColumn, naive: &[u64], optimized: &[u64]) -> Self {
        self.each(naive, optimized, |run, variant, block, value| {
            run.sample(variant, &Event::Cold, block);
            let image = run.image(variant, block);
            match column {
                ImageColumn::Compressed => image.compressed_bytes = value,
                ImageColumn::Layer => image.layer_bytes = value,
                ImageColumn::Rootfs => image.rootfs_bytes = value,
                ImageColumn::Unique => image.unique_bytes = value,
                ImageColumn::Layers => image.layers = value as u32,
                ImageColumn::Wasted => image.wasted_bytes = Some(value),
                ImageColumn::DistributionPackages => image.distribution_packages = Some(value as u32),
                ImageColumn::PythonPackages => image.python_packages = Some(value as u32),
                ImageColumn::Vulnerabilities => image.vulnerabilities = Some(value as u32),
                ImageColumn::Secrets => image.secrets_found = Some(value as u32),
            }
        });
        self
    }

    /// What a node pulls again after `event`, a value a block.
    pub(crate) fn deltas(
        mut self,
        event: &Event,
        column: DeltaColumn,
        naive: &[u64],
        optimized: &[u64],
    ) -> Self {
        self.each(naive, optimized, |run, variant, block, value| {
            run.sample(variant, event, block);
            let delta = run.delta(variant, event, block);
            match column {
                DeltaColumn::NewLayers => delta.new_layers = value as u32,
                DeltaColumn::NewCompressed => delta.new_compressed_bytes = value,
                DeltaColumn::SameContent => delta.same_content_bytes = value,
                DeltaColumn::PackagesChanged => delta.packages_changed = Some(value as u32),
            }
        });
        self
    }

    /// Whether the instruction called `name` was executed (true) or cached (false), a value a block.
    pub(crate) fn executed(mut self, event: &Event, name: &str, naive: &[bool], optimized: &[bool]) -> Self {
        self.each(naive, optimized, |run, variant, block, executed| {
            run.sample(variant, event, block);
            let scenario = run.current().name.clone();
            let step = run.records.steps.len() as u32 + 1;
            run.records.steps.push(Step {
                scenario: scenario.into(),
                variant,
                event: event.clone(),
                block,
                step,
                name: name.into(),
                instruction: true,
                cached: !executed,
                start_s: Some(0.0),
                seconds: Some(if executed { 1.0 } else { 0.0 }),
                error: None,
                cause: None,
                inputs: "".into(),
            });
        });
        self
    }

    /// The steps of the current scenario called `name` that were executed after `event` have this cause.
    pub(crate) fn caused(mut self, event: &Event, name: &str, cause: &str) -> Self {
        let scenario = self.current().name.clone();
        let is_it = |row: &&mut Step| {
            row.scenario == scenario && row.event == *event && row.name == name && !row.cached
        };
        self.records.steps.iter_mut().filter(is_it).for_each(|row| row.cause = Some(cause.into()));
        self
    }

    /// Seconds of a timed start in each block; `None` is a start that failed.
    pub(crate) fn starts(
        mut self,
        phase: &str,
        event: Start,
        naive: &[Option<f64>],
        optimized: &[Option<f64>],
    ) -> Self {
        self.each(naive, optimized, |run, variant, block, seconds| {
            run.sample(variant, &Event::Cold, block);
            let scenario = run.current().name.clone();
            let error = seconds.is_none().then(|| "no module named x".to_owned());
            let phase = phase.to_owned();
            run.records.starts.push(StartPhase { scenario, variant, event, block, phase, seconds, error });
        });
        self
    }

    /// The build fails: its row has the error and no timing, and no image or delta.
    pub(crate) fn fails(mut self, variant: Variant, event: &Event, block: u32, error: &str) -> Self {
        let sample = self.sample(variant, event, block);
        sample.error = Some(error.to_owned());
        sample.wall_s = None;
        sample.transfer_s = None;
        sample.exec_s = None;
        sample.export_s = None;
        sample.unpack_s = None;
        sample.cpu_s = None;
        sample.overhead_s = None;
        let key = sample.key();
        self.records.images.retain(|image| image.key() != key);
        self.records.deltas.retain(|delta| delta.key() != key);
        self
    }

    pub(crate) fn build(mut self) -> Records {
        self.records.plan.steps = self.records.samples.iter().map(BuildRow::key).collect();
        self.records
    }

    fn each<T: Copy>(
        &mut self,
        naive: &[T],
        optimized: &[T],
        mut put: impl FnMut(&mut Self, Variant, u32, T),
    ) {
        for (variant, values) in [(Variant::Naive, naive), (Variant::Optimized, optimized)] {
            for (block, value) in (1..).zip(values) {
                put(self, variant, block, *value);
            }
        }
    }

    fn current(&mut self) -> &mut PlannedScenario {
        self.records.plan.scenarios.last_mut().expect("a scenario comes first")
    }

    fn sample(&mut self, variant: Variant, event: &Event, block: u32) -> &mut Sample {
        let scenario = self.current();
        scenario.blocks = scenario.blocks.max(block);
        let key = PlannedStep { scenario: scenario.name.clone(), block, variant, event: event.clone() };
        let samples = &mut self.records.samples;
        let at = samples.iter().position(|sample| sample.key() == key).unwrap_or_else(|| {
            let order = samples.len() as u32 + 1;
            samples.push(Sample {
                wall_s: None,
                context_bytes: None,
                transfer_s: None,
                exec_s: None,
                export_s: None,
                unpack_s: None,
                cpu_s: None,
                ..sample(&key, order)
            });
            samples.len() - 1
        });
        &mut samples[at]
    }

    fn image(&mut self, variant: Variant, block: u32) -> &mut Image {
        let scenario = self.current().name.clone();
        let images = &mut self.records.images;
        let matches = |row: &Image| row.scenario == scenario && row.variant == variant && row.block == block;
        let at = images.iter().position(matches).unwrap_or_else(|| {
            images.push(image(&scenario, variant, block));
            images.len() - 1
        });
        &mut images[at]
    }

    fn delta(&mut self, variant: Variant, event: &Event, block: u32) -> &mut Delta {
        let key = PlannedStep { scenario: self.current().name.clone(), block, variant, event: event.clone() };
        let deltas = &mut self.records.deltas;
        let at = deltas.iter().position(|row| row.key() == key).unwrap_or_else(|| {
            deltas.push(delta(&key));
            deltas.len() - 1
        });
        &mut deltas[at]
    }
}

/// A build that took 10 s.
pub(crate) fn sample(key: &PlannedStep, order: u32) -> Sample {
    Sample {
        scenario: key.scenario.clone(),
        variant: key.variant,
        event: key.event.clone(),
        block: key.block,
        wall_s: Some(10.0),
        steps: Some(5),
        cached_steps: Some(0),
        context_bytes: Some(1_000),
        manifest_digest: None,
        error: None,
        transfer_s: Some(0.01),
        exec_s: Some(8.0),
        export_s: Some(1.5),
        unpack_s: Some(0.4),
        cpu_s: Some(9.0),
        overhead_s: Some(0.01),
        order,
        nonce: format!("nonce-{order}"),
        base: "registry".to_owned(),
        started: "2026-11-23T18:00:00Z".to_owned(),
    }
}

/// An image of 100 MB.
pub(crate) fn image(scenario: &str, variant: Variant, block: u32) -> Image {
    Image {
        scenario: scenario.to_owned(),
        variant,
        compressed_bytes: 40_000_000,
        layer_bytes: 110_000_000,
        rootfs_bytes: 100_000_000,
        unique_bytes: 60_000_000,
        layers: 5,
        block,
        base: "registry".to_owned(),
        wasted_bytes: None,
        distribution_packages: None,
        python_packages: None,
        vulnerabilities: None,
        secrets_found: None,
        not_audited: None,
    }
}

/// One new layer of 1 MB.
pub(crate) fn delta(key: &PlannedStep) -> Delta {
    Delta {
        scenario: key.scenario.clone(),
        variant: key.variant,
        event: key.event.clone(),
        block: key.block,
        new_layers: 1,
        new_compressed_bytes: 1_000_000,
        same_content_bytes: 0,
        packages_changed: None,
    }
}

/// A quick run on a small machine.
pub(crate) fn info() -> RunInfo {
    RunInfo {
        format_version: FORMAT_VERSION,
        id: "r1".to_owned(),
        started: "2026-11-23T18:00:00Z".to_owned(),
        tare: "0.1.0".to_owned(),
        git_revision: "0123456789abcdef".to_owned(),
        profile: Profile::Quick,
        seed: 7,
        link: LinkInfo { name: "200mbit".to_owned(), bits_per_s: Some(200_000_000), latency_ms: 5.0 },
        engine: EngineInfo {
            kind: "managed".to_owned(),
            version: "28.5.2".to_owned(),
            buildkit: "v0.25.2".to_owned(),
            store: "containerd".to_owned(),
            packages: vec!["docker.io 28.5.2+dfsg4-1".to_owned()],
            generation: "g1".to_owned(),
        },
        machine: MachineInfo {
            cpu: "Example CPU 3000".to_owned(),
            cores: 2,
            memory_bytes: 8_000_000_000,
            kernel: "6.18.0".to_owned(),
            os: "Debian GNU/Linux 12 (bookworm)".to_owned(),
            virtual_machine: true,
            load_1m: 0.25,
            disk_free_bytes: 50_000_000_000,
            memory_available_bytes: None,
            governor: None,
            disk_rotates: None,
        },
        bases: vec![BaseInfo {
            reference: "python:3.11-slim".to_owned(),
            kind: "registry".to_owned(),
            digest: "sha256:0000".to_owned(),
            made_of: String::new(),
        }],
        scanner: None,
        node: None,
        gpu: None,
        end: None,
        aa: false,
        precision_percent: None,
    }
}
