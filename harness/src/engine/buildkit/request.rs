//! What is asked of a build, and what comes back.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Context;
use crate::scenario::Compression;

/// One build.
pub struct BuildRequest {
    /// What `COPY` may copy.
    pub context: Context,
    /// The Dockerfile; an ignore file of its own (`NAME.dockerignore`) beside it is honoured.
    pub dockerfile: PathBuf,
    /// `--build-arg`, and the predefined ones such as `http_proxy`.
    pub build_args: BTreeMap<String, String>,
    /// What a `FROM` or `COPY --from` name stands for, such as `docker-image://localhost:1/python:3.11-slim`.
    pub named_contexts: BTreeMap<String, String>,
    /// What `RUN --mount=type=secret,id=…` sees.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// Whose copy of the context the engine may update: a fresh key sends it all.
    pub shared_key: String,
    /// The namespace of all cache mounts: a fresh one finds them empty.
    pub cache_mount_namespace: String,
    /// Execute every step, whatever the cache holds.
    pub no_cache: bool,
    /// Whether the engine keeps a record of the build, as it does of `docker build`. Writing it takes the
    /// engine 40 to 90 ms within Solve, after the last step, and fills a history that is the user's.
    pub history: bool,
    /// What becomes of the result.
    pub export: Export,
    /// How the layers of an exported image are compressed.
    pub compression: Compression,
    /// After this long the build is cancelled and is an error.
    pub timeout: Duration,
    /// A cache in a registry (`HOST/NAME:TAG`) in which steps are looked for that the engine does not have.
    pub cache_from: Option<String>,
    /// Told of vertexes as they change, beside the build.
    pub progress: Option<Arc<dyn Progress>>,
}

/// What becomes of the result.
pub enum Export {
    /// Into the engine's own image store, unpacked, under this name.
    Store {
        /// The image's name and tag.
        name: String,
    },
    /// An OCI archive (tar), streamed into `sink` as it comes.
    Oci {
        /// Clamp the times of the files of new layers to `SOURCE_DATE_EPOCH`, which the build arguments then carry.
        rewrite_timestamp: bool,
        /// Where the archive goes; written to from a blocking thread.
        sink: Box<dyn Write + Send>,
    },
    /// An OCI archive with all that may travel with an image: its provenance in full (`mode=max`), and its
    /// cache in its configuration (`type=inline`).
    Attested {
        /// The stage to build up to; the last one if none is named.
        target: Option<String>,
        /// Where the archive goes; written to from a blocking thread.
        sink: Box<dyn Write + Send>,
    },
    /// The build's cache alone, to a registry, for other builders.
    Cache {
        /// `HOST/NAME:TAG`.
        reference: String,
        /// Which steps' results.
        mode: CacheMode,
    },
    /// Nowhere: the build only fills the cache.
    Nothing,
}

/// How much an exported cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheMode {
    /// The layers of the final image alone.
    Min,
    /// The results of all steps, those of earlier stages too.
    Max,
}

impl CacheMode {
    /// BuildKit's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

/// Follows a running build.
pub trait Progress: Send + Sync {
    /// A vertex began, ended or was found in the cache.
    fn vertex(&self, vertex: &Vertex);
}

/// A build that succeeded.
#[derive(Debug, Clone)]
pub struct BuildOutcome {
    /// Solve sent to Solve answered.
    pub wall: Duration,
    /// Every vertex, folded to its last state, by start.
    pub vertexes: Vec<Vertex>,
    /// Bytes of the context's file content that the engine asked for; the ignore file, which it always reads, apart.
    pub context_bytes: u64,
    /// What the exporter said: `containerimage.digest`, `containerimage.config.digest`, …
    pub exporter: BTreeMap<String, String>,
}

impl BuildOutcome {
    /// What of [`wall`](Self::wall) lies outside the vertexes: before the first began and after the last ended.
    pub fn overhead(&self) -> Duration {
        let begun = self.vertexes.iter().filter_map(|vertex| vertex.started).min();
        let ended = self.vertexes.iter().filter_map(|vertex| vertex.completed).max();
        let span = begun.zip(ended).and_then(|(begun, ended)| ended.duration_since(begun).ok());
        self.wall.saturating_sub(span.unwrap_or_default())
    }
}

/// A step of BuildKit's graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Vertex {
    /// BuildKit's key.
    pub digest: String,
    /// As BuildKit prints it.
    pub name: String,
    /// Whether any of its reports said so.
    pub cached: bool,
    /// First start.
    pub started: Option<SystemTime>,
    /// Last completion.
    pub completed: Option<SystemTime>,
    /// BuildKit's message.
    pub error: Option<String>,
    /// Keys of the vertexes whose results it takes.
    pub inputs: Vec<String>,
    /// Its parts, such as `exporting layers` and `unpacking to …`: name, start, end.
    pub parts: Vec<(String, Option<SystemTime>, Option<SystemTime>)>,
}

