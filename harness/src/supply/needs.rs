//! What scenarios consume, and how much of it is still to be fetched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Result;

use super::base::{self, Bases};
use super::store;
use super::wheels::{self, Wheels};
use crate::cache::Cache;
use crate::scenario::{Event, Scenario, StoreKind};

/// What the builds of one scenario consume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// The scenario's name.
    pub scenario: String,
    /// References that its Dockerfiles start `FROM`.
    pub bases: Vec<String>,
    /// Lock files of what the package index serves.
    pub locks: Vec<PathBuf>,
    /// Lock files of what it serves besides once upstream has moved on.
    pub later_locks: Vec<PathBuf>,
    /// Whether a build step uses apt.
    pub apt: bool,
    /// Generated weights: path in the context and bytes.
    pub generated: BTreeMap<String, u64>,
    /// Whether images or caches are pushed to a registry.
    pub registry: bool,
    /// Where the generated files are fetched from at the start.
    pub store: Option<StoreKind>,
}

impl From<&Scenario> for Needs {
    fn from(scenario: &Scenario) -> Self {
        Self {
            scenario: scenario.name.clone(),
            bases: scenario.bases.clone(),
            locks: scenario.locks.clone(),
            later_locks: scenario.later_locks.clone(),
            apt: scenario.apt,
            generated: scenario.generated.clone(),
            registry: scenario.releases.is_some()
                || scenario.startup.is_some()
                || scenario.events.iter().any(|event| matches!(event, Event::CiEdit(_))),
            store: scenario.startup.as_ref().and_then(|startup| Some(startup.fetch.as_ref()?.from)),
        }
    }
}

/// Something that a run would fetch first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// What, for people.
    pub what: String,
    /// How much, roughly; absent where only the mirror knows.
    pub bytes: Option<u64>,
}

/// What `needs` name and the cache lacks. Asks neither an engine nor the network.
///
/// # Errors
/// [`BadInput`](crate::error::BadInput) if a base is unknown or a lock file cannot be used.
pub fn downloads_missing(cache: &Cache, bases: &Bases, needs: &[Needs]) -> Result<Vec<Download>> {
    let mut downloads: Vec<Download> = Vec::new();
    // What several scenarios need is fetched once.
    let references: BTreeSet<&String> = needs.iter().flat_map(|need| &need.bases).collect();
    for reference in references {
        let base = bases.get(reference)?;
        if let Some(recipe) = &base.local
            && !base::is_made(cache, &base, recipe)?
        {
            let what = format!("packages for the stand-in of {reference}, unless a registry answers");
            downloads.push(Download { what, bytes: Some(recipe.download_bytes) });
        }
        if base.local.is_none() {
            downloads.push(Download { what: format!("{reference} from its registry"), bytes: None });
        }
    }
    let wheels = Wheels::open(cache)?;
    let mut missing = BTreeSet::new();
    for lock in needs.iter().flat_map(|need| need.locks.iter().chain(&need.later_locks)) {
        missing.extend(wheels.missing(&wheels::read(lock)?));
    }
    if needs.iter().any(|need| need.store == Some(StoreKind::S3)) {
        missing.extend(wheels.missing(&store::s3_server()?));
    }
    if !missing.is_empty() {
        let files = if missing.len() == 1 { "file" } else { "files" };
        downloads.push(Download { what: format!("{} locked package {files}", missing.len()), bytes: None });
    }
    Ok(downloads)
}
