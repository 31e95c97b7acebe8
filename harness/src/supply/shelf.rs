//! Stocking one root of the package index with the files of the locks that a scenario names.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};

use super::index::Shelf;
use super::machine::MachinePip;
use super::needs::Needs;
use super::wheels::{self, Locked, Pip, Wheels};
use crate::cache::Cache;
use crate::debian::Archive;

/// The files that a scenario locks, fetched if they are not in the cache.
pub(super) async fn stock(
    cache: &Cache,
    need: &Needs,
    pip: &MachinePip,
    archive: Option<&Arc<Archive>>,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<Shelf> {
    let wheels = Wheels::open(cache)?;
    let read = |locks: &[PathBuf]| -> Result<Vec<Locked>> {
        Ok(locks.iter().map(|lock| wheels::read(lock)).collect::<Result<Vec<_>>>()?.concat())
    };
    let (today, later) = (read(&need.locks)?, read(&need.later_locks)?);
    let locks = [today.clone(), later.clone()].concat();
    let missing = wheels.missing(&locks).len();
    if missing > 0 {
        progress(&format!("fetching {missing} package files for {}", need.scenario));
    }
    let (pip, archive) = (pip.pip.clone(), archive.cloned());
    let work = move || {
        let why = if missing == 0 {
            BTreeMap::new()
        } else {
            let pip = match (pip, archive) {
                (Some(pip), _) => pip,
                (None, Some(archive)) => Pip::of_archive(&archive)?,
                (None, None) => {
                    return Err(anyhow!("there is no pip here to fetch packages with: install pip"));
                }
            };
            wheels.fetch(&locks, &pip)?
        };
        let today = wheels.files(&today, &why)?;
        let mut later = wheels.files(&later, &why)?;
        // What both name is there already today.
        later.retain(|file| today.iter().all(|old| old.sha256 != file.sha256));
        Ok(Shelf { today, later })
    };
    tokio::task::spawn_blocking(work).await.context("fetching packages was cut short")?
}
