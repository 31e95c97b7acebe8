//! What a run would find on this machine.

mod engine;
mod machine;

use anyhow::Result;
use serde::Serialize;

use crate::cache::Cache;
use crate::engine::{Choice, Note};

/// The whole examination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether `bench` can run: nothing that it needs is missing.
    pub ready: bool,
    /// What was looked at, in order.
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// A stable name, for scripts.
    pub name: &'static str,
    /// How it stands.
    pub state: State,
    /// What was found.
    pub finding: String,
    /// What to do, where something is to be done.
    pub remedy: Option<String>,
}

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// A run works, with less, or more noise.
    Note,
    /// A run needs it.
    Missing,
}

impl Check {
    fn ok(name: &'static str, finding: impl Into<String>) -> Self {
        Self { name, state: State::Ok, finding: finding.into(), remedy: None }
    }

    fn note(name: &'static str, finding: impl Into<String>, remedy: &str) -> Self {
        Self { name, state: State::Note, finding: finding.into(), remedy: Some(remedy.to_owned()) }
    }

    fn missing(name: &'static str, finding: impl Into<String>, remedy: &str) -> Self {
        Self { name, state: State::Missing, finding: finding.into(), remedy: Some(remedy.to_owned()) }
    }
}

/// Looks at the machine, and at the engine that a run with `choice` would use: a managed one is brought
/// up for it and taken down again.
///
/// # Errors
/// If the cache cannot be written.
pub async fn examine(cache: &Cache, choice: &Choice, note: Note<'_>) -> Result<Report> {
    let room = cache.room("debian")?;
    let root = cache.root().to_owned();
    let mut checks = tokio::task::spawn_blocking(move || machine::checks(&root, &room)).await?;
    checks.extend(engine::checks(cache, choice, note).await?);
    let ready = checks.iter().all(|check| check.state != State::Missing);
    Ok(Report { ready, checks })
}
