//! An image's layers, read as the engine exports them: for sizes, deltas and digests. Never timed.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};

use crate::engine::Engine;
use crate::engine::buildkit::{BuildOutcome, BuildRequest, Export};
use crate::oci::pipe::{PipeReader, pipe};
use crate::oci::{Image, LayerCache, OciError, read_archive};

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
    let (image, built) = stream(engine, request, source, move |source| read_archive(source, &cache)).await?;
    let said = built.exporter.get("containerimage.digest").context("the engine gave no digest")?;
    if *said != image.manifest_digest.to_string() {
        bail!("the engine exported {said}, and the archive holds {}", image.manifest_digest);
    }
    Ok(image)
}

/// Builds `request` once more, up to the stage `target` if there is one, with everything that others may be
/// given beside the image: its provenance in full, and its cache. `read` reads the archive as it comes.
///
/// # Errors
/// The build fails, or `read` does.
pub(crate) async fn attested<T: Send + 'static>(
    engine: &Engine,
    mut request: BuildRequest,
    target: Option<String>,
    read: impl FnOnce(&mut PipeReader) -> Result<T, OciError> + Send + 'static,
) -> Result<(T, BuildOutcome)> {
    let (sink, source) = pipe();
    request.export = Export::Attested { target, sink: Box::new(sink) };
    stream(engine, request, source, read).await
}

async fn stream<T: Send + 'static>(
    engine: &Engine,
    request: BuildRequest,
    source: PipeReader,
    read: impl FnOnce(&mut PipeReader) -> Result<T, OciError> + Send + 'static,
) -> Result<(T, BuildOutcome)> {
    let reading = tokio::task::spawn_blocking(move || source.consume(read));
    // The build's error comes first: if reading failed, it carries that reason, and if the build failed,
    // that the archive is cut short is no news.
    let built = engine.build(request).await?;
    Ok((reading.await.context("reading the export panicked")??, built))
}
