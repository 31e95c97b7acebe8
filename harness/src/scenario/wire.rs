//! `scenario.toml` as it is written; private twins of the domain types.
//!
//! Keys are in snake_case, as the columns of the records are. Values that can be wrong in themselves
//! carry their place in the file, so that an error names the line.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::{Around, Compression, Profile, StoreKind};

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireScenario {
    pub(super) question: String,
    pub(super) analysis: String,
    pub(super) caveat: String,
    pub(super) events: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) nonce_files: Vec<Spanned<String>>,
    pub(super) dockerfile: Option<WirePair>,
    pub(super) context: Option<WirePair>,
    #[serde(default)]
    pub(super) edits: BTreeMap<Spanned<String>, WireEdit>,
    #[serde(default)]
    pub(super) steps: BTreeMap<Spanned<String>, WirePair>,
    pub(super) answer: Option<Spanned<WireAnswer>>,
    #[serde(default)]
    pub(super) args: WireArgs,
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) canaries: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) starts: BTreeMap<Spanned<String>, WireStart>,
    pub(super) startup: Option<Spanned<WireStartup>>,
    #[serde(default)]
    pub(super) mounts: WireMounts,
    pub(super) releases: Option<WireReleases>,
    pub(super) development: Option<WirePair>,
    #[serde(default)]
    pub(super) source_date_epoch: WireEpoch,
    #[serde(default)]
    pub(super) compression: WireCompression,
    #[serde(default)]
    pub(super) fixes: Vec<WireFix>,
    #[serde(default)]
    pub(super) claims: Vec<WireClaim>,
    pub(super) profiles: WireProfiles,
}

/// One text a side.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WirePair {
    pub(super) naive: Spanned<String>,
    pub(super) optimized: Spanned<String>,
}

/// `[edits.NAME]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireEdit {
    pub(super) what: String,
    /// What changes around the context, instead of files in it.
    pub(super) around: Option<Around>,
    /// Path in the context → checked-in file, relative to the scenario's folder.
    #[serde(default)]
    pub(super) files: BTreeMap<Spanned<String>, Spanned<String>>,
    /// Those of `files` that the context does not have before.
    #[serde(default)]
    pub(super) new: Vec<Spanned<String>>,
}

/// `[answer]`: a service's four keys, or `command` alone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireAnswer {
    pub(super) port_env: Option<String>,
    pub(super) ready_path: Option<Spanned<String>>,
    pub(super) path: Option<Spanned<String>>,
    pub(super) body: Option<Spanned<String>>,
    pub(super) command: Option<Spanned<Vec<String>>>,
}

/// `[args]`: build arguments of one variant alone.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireArgs {
    #[serde(default)]
    pub(super) naive: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) optimized: BTreeMap<String, String>,
}

/// `[mounts]`: absolute path in the container → path in the context, for one variant alone.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireMounts {
    #[serde(default)]
    pub(super) naive: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    pub(super) optimized: BTreeMap<Spanned<String>, Spanned<String>>,
}

/// `[source_date_epoch]`: which variants are built with it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WireEpoch {
    pub(super) naive: bool,
    pub(super) optimized: bool,
}

impl Default for WireEpoch {
    fn default() -> Self {
        Self { naive: true, optimized: true }
    }
}

/// `[compression]`: how layers are compressed.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WireCompression {
    pub(super) naive: Compression,
    pub(super) optimized: Compression,
}

/// `[[fixes]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireFix {
    pub(super) name: String,
    /// Text in the optimized Dockerfile → what stands there without the fix.
    #[serde(default)]
    pub(super) replace: BTreeMap<Spanned<String>, String>,
    pub(super) cause: Spanned<String>,
}

/// `[starts.NAME]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireStart {
    pub(super) command: Spanned<Vec<String>>,
    #[serde(default)]
    pub(super) read_only: bool,
}

/// `[startup]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireStartup {
    pub(super) command: Spanned<Vec<String>>,
    pub(super) fetch: Option<Spanned<WireFetch>>,
}

/// `[startup.fetch]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireFetch {
    pub(super) from: StoreKind,
    pub(super) volume: Spanned<String>,
}

/// `[releases]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireReleases {
    pub(super) edits: Spanned<Vec<Spanned<String>>>,
    /// Where the whole series is made; all profiles unless said otherwise.
    pub(super) profiles: Option<Vec<Profile>>,
}

/// `[[claims]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireClaim {
    pub(super) name: Spanned<String>,
    pub(super) text: String,
    pub(super) source: String,
    #[serde(default)]
    pub(super) field: String,
    pub(super) metric: Spanned<String>,
    pub(super) expected_min: Option<Spanned<f64>>,
    pub(super) expected_max: Option<Spanned<f64>>,
    pub(super) profiles: Spanned<Vec<Profile>>,
}

/// `[profiles.*]`; each is there, so that no profile is forgotten.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireProfiles {
    pub(super) smoke: WireProfile,
    pub(super) quick: WireProfile,
    pub(super) full: WireProfile,
}

/// `[profiles.NAME]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireProfile {
    #[serde(default)]
    pub(super) build_args: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) locks: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) later_locks: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) generated: BTreeMap<Spanned<String>, Spanned<WireGenerated>>,
    pub(super) cold_s: WireSeconds,
    pub(super) block_disk_bytes: Spanned<u64>,
}

/// A generated file: its bytes, or how many shards it comes in and the bytes of each.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a number of bytes, or { shards = N, shard_bytes = N }")]
pub(super) enum WireGenerated {
    Whole(u64),
    Sharded(WireSharded),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireSharded {
    pub(super) shards: u32,
    pub(super) shard_bytes: u64,
}

/// Seconds, one figure a side.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireSeconds {
    pub(super) naive: Spanned<f64>,
    pub(super) optimized: Spanned<f64>,
}
