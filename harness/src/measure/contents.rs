//! What is in an image beside its bytes: files that nobody sees, installed packages.

use anyhow::Result;

use super::build::shown;
use super::runner::Bench;
use crate::oci::{self, Installed, Inventory, PackageOf, WastedFile};
use crate::record::{Hidden, LayerSize, MeasuredBuild, Package, PackageKind, PlannedStep, Wasted};
use crate::scenario::Event;

/// Wasted files of an image that are listed: the largest. Their sum is that of all.
const WASTED_LISTED: usize = 20;

/// Fills in what `image` holds and hides, after a cold build; its packages also after one that changed them.
///
/// # Errors
/// The image's layers cannot be laid on each other.
pub(crate) fn fill(
    bench: &Bench<'_>,
    step: &PlannedStep,
    previous: Option<&oci::Image>,
    image: &oci::Image,
    rows: &mut MeasuredBuild,
) -> Result<()> {
    let inventory = oci::inventory(image)?;
    let mut listed = step.event == Event::Cold;
    if let Some(row) = &mut rows.image {
        let wasted = oci::wasted(image)?;
        row.wasted_bytes = Some(wasted.iter().map(|file| file.bytes).sum());
        row.distribution_packages = inventory.distribution();
        row.python_packages = Some(inventory.python());
        rows.layers = layer_rows(bench, step, image, &wasted)?;
        rows.wasted = wasted_rows(bench, step, &wasted);
    }
    if let (Some(row), Some(previous)) = (&mut rows.delta, previous) {
        let changed = oci::inventory(previous)?.changed(&inventory);
        row.packages_changed = Some(changed);
        listed |= changed > 0;
    }
    if listed {
        rows.packages = package_rows(step, &inventory);
    }
    Ok(())
}

fn layer_rows(
    bench: &Bench<'_>,
    step: &PlannedStep,
    image: &oci::Image,
    wasted: &[WastedFile],
) -> Result<Vec<LayerSize>> {
    let base = bench.base_diff_ids(&step.scenario)?;
    let made_by = oci::instructions(&image.config, image.layers.len());
    let row = |(number, layer): (u32, &std::sync::Arc<oci::Layer>)| LayerSize {
        scenario: step.scenario.clone(),
        variant: step.variant,
        block: step.block,
        layer: number,
        made_by: made_by
            .get(number as usize - 1)
            .map_or_else(String::new, |text| shown(bench, &step.scenario, text)),
        in_base: base.contains(&layer.diff_id),
        compressed_bytes: layer.compressed_bytes,
        tar_bytes: layer.tar_bytes,
        wasted_bytes: wasted.iter().filter(|file| file.layer == number).map(|file| file.bytes).sum(),
    };
    Ok((1..).zip(&image.layers).map(row).collect())
}

fn wasted_rows(bench: &Bench<'_>, step: &PlannedStep, wasted: &[WastedFile]) -> Vec<Wasted> {
    let shown = |text: &str| shown(bench, &step.scenario, text);
    let row = |file: &WastedFile| Wasted {
        scenario: step.scenario.clone(),
        variant: step.variant,
        block: step.block,
        // apt's lists carry the mirror's name in theirs.
        path: shown(&file.path),
        bytes: file.bytes,
        how: if file.deleted { Hidden::Deleted } else { Hidden::Overwritten },
        layer: file.layer,
        made_by: shown(&file.made_by),
        hidden_by: shown(&file.hidden_by),
    };
    wasted.iter().filter(|file| file.bytes > 0).take(WASTED_LISTED).map(row).collect()
}

fn package_rows(step: &PlannedStep, inventory: &Inventory) -> Vec<Package> {
    let row = |package: &Installed| Package {
        scenario: step.scenario.clone(),
        variant: step.variant,
        event: step.event.clone(),
        block: step.block,
        kind: match package.of {
            PackageOf::Distribution => PackageKind::Distribution,
            PackageOf::Python => PackageKind::Python,
        },
        name: package.name.clone(),
        version: package.version.clone(),
    };
    inventory.packages.iter().map(row).collect()
}
