//! The rows of one scenario, and the values of a metric in them.

use std::collections::{BTreeMap, HashMap};

use crate::record::{Delta, INTERRUPTED, Image, PlannedScenario, Records, Sample, Step};
use crate::scenario::{DeltaColumn, Event, ImageColumn, Metric, SampleColumn, Variant};

/// What was recorded of one scenario.
#[derive(Debug, Clone)]
pub struct ScenarioRecords<'r> {
    /// The scenario.
    pub plan: &'r PlannedScenario,
    /// Its builds.
    pub samples: Vec<&'r Sample>,
    /// Their steps.
    pub steps: Vec<&'r Step>,
    /// The sizes after cold builds.
    pub images: Vec<&'r Image>,
    /// What a node pulls again.
    pub deltas: Vec<&'r Delta>,
}

impl<'r> ScenarioRecords<'r> {
    /// The records scenario by scenario, in the order of the plan.
    pub fn split(records: &'r Records) -> Vec<Self> {
        let mut samples = grouped(&records.samples, |row| &row.scenario);
        let mut steps = grouped(&records.steps, |row| &row.scenario);
        let mut images = grouped(&records.images, |row| &row.scenario);
        let mut deltas = grouped(&records.deltas, |row| &row.scenario);
        let scenarios = records.plan.scenarios.iter();
        scenarios
            .map(|plan| Self {
                plan,
                samples: samples.remove(plan.name.as_str()).unwrap_or_default(),
                steps: steps.remove(plan.name.as_str()).unwrap_or_default(),
                images: images.remove(plan.name.as_str()).unwrap_or_default(),
                deltas: deltas.remove(plan.name.as_str()).unwrap_or_default(),
            })
            .collect()
    }

    /// The metric's value in each block in which it was measured.
    pub fn values(&self, metric: &Metric, variant: Variant) -> BTreeMap<u32, f64> {
        match metric {
            Metric::Image(column) => {
                let rows = self.images.iter().filter(|row| row.variant == variant);
                rows.map(|row| (row.block, image_value(row, *column))).collect()
            }
            Metric::Delta(column, event) => {
                let rows = self.deltas.iter().filter(|row| row.variant == variant && row.event == *event);
                rows.map(|row| (row.block, delta_value(row, *column))).collect()
            }
            Metric::Sample(column, event) => self
                .builds(variant, event)
                .filter_map(|row| Some((row.block, sample_value(row, *column)?)))
                .collect(),
            Metric::Executed(name, event) => self.executed(name, variant, event),
        }
    }

    /// Why the metric cannot be judged: a build that it needs failed.
    pub fn failure(&self, metric: &Metric) -> Option<String> {
        let failed = |event: &Event| {
            self.samples.iter().find(|row| row.event == *event && has_failed(row)).map(|row| describe(row))
        };
        // Without a first build there is none after it, and no row that says so.
        let measured = Variant::BOTH.iter().all(|variant| !self.values(metric, *variant).is_empty());
        failed(metric.event()).or_else(|| if measured { None } else { failed(&Event::Cold) })
    }

    /// Its failed builds, a line each.
    pub fn failures(&self) -> Vec<String> {
        self.samples.iter().filter(|row| has_failed(row)).map(|row| describe(row)).collect()
    }

    /// Whether a base image of a measured build was a stand-in built on this machine.
    pub fn on_stand_ins(&self) -> bool {
        self.samples.iter().any(|row| row.base == "local")
    }

    fn builds(&self, variant: Variant, event: &Event) -> impl Iterator<Item = &&'r Sample> {
        self.samples
            .iter()
            .filter(move |row| row.variant == variant && row.event == *event && row.error.is_none())
    }

    /// Instructions that match the scenario's step and were executed, in each block. A block in which
    /// none matches, executed or cached, has no value: a text that matches nothing is not a cache hit.
    fn executed(&self, name: &str, variant: Variant, event: &Event) -> BTreeMap<u32, f64> {
        let Some((_, texts)) = self.plan.steps.iter().find(|(step, _)| step == name) else {
            return BTreeMap::new();
        };
        let text = texts.get(variant);
        let mut counts: BTreeMap<u32, f64> = BTreeMap::new();
        for step in &self.steps {
            let here = step.variant == variant && step.event == *event;
            if here && step.instruction && step.name.contains(text.as_str()) {
                *counts.entry(step.block).or_insert(0.0) += if step.cached { 0.0 } else { 1.0 };
            }
        }
        let built: Vec<u32> = self.builds(variant, event).map(|row| row.block).collect();
        counts.retain(|block, _| built.contains(block));
        counts
    }
}

/// A build that was never begun has not failed: its block was measured again.
fn has_failed(row: &Sample) -> bool {
    row.error.as_deref().is_some_and(|error| error != INTERRUPTED)
}

fn grouped<'r, R>(rows: &'r [R], scenario: impl Fn(&'r R) -> &'r String) -> HashMap<&'r str, Vec<&'r R>> {
    let mut groups: HashMap<&str, Vec<&R>> = HashMap::new();
    for row in rows {
        groups.entry(scenario(row)).or_default().push(row);
    }
    groups
}

/// A failure in one line that fits a table; BuildKit's message may have many, and the first says what
/// happened. Control characters of a build's log would reach the reader's terminal.
fn describe(sample: &Sample) -> String {
    let error = sample.error.as_deref().unwrap_or_default();
    let line = error.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    let line: String = line.chars().filter(|letter| !letter.is_control()).take(200).collect();
    format!("{}, {}, block {} failed: {line}", sample.variant, sample.event, sample.block)
}

fn image_value(row: &Image, column: ImageColumn) -> f64 {
    match column {
        ImageColumn::Compressed => row.compressed_bytes as f64,
        ImageColumn::Layer => row.layer_bytes as f64,
        ImageColumn::Rootfs => row.rootfs_bytes as f64,
        ImageColumn::Unique => row.unique_bytes as f64,
        ImageColumn::Layers => f64::from(row.layers),
    }
}

fn sample_value(row: &Sample, column: SampleColumn) -> Option<f64> {
    match column {
        SampleColumn::Wall => row.wall_s,
        SampleColumn::Transfer => row.transfer_s,
        SampleColumn::Exec => row.exec_s,
        SampleColumn::Export => row.export_s,
        SampleColumn::Unpack => row.unpack_s,
        SampleColumn::Cpu => row.cpu_s,
        SampleColumn::Context => row.context_bytes.map(|bytes| bytes as f64),
    }
}

fn delta_value(row: &Delta, column: DeltaColumn) -> f64 {
    match column {
        DeltaColumn::NewLayers => f64::from(row.new_layers),
        DeltaColumn::NewCompressed => row.new_compressed_bytes as f64,
        DeltaColumn::SameContent => row.same_content_bytes as f64,
    }
}
