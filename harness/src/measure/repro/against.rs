//! The first image of each variant, held against that of another run: a laptop's against CI's.

use std::path::PathBuf;

use anyhow::Result;

use super::Repro;
use super::rebuild::{Built, compared};
use crate::record::{Against, ImageLayer, Rebuilds, RunDir};
use crate::scenario::{Scenario, Variant};

/// Where a run directory keeps images.
pub const IMAGES: &str = "images";

/// The other run.
#[derive(Debug)]
pub struct Other {
    dir: PathBuf,
    run: String,
    rebuilds: Vec<Rebuilds>,
}

impl Other {
    /// Of the run in `dir`.
    ///
    /// # Errors
    /// Its `repro.json` cannot be read.
    pub fn of(dir: &RunDir) -> Result<Self> {
        Ok(Self { dir: dir.path().to_owned(), run: dir.info().id.clone(), rebuilds: dir.read_repro()? })
    }
}

/// The kept image of a variant, within [`IMAGES`].
pub(super) fn file_name(scenario: &str, variant: Variant) -> String {
    format!("{scenario}-{variant}.tar")
}

/// Compares `first` with the other run's first image; nothing where that has none.
pub(super) async fn compare(
    repro: &Repro<'_>,
    other: &Other,
    scenario: &Scenario,
    variant: Variant,
    first: &Built,
    layers: &[ImageLayer],
) -> Result<Option<Against>> {
    let of_variant = |theirs: &&Rebuilds| theirs.scenario == scenario.name && theirs.variant == variant;
    let Some(theirs) = other.rebuilds.iter().find(of_variant) else { return Ok(None) };
    let Some(digest) = theirs.manifest_digests.first() else { return Ok(None) };
    let mut against = Against {
        run: other.run.clone(),
        manifest_digest: digest.clone(),
        identical: *digest == first.digest,
        causes: Vec::new(),
        differences: Vec::new(),
        layers: Vec::new(),
    };
    if against.identical {
        return Ok(Some(against));
    }
    let differs = |(place, layer): &(usize, &ImageLayer)| {
        theirs.layers.get(*place).is_none_or(|their| their.diff_id != layer.diff_id)
    };
    let differing = layers.iter().enumerate().filter(differs);
    against.layers = differing.map(|(_, layer)| layer.made_by.clone()).collect();
    let kept = other.dir.join(IMAGES).join(file_name(&scenario.name, variant));
    if kept.exists() {
        let found = compared(&kept, first.archive.path()).await?;
        (against.differences, against.causes) = repro.recorded(scenario, &found);
    }
    Ok(Some(against))
}
