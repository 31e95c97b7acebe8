//! `scenario.toml` as it is written; private twins of the domain types.
//!
//! Keys are in snake_case, as the columns of the records are. Values that can be wrong in themselves
//! carry their place in the file, so that an error names the line.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::Profile;

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
    pub(super) answer: Option<WireAnswer>,
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
    /// Path in the context → checked-in file, relative to the scenario's folder.
    pub(super) files: BTreeMap<Spanned<String>, Spanned<String>>,
    /// Those of `files` that the context does not have before.
    #[serde(default)]
    pub(super) new: Vec<Spanned<String>>,
}

/// `[answer]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireAnswer {
    pub(super) port_env: String,
    pub(super) ready_path: Spanned<String>,
    pub(super) path: Spanned<String>,
    pub(super) body: Spanned<String>,
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
    pub(super) cold_s: WireSeconds,
    pub(super) block_disk_bytes: Spanned<u64>,
}

/// Seconds, one figure a side.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireSeconds {
    pub(super) naive: Spanned<f64>,
    pub(super) optimized: Spanned<f64>,
}
