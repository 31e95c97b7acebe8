//! The rows of one scenario, and the values of a metric in them.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::record::{
    AnswerKind, Counterpart, Delta, Fetched, INTERRUPTED, Image, LayerSize, Leak, NOT_MEASURED, NOT_REACHED,
    PlannedScenario, Rebuilds, Records, Sample, StartPhase, Step, Transfer, Wasted, is_failure,
};
use crate::scenario::{
    DeltaColumn, Event, FetchColumn, FetchStart, ImageColumn, Metric, SampleColumn, Start, TransferColumn,
    Variant,
};
use crate::stats::Stopping;

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
    /// The phases of its starts.
    pub starts: Vec<&'r StartPhase>,
    /// What its starts fetched; none in older runs.
    pub fetches: Vec<&'r Fetched>,
    /// What was moved to and from the registry.
    pub transfers: Vec<&'r Transfer>,
    /// The layers of its images; none in older runs.
    pub layers: Vec<&'r LayerSize>,
    /// Files that its images hold and do not show.
    pub wasted: Vec<&'r Wasted>,
    /// Planted secrets that were found.
    pub leaks: Vec<&'r Leak>,
    /// What is shipped, held against what people develop in.
    pub development: Vec<&'r Counterpart>,
    /// What came of rebuilding it.
    pub rebuilds: Vec<&'r Rebuilds>,
    /// How it was decided how many blocks to measure.
    pub stopping: Stopping,
}

impl<'r> ScenarioRecords<'r> {
    /// The records scenario by scenario, in the order of the plan.
    pub fn split(records: &'r Records) -> Vec<Self> {
        let mut samples = grouped(&records.samples, |row| &row.scenario);
        let mut steps = grouped(&records.steps, |row| &row.scenario);
        let mut images = grouped(&records.images, |row| &row.scenario);
        let mut deltas = grouped(&records.deltas, |row| &row.scenario);
        let mut starts = grouped(&records.starts, |row| &row.scenario);
        let mut fetches = grouped(&records.fetches, |row| &row.scenario);
        let mut transfers = grouped(&records.transfers, |row| &row.scenario);
        let mut layers = grouped(&records.layers, |row| &row.scenario);
        let mut wasted = grouped(&records.wasted, |row| &row.scenario);
        let mut leaks = grouped(&records.leaks, |row| &row.scenario);
        let mut development = grouped(&records.development, |row| &row.scenario);
        let mut rebuilds = grouped(&records.repro, |row| &row.scenario);
        let stopping = records.info.stopping();
        let scenarios = records.plan.scenarios.iter();
        scenarios
            .map(|plan| Self {
                plan,
                samples: samples.remove(plan.name.as_str()).unwrap_or_default(),
                steps: steps.remove(plan.name.as_str()).unwrap_or_default(),
                images: images.remove(plan.name.as_str()).unwrap_or_default(),
                deltas: deltas.remove(plan.name.as_str()).unwrap_or_default(),
                starts: starts.remove(plan.name.as_str()).unwrap_or_default(),
                fetches: fetches.remove(plan.name.as_str()).unwrap_or_default(),
                transfers: transfers.remove(plan.name.as_str()).unwrap_or_default(),
                layers: layers.remove(plan.name.as_str()).unwrap_or_default(),
                wasted: wasted.remove(plan.name.as_str()).unwrap_or_default(),
                leaks: leaks.remove(plan.name.as_str()).unwrap_or_default(),
                development: development.remove(plan.name.as_str()).unwrap_or_default(),
                rebuilds: rebuilds.remove(plan.name.as_str()).unwrap_or_default(),
                stopping,
            })
            .collect()
    }

    /// Why a variant's vulnerabilities are not known.
    pub(super) fn not_audited(&self, variant: Variant) -> String {
        let skipped =
            self.images.iter().filter(|row| row.variant == variant).filter_map(|row| row.not_audited);
        match skipped.max() {
            Some(0) => format!("the packages of {variant} are not known"),
            Some(packages) => format!("{packages} packages of {variant} not audited"),
            None => "no scanner: bench --scan uses Trivy, Grype, Snyk or pip-audit".to_owned(),
        }
    }

