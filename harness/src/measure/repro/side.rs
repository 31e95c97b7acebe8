//! One variant on its way through the rebuilds.

use anyhow::{Context as _, Result};

use super::Repro;
use super::against;
use super::rebuild::Built;
use super::variation::Axes;
use crate::diff::Difference;
use crate::oci::{Stored, StoredLayer};
use crate::record::{ImageLayer, Rebuilds};
use crate::scenario::{Axis, Scenario, Variant};

/// One variant on its way.
pub(super) struct Side {
    pub(super) variant: Variant,
    pub(super) axes: Axes,
    pub(super) rebuilds: Rebuilds,
    /// The first image, which the others are held against.
    pub(super) first: Option<Built>,
    /// In what later images differ from it.
    pub(super) found: Vec<Difference>,
}

impl Side {
    /// Whether `axis` is varied in its builds.
    pub(super) fn varies(&self, axis: Axis) -> bool {
        self.rebuilds.error.is_none() && self.axes.varied.contains(&axis)
    }

    /// Takes the first image, and keeps it where that was asked for.
    pub(super) fn begin(&mut self, built: Built, repro: &Repro<'_>, scenario: &Scenario) -> Result<()> {
        let image = Stored::open(built.archive.path())?;
        let layer = |layer: &StoredLayer| ImageLayer {
            diff_id: layer.diff_id.to_string(),
            made_by: repro.shown(scenario, &layer.made_by),
        };
        self.rebuilds.layers = image.layers.iter().map(layer).collect();
        self.rebuilds.manifest_digests.push(built.digest.clone());
        if let Some(dir) = repro.keep {
            std::fs::create_dir_all(dir)?;
            let path = dir.join(against::file_name(&scenario.name, self.variant));
            std::fs::copy(built.archive.path(), &path)
                .with_context(|| format!("cannot keep the image as {}", path.display()))?;
        }
        self.first = Some(built);
        Ok(())
    }
}
