//! Rows beside the sizes: what was found in an image, how it starts, and what moving it took.

use serde::{Deserialize, Serialize};

use crate::scenario::{Event, FetchStart, Start, Variant};

/// `wasted.csv`: a file that a layer holds and the image does not show, since a later layer overwrote or
/// deleted it. The largest of an image; their sum is in `images.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wasted {
    /// The scenario.
    pub scenario: String,
    /// The variant.
    pub variant: Variant,
    /// The block, from 1.
    pub block: u32,
    /// The file, from the root, without a leading slash.
    pub path: String,
    /// Its bytes in the layer that nobody sees.
    pub bytes: u64,
    /// Whether the later layer has a new file there, or nothing.
    pub how: Hidden,
    /// The layer that holds it, from 1.
    pub layer: u32,
    /// The instruction that made that layer, from the image's history.
    pub made_by: String,
    /// The instruction that hid the file.
    pub hidden_by: String,
}

/// `layers.csv`: a layer of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerSize {
    /// The scenario.
    pub scenario: String,
    /// The variant.
    pub variant: Variant,
    /// The block, from 1.
    pub block: u32,
    /// Its place in the image, from 1.
    pub layer: u32,
    /// The instruction that made it, from the image's history.
    pub made_by: String,
    /// Whether the base image has it.
    pub in_base: bool,
    /// Its blob in a registry, bytes.
    pub compressed_bytes: u64,
    /// Its tar, headers and padding included, bytes.
    pub tar_bytes: u64,
    /// Files in it that the image does not show, bytes.
    pub wasted_bytes: u64,
}

/// How a file of a lower layer came to be hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hidden {
    /// A later layer has an entry at its path.
    Overwritten,
    /// A later layer has a whiteout for it or for a folder above it.
    Deleted,
}

/// `packages.csv`: a package that is installed in an image, counted from the image itself. After a cold build
/// all of them are listed, and again after a build that changed any, which `packages_changed` tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The scenario.
    pub scenario: String,
    /// The variant.
    pub variant: Variant,
    /// What happened before this build.
    pub event: Event,
    /// The block, from 1.
    pub block: u32,
    /// Whose package it is.
    pub kind: PackageKind,
    /// Its name, as the installer normalises it.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Who installed a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageKind {
    /// The distribution's: dpkg's status.
    Distribution,
    /// Python's: a `dist-info` folder.
    Python,
}

/// `development.csv`: a package of the shipped image, and what the image in which people develop has of it.
/// Both were built in the same block, the latter after the cold build and not again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counterpart {
    /// The scenario.
    pub scenario: String,
    /// The variant.
    pub variant: Variant,
    /// What happened before the shipped image was built.
    pub event: Event,
    /// The block, from 1.
    pub block: u32,
    /// Whose package it is.
    pub kind: CounterpartKind,
    /// Its name.
    pub name: String,
    /// Its version where people develop; empty where it is not installed there. Several, at several places,
    /// are separated by blanks.
    pub development: Option<String>,
    /// Its version in the shipped image.
    pub production: String,
}

/// What is held against its counterpart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CounterpartKind {
    /// Python itself, by its minor version.
    Interpreter,
    /// A package of Python's.
    Python,
    /// A package of the distribution's.
    Distribution,
}

impl Counterpart {
    /// Whether the two images have different versions of it, or development has none.
    pub fn differs(&self) -> bool {
        self.development.as_deref() != Some(&*self.production)
    }
}

/// `secrets.csv`: a planted secret that was found where whoever has the image can read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leak {
    /// The scenario.
    pub scenario: String,
    /// The variant.
    pub variant: Variant,
    /// The block, from 1.
    pub block: u32,
    /// The canary's name, never its value.
    pub canary: String,
    /// What kind of place it was found in.
    pub place: LeakPlace,
    /// Where exactly: a layer and a path, a line of the history, a key of the config.
    pub found_at: String,
}

/// Where a secret can be left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeakPlace {
    /// A file of a layer, hidden by later ones or not.
    Layer,
    /// The image's configuration.
    Config,
    /// The image's history.
    History,
    /// The build's provenance attestation.
    Provenance,
    /// A cache exported for other builders.
    CacheExport,
}

/// `startup.csv`: one phase of one start of an image's container. The image is that of the block's first
/// build, and each block has starts of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartPhase {
    /// The scenario.
    pub scenario: String,
    /// The variant.
    pub variant: Variant,
    /// Whether it is the container's first start.
    pub event: Start,
    /// The block, from 1.
    pub block: u32,
    /// What was going on; in the order in which phases happen.
    pub phase: String,
    /// Seconds that it took.
    #[serde(serialize_with = "super::decimals::optional")]
    pub seconds: Option<f64>,
    /// Why there is no timing.
    pub error: Option<String>,
}

/// `fetches.csv`: what a start fetched of its weights, and whether it answered as the whole model does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fetched {
    /// The scenario.
    pub scenario: String,
    /// The variant.
    pub variant: Variant,
    /// Which start.
    pub event: FetchStart,
    /// The block, from 1.
    pub block: u32,
    /// Bytes, by the store's own count: files, and answers to questions about them.
    pub bytes: Option<u64>,
    /// What it answered; empty where it never came to answer.
    pub answer: Option<AnswerKind>,
    /// Why it did not answer, or was not interrupted.
    pub error: Option<String>,
}

/// An answer, held against the one of the block's first start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerKind {
    /// That of the whole model.
    Right,
    /// Another one: part of a model is served.
    Wrong,
}

/// `transfers.csv`: what moving an image or a cache to or from the registry took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// The scenario.
    pub scenario: String,
    /// The variant.
    pub variant: Variant,
    /// What happened before this build.
    pub event: Event,
    /// The block, from 1.
    pub block: u32,
    /// What was moved, and where to: `push`, `pull`, `stored`, `cache-export-min`, `cache-import-max`, …
    pub what: String,
    /// Seconds that it took; empty for what was only counted.
    #[serde(serialize_with = "super::decimals::optional")]
    pub seconds: Option<f64>,
    /// Bytes, by the registry's own count.
    pub bytes: Option<u64>,
}