    /// The metric's value in each block in which it was measured.
    pub fn values(&self, metric: &Metric, variant: Variant) -> BTreeMap<u32, f64> {
        match metric {
            Metric::Image(column) => {
                let rows = self.images.iter().filter(|row| row.variant == variant);
                rows.filter_map(|row| Some((row.block, image_value(row, *column)?))).collect()
            }
            Metric::Delta(column, event) => {
                let rows = self.deltas.iter().filter(|row| row.variant == variant && row.event == *event);
                rows.filter_map(|row| Some((row.block, delta_value(row, *column)?))).collect()
            }
            Metric::Sample(column, event) => self
                .builds(variant, event)
                .filter_map(|row| Some((row.block, sample_value(row, *column)?)))
                .collect(),
            Metric::Executed(name, event) => self.executed(name, variant, event),
            Metric::DigestChanges(event) => self.digest_changes(variant, event),
            Metric::DevelopmentDifferences(event) => self.development_differences(variant, event),
            Metric::StartPhase(phase, start) => self.start_phase(phase, *start, variant),
            Metric::Transfer(column, what, event) => {
                let rows = self
                    .transfers
                    .iter()
                    .filter(|row| row.variant == variant && row.event == *event && row.what == *what);
                rows.filter_map(|row| Some((row.block, transfer_value(row, *column)?))).collect()
            }
            Metric::Fetch(column, start) => {
                let rows = self.fetches.iter().filter(|row| row.variant == variant && row.event == *start);
                rows.filter_map(|row| Some((row.block, fetch_value(row, *column)?))).collect()
            }
        }
    }

    /// Why the metric cannot be judged: a build that it needs failed.
    pub fn failure(&self, metric: &Metric) -> Option<String> {
        let failed = |event: &Event| {
            self.samples.iter().find(|row| row.event == *event && has_failed(row)).map(|row| describe(row))
        };
        // Without a first build there is none after it, and no row that says so.
        if let Metric::StartPhase(phase, start) = metric
            && let Some(row) = self
                .starts
                .iter()
                .find(|row| row.phase == *phase && row.event == *start && row.error.is_some())
        {
            return Some(describe_start(row));
        }
        if let Metric::Fetch(..) = metric
            && let Some(failed) = self.breakage(metric)
        {
            return Some(failed);
        }
        // Whether it was measured is asked last: a failure is rare, and the values of a metric are a search.
        let measured = || Variant::BOTH.iter().all(|variant| !self.values(metric, *variant).is_empty());
        failed(metric.event()).or_else(|| failed(&Event::Cold).filter(|_| !measured()))
    }

    /// What failed of what the metric rests on, if only in one block. What cannot be measured on this machine did not.
    pub fn breakage(&self, metric: &Metric) -> Option<String> {
        match metric {
            Metric::StartPhase(phase, start) => {
                let mut rows = self.starts.iter().filter(|row| row.phase == *phase && row.event == *start);
                rows.find(|row| has_failed_to_start(row)).map(|row| describe_start(row))
            }
            Metric::Fetch(_, start) => {
                let mut rows = self.fetches.iter().filter(|row| row.event == *start);
                rows.find(|row| row.error.is_some()).map(|row| describe_fetch(row))
            }
            _ => {
                let mut rows = self.samples.iter().filter(|row| row.event == *metric.event());
                rows.find(|row| is_broken(row)).map(|row| describe(row))
            }
        }
    }

    /// Its failed builds and starts, a line each. Claims say what could not be measured here.
    pub fn failures(&self) -> Vec<String> {
        let builds = self.samples.iter().filter(|row| is_broken(row)).map(|row| describe(row));
        let starts = self.starts.iter().filter(|row| has_failed_to_start(row)).map(|row| describe_start(row));
        // The first two starts are among those.
        let further = |row: &&&Fetched| matches!(row.event, FetchStart::Interrupted | FetchStart::Resumed);
        let fetches = self.fetches.iter().filter(further).filter(|row| row.error.is_some());
        builds.chain(starts).chain(fetches.map(|row| describe_fetch(row))).collect()
    }

    /// Whether a base image of a measured build was a stand-in built on this machine.
    pub fn on_stand_ins(&self) -> bool {
        self.samples.iter().any(|row| row.base == "local")
    }

