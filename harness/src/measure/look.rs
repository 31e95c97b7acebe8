//! Looking at the image that a build has made, with no clock running.

use anyhow::Result;

use super::build::{self, ends_the_run};
use super::context::BlockContext;
use super::runner::Bench;
use super::side::Side;
use super::{contents, development, image, scan, secrets};
use crate::oci;
use crate::record::{Delta, Image, MeasuredBuild, PlannedStep};
use crate::scenario::{Event, Scenario};

/// Fills in what the image says: sizes, contents and digest after a cold build, the delta after any other; the
/// digest too where the same sources were built anew after upstream had moved on. `side` keeps it for the next
/// build's delta from `previous`.
pub(super) async fn fill(
    bench: &Bench<'_>,
    scenario: &Scenario,
    step: &PlannedStep,
    side: &mut Side,
    context: &BlockContext,
    previous: Option<oci::Image>,
    rows: &mut MeasuredBuild,
) -> Result<()> {
    let id = bench.engine.image_id(&build::image_name(bench.run_id, &scenario.name, step.variant)).await?;
    let datum = step.event == Event::Cold || scenario.is_rebuilt(&step.event);
    let read = async {
        match &previous {
            // A rebuild with nothing changed gave the same image: it has been read.
            Some(previous) if side.image_id.as_ref() == Some(&id) => Ok(previous.clone()),
            _ => image::built(bench, scenario, step.variant, context).await,
        }
    };
    let digest = async {
        if datum {
            image::rewritten_digest(bench, scenario, step.variant, context).await.map(Some)
        } else {
            Ok(None)
        }
    };
    // Side by side: one is read here while the engine compresses the other, and no clock is running.
    let (image, digest) = tokio::try_join!(read, digest)?;
    rows.sample.manifest_digest = digest;
    if step.event == Event::Cold {
        rows.image = Some(size_row(bench, step, &image)?);
        secrets::fill(bench, scenario, step, context, &image, rows).await?;
        scan::fill(bench, scenario, step, context, &image, rows).await?;
        // Last: what this builds must not count among what the image's build went through.
        develop(bench, scenario, step, side, context).await?;
    }
    if let Some(development) = side.development.as_ref().filter(|_| datum) {
        rows.development = development::rows(step, development, &image)?;
    }
    rows.delta = previous.as_ref().map(|previous| delta_row(step, previous, &image)).transpose()?;
    contents::fill(bench, step, previous.as_ref(), &image, rows)?;
    side.image = Some(image);
    side.image_id = Some(id);
    Ok(())
}

/// Builds what people develop in, where the scenario says. That it cannot be built says nothing of the image
/// that is shipped: that one is measured all the same, and nothing is held against it.
pub(super) async fn develop(
    bench: &Bench<'_>,
    scenario: &Scenario,
    step: &PlannedStep,
    side: &mut Side,
    context: &BlockContext,
) -> Result<()> {
    let (variant, block) = (step.variant, step.block);
    let Some(stages) = &scenario.development else { return Ok(()) };
    match development::environment(bench, scenario, variant, context, stages.get(variant)).await {
        Ok(environment) => side.development = Some(environment),
        Err(error) if ends_the_run(&error) => return Err(error),
        Err(error) => bench.observer.note(&format!(
            "{}, {variant}, block {block}: development is not held against production: {}",
            scenario.name,
            build::shown(bench, &scenario.name, &format!("{error:#}"))
        )),
    }
    Ok(())
}

fn size_row(bench: &Bench<'_>, step: &PlannedStep, image: &oci::Image) -> Result<Image> {
    let sizes = oci::sizes(image, &bench.base_diff_ids(&step.scenario)?)?;
    Ok(Image {
        scenario: step.scenario.clone(),
        variant: step.variant,
        compressed_bytes: sizes.compressed_bytes,
        layer_bytes: sizes.layer_bytes,
        rootfs_bytes: sizes.rootfs_bytes,
        unique_bytes: sizes.unique_bytes,
        layers: sizes.layers,
        block: step.block,
        base: bench.base_kind(&step.scenario).to_owned(),
        wasted_bytes: None,
        distribution_packages: None,
        python_packages: None,
        vulnerabilities: None,
        secrets_found: None,
        not_audited: None,
    })
}

fn delta_row(step: &PlannedStep, previous: &oci::Image, image: &oci::Image) -> Result<Delta> {
    let delta = oci::delta(previous, image)?;
    Ok(Delta {
        scenario: step.scenario.clone(),
        variant: step.variant,
        event: step.event.clone(),
        block: step.block,
        new_layers: delta.new_layers,
        new_compressed_bytes: delta.new_compressed_bytes,
        same_content_bytes: delta.same_content_bytes,
        packages_changed: None,
    })
}
