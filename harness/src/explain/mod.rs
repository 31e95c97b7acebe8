//! Why a step was executed although a cache existed: the first cause upstream, in words.
//!
//! BuildKit says that a step ran, never why. But what went into the build before and into this one is
//! known, and the Dockerfile says what depends on what: so the cause is found by walking upwards from the
//! step to the first thing that differs. Where nothing known differs, the answer is [`UNKNOWN`], not a guess.

mod files;
mod stages;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use crate::engine::buildkit::{BuildRequest, Vertex};
use crate::scenario::Dockerfile;
use files::Files;

/// The cause of a step that ran though nothing that is known of had changed.
pub const UNKNOWN: &str = "unknown";

/// Said of a step that ran again although `--link` is written there.
const IGNORED_LINK: &str = "--link does nothing beside --chmod";

/// What a build was made of, as far as its cache hangs on it.
#[derive(Debug)]
pub struct Inputs {
    dockerfile: Dockerfile,
    args: BTreeMap<String, String>,
    /// What a `FROM` or `--from` name stands for.
    named: BTreeMap<String, String>,
    files: Files,
}

impl Inputs {
    /// What `request` gives to the builder. No file's content is read here.
    ///
    /// # Errors
    /// The Dockerfile or the context cannot be read.
    pub fn of(request: &BuildRequest) -> Result<Self> {
        let path = &request.dockerfile;
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self {
            dockerfile: Dockerfile::parse(&text),
            args: request.build_args.clone(),
            named: request.named_contexts.clone(),
            files: Files::of(&request.context, path)?,
        })
    }
}

/// The cause of each vertex of a build from `after`, where the build before it was made from `before` and its
/// cache was there. `None` for what was cached, for what never ran, and for BuildKit's own work.
///
/// # Errors
/// A file of the context cannot be read.
pub fn causes(before: &Inputs, after: &Inputs, vertexes: &[Vertex]) -> Result<Vec<Option<String>>> {
    walk::causes(before, after, vertexes)
}
