//! What this machine offers to fetch with: the distribution's archive, and a pip with its settings.

use std::sync::Arc;

use anyhow::{Error, Result, anyhow};

use super::link::Shaper;
use super::registry::Registry;
use super::wheels::Pip;
use crate::cache::Cache;
use crate::debian::{Archive, Source};

/// The distribution's archive, where this machine has one.
pub(super) struct MachineDebian {
    pub(super) archive: Result<Arc<Archive>, String>,
    pub(super) sources: Result<Vec<Source>, String>,
}

impl MachineDebian {
    pub(super) async fn open(cache: &Cache) -> Self {
        let cache = cache.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let archive = Archive::open(&cache.room("debian")?)?;
            let sources = archive.sources();
            Ok::<_, Error>((archive, sources))
        });
        match opened.await.map_err(Error::from).flatten() {
            Ok((archive, sources)) => Self {
                archive: Ok(Arc::new(archive)),
                sources: sources.map_err(|error| format!("{error:#}")),
            },
            Err(error) => Self { archive: Err(format!("{error:#}")), sources: Err(format!("{error:#}")) },
        }
    }

    pub(super) async fn registry(&self, cache: &Cache, shaper: &Shaper) -> Result<Registry> {
        match &self.archive {
            Ok(archive) => Registry::start(cache, Arc::clone(archive), shaper.clone()).await,
            Err(error) => Err(anyhow!("{error}")),
        }
    }
}

/// The machine's own pip and its settings, where it has one.
pub(super) struct MachinePip {
    pub(super) pip: Option<Pip>,
    pub(super) settings: String,
}

impl MachinePip {
    pub(super) async fn find() -> Self {
        let found = tokio::task::spawn_blocking(|| {
            let pip = Pip::of_machine();
            let settings = pip.as_ref().map(Pip::settings).unwrap_or_default();
            Self { pip, settings }
        });
        found.await.unwrap_or(Self { pip: None, settings: String::new() })
    }
}
