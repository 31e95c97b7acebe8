//! The rows of the record files. A field's name is its column; the leading columns are fixed.
//!
//! Units are in the names: `_s` seconds, `_bytes` bytes. An empty field is "not measured", never zero.

use serde::{Deserialize, Serialize};

use crate::scenario::{Event, Variant};
use crate::text::Text;

/// The error of a build that was never begun because its block was cut short and the engine's cache is gone.
/// It says nothing of the image: another block is measured instead.
pub const INTERRUPTED: &str =
    "interrupted: the engine that held this block's cache is gone; a block was added instead";

/// How the error of a sample begins that could not be measured on this machine, and that is no failure.
pub const NOT_MEASURED: &str = "not measured: ";

/// How the error of a sample begins whose two images do not do the same: no more of its scenario is measured, nor when
/// the run is resumed.
pub const UNEQUAL: &str = "not the same: ";

/// Whether a sample with this error failed: not one that was cut short, nor one that cannot be measured on this machine.
pub fn is_failure(error: &str) -> bool {
    error != INTERRUPTED && !error.starts_with(NOT_MEASURED)
}

/// How the error of a phase begins that a failed start-up did not come to; its `total` says why.
pub const NOT_REACHED: &str = "not reached: ";

/// `samples.csv`: one measured build. A row with an `error` is a failed build and has no timing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The scenario.
    pub scenario: String,
    /// The variant.
    pub variant: Variant,
    /// What happened before this build.
    pub event: Event,
    /// The block, from 1.
    pub block: u32,
    /// Solve sent to Solve answered, with the engine-store exporter and provenance off.
    #[serde(serialize_with = "super::decimals::optional")]
    pub wall_s: Option<f64>,
    /// Steps of the Dockerfile (`[stage n/m]`, base images and `WORKDIR` included).
    pub steps: Option<u32>,
    /// How many of them were cached.
    pub cached_steps: Option<u32>,
    /// Bytes of context that were sent.
    pub context_bytes: Option<u64>,
    /// Manifest digest of an untimed export with rewrite-timestamp; taken in the first two blocks, after a
    /// cold build and after a rebuild on a later package index.
    pub manifest_digest: Option<String>,
    /// Why there is no timing.
    pub error: Option<String>,
    /// Seconds in which the context was being sent.
    #[serde(serialize_with = "super::decimals::optional")]
    pub transfer_s: Option<f64>,
    /// Seconds in which a Dockerfile step was being executed, laying what `COPY --link` made upon the rest included.
    #[serde(serialize_with = "super::decimals::optional")]
    pub exec_s: Option<f64>,
    /// Seconds in which the export ran (layers compressed, manifest and config written), without unpacking.
    #[serde(serialize_with = "super::decimals::optional")]
    pub export_s: Option<f64>,
    /// Seconds in which the image was unpacked into the engine's store.
    #[serde(serialize_with = "super::decimals::optional")]
    pub unpack_s: Option<f64>,
    /// CPU seconds of the engine and the steps.
    #[serde(serialize_with = "super::decimals::optional")]
    pub cpu_s: Option<f64>,
    /// `wall_s` less the span from the first vertex's start to the last one's end: the harness's own.
    #[serde(serialize_with = "super::decimals::optional")]
    pub overhead_s: Option<f64>,
    /// Place in the order of the run, from 1.
    pub order: u32,
    /// The token that replaced `@TARE_NONCE@` in the newest edit of this build's context.
    pub nonce: String,
    /// `registry`, `local` or `own`: what the base images were. `local` is a stand-in.
    pub base: String,
    /// When the build began, UTC.
    pub started: String,
}

/// `steps.csv`: one BuildKit vertex of a build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The scenario.
    pub scenario: Text,
    /// The variant.
    pub variant: Variant,
    /// What happened before this build.
    pub event: Event,
    /// The block, from 1.
    pub block: u32,
    /// Place in the build, from 1, by start.
    pub step: u32,
    /// The vertex's name, as BuildKit prints it.
    pub name: Text,
    /// Whether it is an instruction of the Dockerfile, and not BuildKit's own work.
    pub instruction: bool,
    /// Whether it came from the cache.
    pub cached: bool,
    /// Seconds after the first vertex's start.
    #[serde(serialize_with = "super::decimals::optional")]
    pub start_s: Option<f64>,
    /// Seconds that it took.
    #[serde(serialize_with = "super::decimals::optional")]
    pub seconds: Option<f64>,
    /// BuildKit's message, where it failed.
    pub error: Option<Text>,
    /// Why it was executed although a cache existed: the first cause upstream. Empty where it was cached,
    /// after a cold build, and for BuildKit's own work.
    pub cause: Option<Text>,
    /// The steps whose results it takes, by their numbers with a blank between them.
    pub inputs: Text,
}

