//! What belongs together in the files: the rows of one measured build.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::done::Done;
use super::sides;
use super::{
    ClaimRow, Counterpart, Delta, Fetched, Image, LayerSize, Leak, Package, Sample, StartPhase, Step,
    Transfer, Wasted,
};
use crate::record::PlannedStep;
use crate::scenario::{Event, Variant};

/// One measured build with everything that was learnt from it: written as a whole, or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredBuild {
    /// Its row in `samples.csv`.
    pub sample: Sample,
    /// Its rows in `steps.csv`.
    pub steps: Vec<Step>,
    /// Its row in `images.csv`; after a cold build.
    pub image: Option<Image>,
    /// Its row in `deltas.csv`; after a build that is not cold.
    pub delta: Option<Delta>,
    /// Its rows in `layers.csv`; after a cold build.
    pub layers: Vec<LayerSize>,
    /// Its rows in `wasted.csv`; after a cold build.
    pub wasted: Vec<Wasted>,
    /// Its rows in `packages.csv`.
    pub packages: Vec<Package>,
    /// Its rows in `secrets.csv`; after a cold build.
    pub leaks: Vec<Leak>,
    /// Its rows in `startup.csv`; after the first build of a block.
    pub starts: Vec<StartPhase>,
    /// Its rows in `fetches.csv`; after the first build of a block.
    pub fetches: Vec<Fetched>,
    /// Its rows in `transfers.csv`.
    pub transfers: Vec<Transfer>,
    /// Its rows in `development.csv`.
    pub development: Vec<Counterpart>,
}

impl From<Sample> for MeasuredBuild {
    /// A build of which there is nothing to tell but its sample: one that failed, or was never begun.
    fn from(sample: Sample) -> Self {
        Self {
            sample,
            steps: Vec::new(),
            image: None,
            delta: None,
            layers: Vec::new(),
            wasted: Vec::new(),
            packages: Vec::new(),
            leaks: Vec::new(),
            starts: Vec::new(),
            fetches: Vec::new(),
            transfers: Vec::new(),
            development: Vec::new(),
        }
    }
}

impl MeasuredBuild {
    /// Refuses rows that a reader could not put together again.
    pub(super) fn check(&self) -> Result<()> {
        let key = self.sample.key();
        let name = describe(&key);
        ensure!(sides::belong_to(self, &key), "rows of another build were recorded with {name}");
        self.sample.check()
    }
}

impl Sample {
    /// The build that this is the sample of.
    pub fn key(&self) -> PlannedStep {
        BuildRow::key(self)
    }

    /// A failed build's time is not a build time: a row has an error or timings, never both.
    pub(super) fn check(&self) -> Result<()> {
        let timings = [
            self.wall_s,
            self.transfer_s,
            self.exec_s,
            self.export_s,
            self.unpack_s,
            self.cpu_s,
            self.overhead_s,
        ];
        ensure!(
            self.error.is_none() || timings.iter().all(Option::is_none),
            "{} failed and yet has a timing",
            describe(&self.key())
        );
        ensure!(
            timings.iter().flatten().all(|seconds| seconds.is_finite()),
            "{} has a timing that is not a number",
            describe(&self.key())
        );
        Ok(())
    }
}

/// `attempts.csv`: one beginning of a build. A build that was cut short and is done again gets a
/// higher number, and with it edits that the engine has not seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// The scenario.
    pub scenario: String,
    /// The variant.
    pub variant: Variant,
    /// What happened before this build.
    pub event: Event,
    /// The block, from 1.
    pub block: u32,
    /// How often this build was begun, from 1.
    pub attempt: u32,
}

/// A row of one of the tables.
pub(super) trait Row: Serialize + for<'de> Deserialize<'de> {
    /// The file in the run directory.
    const FILE: &'static str;
    /// Its header.
    const COLUMNS: &'static [&'static str];
    /// Whether runs of this format version were once made without the file: a run that lacks it has no such rows.
    const ADDED_LATER: bool = false;
}

/// A row of one of the tables that grow during a run.
pub(super) trait BuildRow: Row {
    /// The build that the row belongs to.
    fn key(&self) -> PlannedStep;

    /// Whether it may be written with this build.
    fn belongs_to(&self, build: &PlannedStep) -> bool;

    /// Whether the build that it was written with has a sample.
    fn is_vouched_for(&self, done: &Done) -> bool;
}

macro_rules! table {
    ($row:ident in $file:literal, $(added_later $later:literal,)? columns [$($column:literal),+ $(,)?]) => {
        impl Row for $row {
            const FILE: &'static str = $file;
            const COLUMNS: &'static [&'static str] = &[$($column),+];
            $(const ADDED_LATER: bool = $later;)?
        }
    };
}