    /// Builds that count.
    pub(crate) fn builds(&self, variant: Variant, event: &Event) -> impl Iterator<Item = &&'r Sample> {
        self.samples
            .iter()
            .filter(move |row| row.variant == variant && row.event == *event && row.error.is_none())
    }

    /// After cold builds, digests that differ from that of the first block: the same figure for each block
    /// that has one. After another event, whether the digest differs from that of the block's cold build.
    fn digest_changes(&self, variant: Variant, event: &Event) -> BTreeMap<u32, f64> {
        let digests_of = |event: &Event| -> BTreeMap<u32, &str> {
            let rows = self.builds(variant, event);
            rows.filter_map(|row| Some((row.block, row.manifest_digest.as_deref()?))).collect()
        };
        let digests = digests_of(event);
        if *event != Event::Cold {
            let cold = digests_of(&Event::Cold);
            let changed = |(block, digest): (u32, &str)| {
                Some((block, if *cold.get(&block)? == digest { 0.0 } else { 1.0 }))
            };
            return digests.into_iter().filter_map(changed).collect();
        }
        let distinct: HashSet<&str> = digests.values().copied().collect();
        digests.into_keys().map(|block| (block, distinct.len() as f64 - 1.0)).collect()
    }

    /// Of each block in which the two images were held against each other, how much of the shipped one differs.
    fn development_differences(&self, variant: Variant, event: &Event) -> BTreeMap<u32, f64> {
        let mut differences = BTreeMap::new();
        for row in self.development.iter().filter(|row| row.variant == variant && row.event == *event) {
            *differences.entry(row.block).or_insert(0.0) += if row.differs() { 1.0 } else { 0.0 };
        }
        differences
    }

    /// Seconds of a phase in each block. A block in which it failed once has no value.
    fn start_phase(&self, phase: &str, start: Start, variant: Variant) -> BTreeMap<u32, f64> {
        let mut seconds: BTreeMap<u32, Option<f64>> = BTreeMap::new();
        for row in &self.starts {
            if row.variant == variant && row.event == start && row.phase == phase {
                let sum = seconds.entry(row.block).or_insert(Some(0.0));
                *sum = sum.zip(row.seconds).map(|(sum, seconds)| sum + seconds);
            }
        }
        seconds.into_iter().filter_map(|(block, seconds)| Some((block, seconds?))).collect()
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

/// A build that failed by itself, and not for want of a machine that can measure it.
fn is_broken(row: &Sample) -> bool {
    row.error.as_deref().is_some_and(is_failure)
}

/// What cannot be measured on this machine has not failed, and what a failed start-up did not reach is told by its total.
fn has_failed_to_start(row: &StartPhase) -> bool {
    let failed = |error: &str| !error.starts_with(NOT_MEASURED) && !error.starts_with(NOT_REACHED);
    row.error.as_deref().is_some_and(failed)
}

fn grouped<R>(rows: &[R], scenario: impl Fn(&R) -> &str) -> HashMap<&str, Vec<&R>> {
    let mut groups: HashMap<&str, Vec<&R>> = HashMap::new();
    // Rows of a scenario stand together, and there are hundreds of thousands.
    for together in rows.chunk_by(|one, next| scenario(one) == scenario(next)) {
        groups.entry(scenario(&together[0])).or_default().extend(together);
    }
    groups
}

/// A failure in one line that fits a table; BuildKit's message may have many, and the first says what
/// happened. Control characters of a build's log would reach the reader's terminal.
fn describe(sample: &Sample) -> String {
    let line = first_line(sample.error.as_deref().unwrap_or_default());
    if let Some(why) = line.strip_prefix(NOT_MEASURED) {
        return why.to_owned();
    }
    format!("{}, {}, block {} failed: {line}", sample.variant, sample.event, sample.block)
}

/// A failed start, likewise.
fn describe_start(row: &StartPhase) -> String {
    let line = first_line(row.error.as_deref().unwrap_or_default());
    if let Some(why) = line.strip_prefix(NOT_MEASURED) {
        return why.to_owned();
    }
    format!("{}, start `{}` ({}), block {} failed: {line}", row.variant, row.phase, row.event, row.block)
}

/// A failed start that fetches, likewise.
fn describe_fetch(row: &Fetched) -> String {
    let line = first_line(row.error.as_deref().unwrap_or_default());
    format!("{}, start that fetches ({}), block {} failed: {line}", row.variant, row.event, row.block)
}

fn first_line(error: &str) -> String {
    let line = error.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    line.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

fn image_value(row: &Image, column: ImageColumn) -> Option<f64> {
    let count = |count: Option<u32>| count.map(f64::from);
    match column {
        ImageColumn::Compressed => Some(row.compressed_bytes as f64),
        ImageColumn::Layer => Some(row.layer_bytes as f64),
        ImageColumn::Rootfs => Some(row.rootfs_bytes as f64),
        ImageColumn::Unique => Some(row.unique_bytes as f64),
        ImageColumn::Layers => Some(f64::from(row.layers)),
        ImageColumn::Wasted => row.wasted_bytes.map(|bytes| bytes as f64),
        ImageColumn::DistributionPackages => count(row.distribution_packages),
        ImageColumn::PythonPackages => count(row.python_packages),
        ImageColumn::Vulnerabilities => count(row.vulnerabilities),
        ImageColumn::Secrets => count(row.secrets_found),
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

fn delta_value(row: &Delta, column: DeltaColumn) -> Option<f64> {
    match column {
        DeltaColumn::NewLayers => Some(f64::from(row.new_layers)),
        DeltaColumn::NewCompressed => Some(row.new_compressed_bytes as f64),
        DeltaColumn::SameContent => Some(row.same_content_bytes as f64),
        DeltaColumn::PackagesChanged => row.packages_changed.map(f64::from),
    }
}

fn transfer_value(row: &Transfer, column: TransferColumn) -> Option<f64> {
    match column {
        TransferColumn::Seconds => row.seconds,
        TransferColumn::Bytes => row.bytes.map(|bytes| bytes as f64),
    }
}

/// A start that failed has no value: that it gave no wrong answer is no merit.
fn fetch_value(row: &Fetched, column: FetchColumn) -> Option<f64> {
    if row.error.is_some() {
        return None;
    }
    Some(match column {
        FetchColumn::Bytes => row.bytes? as f64,
        FetchColumn::WrongAnswers => f64::from(row.answer == Some(AnswerKind::Wrong)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::RunBuilder;

    #[test]
    fn a_start_that_failed_served_nothing_wrong_and_is_no_success() {
        let mut records = RunBuilder::new().scenario("s").build();
        for (variant, answer, error) in [
            (Variant::Naive, Some(AnswerKind::Wrong), None),
            (Variant::Optimized, None, Some("exit code 1".to_owned())),
        ] {
            records.fetches.push(Fetched {
                scenario: "s".to_owned(),
                variant,
                event: FetchStart::Resumed,
                block: 1,
                bytes: Some(12),
                answer,
                error,
            });
        }
        let scenario = ScenarioRecords::split(&records).remove(0);
        let wrong = Metric::Fetch(FetchColumn::WrongAnswers, FetchStart::Resumed);
        assert_eq!(scenario.values(&wrong, Variant::Naive).into_values().collect::<Vec<_>>(), [1.0]);
        assert!(scenario.values(&wrong, Variant::Optimized).is_empty());
        let why = "optimized, start that fetches (resumed), block 1 failed: exit code 1";
        assert_eq!(scenario.failure(&wrong).as_deref(), Some(why));
        assert_eq!(scenario.failures(), [why]);
    }

    #[test]
    fn a_digest_is_held_against_the_cold_build_of_its_own_block() {
        let edit = Event::Edit("upstream".into());
        let seconds = [1.0, 1.0];
        let mut run = RunBuilder::new().scenario("s").event(edit.clone());
        for event in [Event::Cold, edit.clone()] {
            run = run.samples(&event, SampleColumn::Wall, &seconds, &seconds);
        }
        let mut records = run.build();
        for row in &mut records.samples {
            let drifts = row.variant == Variant::Naive && row.event == edit;
            row.manifest_digest = Some(if drifts { "later" } else { "today" }.to_owned());
        }
        let scenario = ScenarioRecords::split(&records).remove(0);
        let changes = |variant, event: &Event| {
            let values = scenario.values(&Metric::DigestChanges(event.clone()), variant);
            values.into_values().collect::<Vec<f64>>()
        };
        assert_eq!(changes(Variant::Naive, &Event::Cold), [0.0, 0.0]);
        // The same in both blocks, and yet not what the sources gave before.
        assert_eq!(changes(Variant::Naive, &edit), [1.0, 1.0]);
        assert_eq!(changes(Variant::Optimized, &edit), [0.0, 0.0]);
    }
}