/// `images.csv`: the sizes of an image after a cold build and what is in it, from its own layers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The scenario.
    pub scenario: String,
    /// The variant.
    pub variant: Variant,
    /// What a registry stores and a pull moves: the layers as compressed blobs.
    pub compressed_bytes: u64,
    /// Sum of the layer tars.
    pub layer_bytes: u64,
    /// Regular files of the merged tree after whiteouts, hard links once.
    pub rootfs_bytes: u64,
    /// Layer bytes that are not in the base.
    pub unique_bytes: u64,
    /// How many layers.
    pub layers: u32,
    /// The block, from 1.
    pub block: u32,
    /// `registry`, `local` or `own`: what the base images were.
    pub base: String,
    /// Bytes of files in its layers that a later layer overwrote or deleted.
    pub wasted_bytes: Option<u64>,
    /// Installed packages of the distribution.
    pub distribution_packages: Option<u32>,
    /// Installed Python packages.
    pub python_packages: Option<u32>,
    /// Known vulnerabilities, by the scanner that `run.json` names; empty where it did not audit all packages.
    pub vulnerabilities: Option<u32>,
    /// Planted secrets that were found in it, in its provenance or in its exported cache.
    pub secrets_found: Option<u32>,
    /// Packages that the scanner skipped; empty where nothing was scanned.
    pub not_audited: Option<u32>,
}

/// `deltas.csv`: what a node that has the variant's previous image must pull again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// The scenario.
    pub scenario: String,
    /// The variant.
    pub variant: Variant,
    /// What happened before this build.
    pub event: Event,
    /// The block, from 1.
    pub block: u32,
    /// Layers that the node lacks.
    pub new_layers: u32,
    /// Their compressed bytes.
    pub new_compressed_bytes: u64,
    /// Bytes of files in them that the previous image had at the same path with the same content.
    pub same_content_bytes: u64,
    /// Installed packages that are new, gone or of another version.
    pub packages_changed: Option<u32>,
}

/// `claims.csv`: a claim and its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClaimRow {
    /// The scenario.
    pub scenario: String,
    /// The claim's slug.
    pub claim: String,
    /// The metric, as written by `Metric`.
    pub metric: String,
    /// The reduction, `1 − optimized / naive`.
    #[serde(serialize_with = "super::decimals::optional")]
    pub estimate: Option<f64>,
    /// Lower end of the 95 % interval.
    #[serde(serialize_with = "super::decimals::optional")]
    pub low: Option<f64>,
    /// Upper end.
    #[serde(serialize_with = "super::decimals::optional")]
    pub high: Option<f64>,
    /// The least reduction that supports the claim; open if empty.
    #[serde(serialize_with = "super::decimals::optional")]
    pub expected_min: Option<f64>,
    /// The greatest; open if empty.
    #[serde(serialize_with = "super::decimals::optional")]
    pub expected_max: Option<f64>,
    /// Does the practice pay?
    pub effect: Effect,
    /// Does the quoted figure hold?
    pub verdict: Verdict,
    /// Why, in one line.
    pub reason: String,
    /// Blocks that the estimate rests on.
    pub blocks: u32,
    /// Two-sided sign-flip p of "no effect"; empty for exact quantities.
    #[serde(serialize_with = "super::decimals::optional")]
    pub p: Option<f64>,
    /// The same, Holm-adjusted over all claims on time of the run.
    #[serde(serialize_with = "super::decimals::optional")]
    pub p_holm: Option<f64>,
    /// Whether there is a difference at all: the interval excludes none, and sizes differ by more than
    /// logs and gzip do. Empty where the blocks do not suffice.
    pub significant: Option<bool>,
    /// Whether the difference is worth speaking of: more than 2 % and at least 0.1 s of a time, more than
    /// 1 % and at least 64 KiB of a size, any of a count.
    pub relevant: Option<bool>,
    /// Who makes the claim.
    pub source: String,
    /// What others measured; empty where nobody did.
    pub field: String,
}

/// Does the practice pay?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It makes the quantity smaller.
    Helps,
    /// It changes nothing worth speaking of.
    NoEffect,
    /// It makes the quantity larger.
    Hurts,
    /// The samples do not tell.
    Unclear,
}

/// Does the quoted figure hold?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The interval lies wholly inside the claimed one.
    Supported,
    /// Wholly beyond it on the favourable side.
    BetterThanClaimed,
    /// Wholly beyond it on the other side.
    Contradicted,
    /// Neither.
    Inconclusive,
    /// There is nothing to judge by; the reason says why.
    NotMeasured,
}