macro_rules! start_rows {
    ($($row:ident in $file:literal, $(added_later $later:literal,)? columns [$($column:literal),+ $(,)?];)+) => {$(
        table!($row in $file, $(added_later $later,)? columns [$($column),+]);

        /// Its `event` says which start it was, not which build. Starts follow the first build of their block and
        /// variant, and are written with it: a sample of that block and variant vouches for them.
        impl BuildRow for $row {
            fn key(&self) -> PlannedStep {
                PlannedStep {
                    scenario: self.scenario.clone(),
                    block: self.block,
                    variant: self.variant,
                    event: Event::Cold,
                }
            }

            fn belongs_to(&self, build: &PlannedStep) -> bool {
                self.scenario == build.scenario && self.block == build.block && self.variant == build.variant
            }

            fn is_vouched_for(&self, done: &Done) -> bool {
                done.has_any(&self.scenario, self.block, self.variant)
            }
        }
    )+};
}

start_rows! {
    StartPhase in "startup.csv", columns ["scenario", "variant", "event", "block", "phase", "seconds", "error"];
    Fetched in "fetches.csv", added_later true, columns [
        "scenario", "variant", "event", "block", "bytes", "answer", "error",
    ];
}

table!(ClaimRow in "claims.csv", columns [
    "scenario", "claim", "metric", "estimate", "low", "high", "expected_min", "expected_max", "effect",
    "verdict", "reason", "blocks", "p", "p_holm", "significant", "relevant", "source", "field",
]);

macro_rules! rows {
    ($($row:ident in $file:literal, $(added_later $later:literal,)? event $event:expr,
       columns [$($column:literal),+ $(,)?];)+) => {$(
        table!($row in $file, $(added_later $later,)? columns [$($column),+]);

        impl BuildRow for $row {
            fn key(&self) -> PlannedStep {
                let event: fn(&Self) -> &Event = $event;
                PlannedStep {
                    scenario: self.scenario.to_string(),
                    block: self.block,
                    variant: self.variant,
                    event: event(self).clone(),
                }
            }

            fn belongs_to(&self, build: &PlannedStep) -> bool {
                let event: fn(&Self) -> &Event = $event;
                self.block == build.block
                    && self.variant == build.variant
                    && self.scenario == build.scenario
                    && *event(self) == build.event
            }

            fn is_vouched_for(&self, done: &Done) -> bool {
                let event: fn(&Self) -> &Event = $event;
                done.has(&self.scenario, self.block, self.variant, event(self))
            }
        }
    )+};
}

rows! {
    Sample in "samples.csv", event |row| &row.event, columns [
        "scenario", "variant", "event", "block", "wall_s", "steps", "cached_steps", "context_bytes",
        "manifest_digest", "error", "transfer_s", "exec_s", "export_s", "unpack_s", "cpu_s", "overhead_s",
        "order", "nonce", "base", "started",
    ];
    Step in "steps.csv", event |row| &row.event, columns [
        "scenario", "variant", "event", "block", "step", "name", "instruction", "cached", "start_s", "seconds",
        "error", "cause", "inputs",
    ];
    // The sizes are those of the image after the cold build, whose row carries no event.
    Image in "images.csv", event |_| &Event::Cold, columns [
        "scenario", "variant", "compressed_bytes", "layer_bytes", "rootfs_bytes", "unique_bytes", "layers",
        "block", "base", "wasted_bytes", "distribution_packages", "python_packages", "vulnerabilities",
        "secrets_found", "not_audited",
    ];
    Delta in "deltas.csv", event |row| &row.event, columns [
        "scenario", "variant", "event", "block", "new_layers", "new_compressed_bytes", "same_content_bytes",
        "packages_changed",
    ];
    LayerSize in "layers.csv", added_later true, event |_| &Event::Cold, columns [
        "scenario", "variant", "block", "layer", "made_by", "in_base", "compressed_bytes", "tar_bytes",
        "wasted_bytes",
    ];
    Wasted in "wasted.csv", event |_| &Event::Cold, columns [
        "scenario", "variant", "block", "path", "bytes", "how", "layer", "made_by", "hidden_by",
    ];
    Package in "packages.csv", event |row| &row.event, columns [
        "scenario", "variant", "event", "block", "kind", "name", "version",
    ];
    Leak in "secrets.csv", event |_| &Event::Cold, columns [
        "scenario", "variant", "block", "canary", "place", "found_at",
    ];
    Transfer in "transfers.csv", event |row| &row.event, columns [
        "scenario", "variant", "event", "block", "what", "seconds", "bytes",
    ];
    Counterpart in "development.csv", event |row| &row.event, columns [
        "scenario", "variant", "event", "block", "kind", "name", "development", "production",
    ];
    Attempt in "attempts.csv", event |row| &row.event, columns [
        "scenario", "variant", "event", "block", "attempt",
    ];
}

/// A build in words, for messages: `layer-order, naive, edit-source, block 2`.
pub(super) fn describe(key: &PlannedStep) -> String {
    format!("{}, {}, {}, block {}", key.scenario, key.variant, key.event, key.block)
}
