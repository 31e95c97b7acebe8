//! A scenario: one pair of images, and what is done with it.
//!
//! `scenario.toml` is read into private wire types and checked into these domain types; an error
//! names the file, the line and the key.

mod answer;
mod axes;
mod canary;
mod check;
mod claim;
mod development;
mod dockerfile;
pub(crate) mod document;
mod edit;
mod fix;
mod generated;
mod ignore;
mod itself;
mod listing;
mod load;
mod metric;
mod new;
mod nonce;
mod pair;
mod stages;
mod starts;
mod startup;
mod vary;
mod wire;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use axes::{Compression, Event, FetchStart, Pair, Profile, Start, Variant};
pub use canary::{CANARY_TOKEN, Canaries};
pub(crate) use dockerfile::{Copied, Dockerfile, Instruction, Link};
pub use edit::overlay;
pub(crate) use ignore::glob;
pub use listing::{ListedClaim, Listing};
pub use load::{builtin_dir, load_all};
pub use metric::{DeltaColumn, Evidence, FetchColumn, ImageColumn, Metric, SampleColumn, TransferColumn};
pub use new::create;
pub use nonce::nonce;
pub use pair::{UserPair, pair};
pub use stages::stages;
pub use startup::{Fetch, Phase, Seen, Startup, StoreKind, TOTAL};
pub use vary::Axis;

/// The token in edits and nonce files that becomes unique to run, block, variant and attempt, so that
/// no edit is ever a cache hit of an earlier block.
pub const NONCE_TOKEN: &str = "@TARE_NONCE@";

/// One pair of images and what is done with it; made from a folder with a `scenario.toml`, or from
/// two folders with a Dockerfile each (`--pair`).
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The folder's name.
    pub name: String,
    /// What the pair is to answer, as a question in one line.
    pub question: String,
    /// How to read the result: Markdown, spliced into the report.
    pub analysis: String,
    /// What the result must not be read as: Markdown.
    pub caveat: String,
    /// The two sides.
    pub variants: Pair<Source>,
    /// What is measured, in order; starts with [`Event::Cold`].
    pub events: Vec<Event>,
    /// The edits by name; each that an event names is here.
    pub edits: BTreeMap<String, Edit>,
    /// Context files (slash-separated, relative) that carry [`NONCE_TOKEN`] already in the cold build.
    pub nonce_files: Vec<String>,
    /// The names of steps that claims speak of, each with the text that its vertex name contains.
    pub steps: BTreeMap<String, Pair<String>>,
    /// Images that the Dockerfiles start `FROM`; each is in `bases.toml`.
    pub bases: Vec<String>,
    /// Lock files (`pip` requirements with hashes) of what the loopback index must serve.
    pub locks: Vec<PathBuf>,
    /// Whether a build step uses apt, and so needs the caching proxy.
    pub apt: bool,
    /// Build arguments of the profile that was asked for.
    pub build_args: BTreeMap<String, String>,
    /// Build arguments of one variant alone, beside those. In their values, as in secrets and nonce files,
    /// `@TARE_CANARY:NAME@` becomes the planted secret of that name.
    pub variant_args: Pair<BTreeMap<String, String>>,
    /// What `RUN --mount=type=secret,id=…` sees, in both variants, by id.
    pub secrets: BTreeMap<String, String>,
    /// The names of the planted secrets.
    pub canaries: Vec<String>,
    /// Files of both contexts that are generated, not checked in: path and size in bytes. Weights.
    pub generated: BTreeMap<String, u64>,
    /// Lock files of what the loopback index serves besides once upstream has moved on.
    pub later_locks: Vec<PathBuf>,
    /// Starts of the built image that are timed, by name: the phase in `startup.csv`.
    pub starts: BTreeMap<String, TimedStart>,
    /// The start-up of the built image on a node that lacks it, where that is measured.
    pub startup: Option<Startup>,
    /// What is mounted, read-only, into containers of one variant: absolute path in the container → path in
    /// the context.
    pub mounts: Pair<BTreeMap<String, String>>,
    /// The edits of which each makes a release that is pushed to the registry, in order; absent where
    /// nothing is pushed, empty where only the images of the events are.
    pub releases: Option<Vec<String>>,
    /// The stage of each Dockerfile in which people develop; what is installed there is held against what is
    /// shipped.
    pub development: Option<Pair<String>>,
    /// Whether whoever rebuilds a variant passes `SOURCE_DATE_EPOCH` and has the times of new files rewritten.
    pub source_date_epoch: Pair<bool>,
    /// How the layers of each variant's image are compressed.
    pub compression: Pair<Compression>,
    /// What makes a rebuild of the optimized variant the same image: each is left out alone, to see that it does.
    pub fixes: Vec<Fix>,
    /// What both variants must answer alike before a timing is believed.
    pub answer: Option<Answer>,
    /// What folklore says, to be settled.
    pub claims: Vec<Claim>,
    /// What a plan expects of one cold build, for the estimate.
    pub estimate: Estimate,
}