/// How BuildKit names the second vertex of a `COPY --link`.
const LINK: &str = "LINK ";

impl Vertex {
    /// Whether it is an instruction of the Dockerfile (`[stage 2/5] …`), and not BuildKit's own work.
    pub fn is_instruction(&self) -> bool {
        self.numbered().is_some_and(|text| !text.starts_with(LINK))
    }

    /// Whether it lays what a `COPY --link` made upon what comes before: a part of that instruction, which
    /// BuildKit reports as a vertex of its own. Nothing is copied in it.
    pub fn is_link(&self) -> bool {
        self.numbered().is_some_and(|text| text.starts_with(LINK))
    }

    /// What follows `[stage 2/5] `.
    fn numbered(&self) -> Option<&str> {
        let (head, text) = self.name.strip_prefix('[')?.split_once(']')?;
        let (n, total) = head.rsplit(' ').next().unwrap_or_default().split_once('/')?;
        let counted = n.parse::<u32>().is_ok() && total.parse::<u32>().is_ok();
        counted.then(|| text.trim_start())
    }
}

/// Why there is no image.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BuildError {
    /// A step failed, or the Dockerfile is wrong: BuildKit's own message, with the step's last lines of output.
    #[error("{message}")]
    Failed {
        /// BuildKit's message.
        message: String,
        /// The vertexes up to then.
        vertexes: Vec<Vertex>,
    },
    /// The time-out passed.
    #[error("the build did not end within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The context could not be read.
    #[error("the build context could not be read: {0}")]
    Context(String),
    /// The engine went away.
    #[error("the engine went away during the build: {0}")]
    EngineLost(String),
    /// There is no room for what the build makes.
    #[error(
        "the engine's disk is full ({}, {:.1} GB free): free some of it; BuildKit said: {said}",
        disk.display(), *free as f64 / 1e9
    )]
    DiskFull {
        /// Where the engine's data lie.
        disk: PathBuf,
        /// Bytes that are free there.
        free: u64,
        /// BuildKit's message, its first line.
        said: String,
    },
}

impl BuildError {
    /// Whether it is the engine's fault and not the build's: nothing that follows could be believed, and the build is to
    /// be done again once the engine is well.
    pub fn ends_the_run(&self) -> bool {
        matches!(self, Self::EngineLost(_) | Self::DiskFull { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_with_link_is_one_instruction_though_it_is_two_vertexes() {
        let kinds = |name: &str| {
            let vertex = Vertex {
                digest: String::new(),
                name: name.to_owned(),
                cached: false,
                started: None,
                completed: None,
                error: None,
                inputs: Vec::new(),
                parts: Vec::new(),
            };
            (vertex.is_instruction(), vertex.is_link())
        };
        for (name, expected) in [
            ("[2/3] COPY --link a b", (true, false)),
            ("[2/3] LINK COPY --link a b", (false, true)),
            ("[linux/amd64 stage-1 2/3] LINK COPY --link a b", (false, true)),
            ("[build 1/2] RUN make LINK x", (true, false)),
            ("[internal] load build context", (false, false)),
            ("exporting to image", (false, false)),
        ] {
            assert_eq!(kinds(name), expected, "{name}");
        }
    }
}
