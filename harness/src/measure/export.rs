//! An image's layers, read as the engine exports them: for sizes, deltas and digests. Never timed.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};

use crate::engine::Engine;
use crate::engine::buildkit::{BuildRequest, Export};
use crate::oci::pipe::pipe;
use crate::oci::{Image, LayerCache, read_archive};

/// Builds `request` once more, into a stream that is read as it comes: nothing is stored. Its own
/// `export` is replaced. `rewrite_timestamp` clamps the times of new files to the `SOURCE_DATE_EPOCH`
/// that its build arguments then carry, for digests that hold.
///
/// # Errors
/// The build fails ([`BuildError`](crate::engine::buildkit::BuildError) is the cause), or what comes is
/// not the image that the engine says it is.
pub async fn export(
    engine: &Engine,
    mut request: BuildRequest,
    rewrite_timestamp: bool,
    cache: Arc<LayerCache>,
) -> Result<Image> {
    let (sink, source) = pipe();
    request.export = Export::Oci { rewrite_timestamp, sink: Box::new(sink) };
    let reading = tokio::task::spawn_blocking(move || source.consume(|source| read_archive(source, &cache)));
    // The build's error comes first: if reading failed, it carries that reason, and if the build failed,
    // that the archive is cut short is no news.
    let built = engine.build(request).await?;
    let image = reading.await.context("reading the export panicked")??;
    let said = built.exporter.get("containerimage.digest").context("the engine gave no digest")?;
    if *said != image.manifest_digest.to_string() {
        bail!("the engine exported {said}, and the archive holds {}", image.manifest_digest);
    }
    Ok(image)
}