/// One side of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The Dockerfile.
    pub dockerfile: PathBuf,
    /// The build context.
    pub context: PathBuf,
}

/// A change that a developer makes between two builds: files laid over the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The name, as in `edit-NAME`.
    pub name: String,
    /// Slash-separated path within the context → its new content, in which [`NONCE_TOKEN`] is replaced.
    pub files: BTreeMap<String, EditContent>,
    /// What changes around the context.
    pub around: Option<Around>,
    /// How the edited context differs, in words, for the report.
    pub what: String,
}

/// A change that nobody makes in the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Around {
    /// New versions appeared in the package index; the image is built without a cache, as on another machine.
    Upstream,
    /// The base image got a security update: every layer has a new digest, and the same content but for one
    /// small file.
    Base,
    /// The generated files are made anew, with another seed: a new checkpoint.
    Generated,
}

/// A measure that keeps an image the same from build to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it is, in a few words.
    pub name: String,
    /// Its texts in the optimized Dockerfile → what stands there without it. None where it is `SOURCE_DATE_EPOCH`
    /// itself, which is passed.
    pub replace: BTreeMap<String, String>,
    /// The cause of differences that it mends, by its stable name.
    pub cause: String,
    /// Where that is written, as `FILE:LINE`, for messages.
    pub written_at: String,
}

/// A start of the built image that is timed: container started until its process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedStart {
    /// What runs in place of the image's command.
    pub command: Vec<String>,
    /// Whether the root file system is read-only, as hardened clusters have it.
    pub read_only: bool,
}

/// Where the new content of an edited file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EditContent {
    /// A checked-in file.
    File(PathBuf),
    /// The file as it is in the context, or as an earlier edit left it, and one more line.
    Appended {
        /// The line, with [`NONCE_TOKEN`] in it.
        line: String,
    },
}

/// How to ask a built image something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A service: a request over HTTP.
    Service(ServiceAnswer),
    /// A program: what it prints to stdout, with exit code 0.
    Command(Vec<String>),
}

/// How to ask a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAnswer {
    /// The environment variable that tells the service its port; it listens on 127.0.0.1.
    pub port_env: String,
    /// Polled until it answers 200.
    pub ready_path: String,
    /// The request's path; a POST of `body` as JSON.
    pub path: String,
    /// The request's body.
    pub body: String,
}

/// A sentence with an expected interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// A slug, unique in the scenario.
    pub name: String,
    /// The sentence, as folklore has it.
    pub text: String,
    /// Who says so.
    pub source: String,
    /// What others measured, for the report; empty where nobody did.
    pub field: String,
    /// The quantity. What is expected is its reduction, `1 − optimized / naive`.
    pub metric: Metric,
    /// The least reduction that supports the claim; open if absent.
    pub expected_min: Option<f64>,
    /// The greatest reduction that supports the claim; open if absent.
    pub expected_max: Option<f64>,
    /// The profiles whose payload is large enough to settle it.
    pub profiles: Vec<Profile>,
}

/// What a plan expects of a scenario before it was ever built.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Seconds of a cold build, each variant, on two cores.
    pub cold_s: Pair<f64>,
    /// Disk that one block of both variants takes at its peak, in bytes.
    pub block_disk_bytes: u64,
}
