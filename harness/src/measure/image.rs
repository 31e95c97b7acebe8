//! What a build made, looked at afterwards with no clock running: sizes, deltas, digest.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};

use super::build::{image_name, request};
use super::context::BlockContext;
use super::export::export;
use super::runner::Bench;
use crate::engine::buildkit::Export;
use crate::oci;
use crate::scenario::{Scenario, Variant};

/// The image that the steps in the cache make, as an OCI archive that is read while it is sent.
///
/// It is the image of the build just measured: its layers are checked against what the engine has
/// stored under the variant's name.
pub(crate) async fn built(
    bench: &Bench<'_>,
    scenario: &Scenario,
    variant: Variant,
    context: &BlockContext,
) -> Result<oci::Image> {
    let image = look(bench, scenario, variant, context, false).await?;
    let name = image_name(bench.run_id, &scenario.name, variant);
    let stored = bench.engine.diff_ids(&name).await?;
    let exported: Vec<String> = image.layers.iter().map(|layer| layer.diff_id.to_string()).collect();
    ensure!(
        stored == exported,
        "the exported image is not the one that was built: its layers are {exported:?}, the stored ones {stored:?}"
    );
    Ok(image)
}

/// The image that the steps in the cache make, where the store may hold a later one: a resumed run asks for
/// the image before an edit whose build was cut short.
pub(crate) async fn cached(
    bench: &Bench<'_>,
    scenario: &Scenario,
    variant: Variant,
    context: &BlockContext,
) -> Result<oci::Image> {
    look(bench, scenario, variant, context, false).await
}

/// The manifest digest of the same image, exported with the times of its new files rewritten.
pub(crate) async fn rewritten_digest(
    bench: &Bench<'_>,
    scenario: &Scenario,
    variant: Variant,
    context: &BlockContext,
) -> Result<String> {
    Ok(look(bench, scenario, variant, context, true).await?.manifest_digest.to_string())
}

async fn look(
    bench: &Bench<'_>,
    scenario: &Scenario,
    variant: Variant,
    context: &BlockContext,
    rewrite_timestamp: bool,
) -> Result<oci::Image> {
    let request = request(bench, scenario, variant, context, Export::Nothing);
    export(bench.engine, request, rewrite_timestamp, Arc::clone(&bench.layers))
        .await
        .with_context(|| format!("looking at the {variant} image of {}", scenario.name))
}
