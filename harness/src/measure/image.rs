//! What a build made, looked at afterwards with no clock running: sizes, deltas, digest.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};

use super::build::{image_name, request};
use super::context::BlockContext;
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
    let image = export(bench, scenario, variant, context, false).await?;
    let name = image_name(bench.run_id, &scenario.name, variant);
    let stored = bench.engine.diff_ids(&name).await?;
    let exported: Vec<String> = image.layers.iter().map(|layer| layer.diff_id.to_string()).collect();
    ensure!(
        stored == exported,
        "the exported image is not the one that was built: its layers are {exported:?}, the stored ones {stored:?}"
    );
    Ok(image)
}

/// The manifest digest of the same image, exported with the times of its new files rewritten.
pub(crate) async fn rewritten_digest(
    bench: &Bench<'_>,
    scenario: &Scenario,
    variant: Variant,
    context: &BlockContext,
) -> Result<String> {
    Ok(export(bench, scenario, variant, context, true).await?.manifest_digest.to_string())
}

async fn export(
    bench: &Bench<'_>,
    scenario: &Scenario,
    variant: Variant,
    context: &BlockContext,
    rewrite_timestamp: bool,
) -> Result<oci::Image> {
    let (sink, source) = oci::pipe::pipe();
    let layers = Arc::clone(&bench.layers);
    let reader = tokio::task::spawn_blocking(move || oci::read_archive(source, &layers));
    let export = Export::Oci { rewrite_timestamp, sink: Box::new(sink) };
    bench
        .engine
        .build(request(bench, scenario, variant, context, export))
        .await
        .with_context(|| format!("exporting {}/{variant} for a look at its layers", scenario.name))?;
    reader.await?.with_context(|| format!("reading the exported image of {}/{variant}", scenario.name))
}
