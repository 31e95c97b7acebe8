//! Base images: from a registry by digest, or a stand-in of the same kind built from packages.

mod apt_settings;
mod archive;
mod definition;
mod engine;
mod stand_in;
mod update;

pub use definition::{Base, Bases, Recipe};
pub(super) use engine::Resolver;
pub use engine::{BaseChoice, ResolvedBase, UPDATED};

use std::path::Path;

use anyhow::Result;

use crate::cache::Cache;

/// Whether the cache holds the stand-in for `base`, made by the recipe as it stands.
pub(super) fn is_made(cache: &Cache, base: &Base, recipe: &Recipe) -> Result<bool> {
    Ok(stand_in::find(Path::new(&cache.room("bases")?), base, recipe)?.is_some())
}
