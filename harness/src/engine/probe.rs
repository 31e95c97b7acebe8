//! Whether an engine can be measured. Version strings do not tell: distributions blank BuildKit's.

mod loopback;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use flate2::read::GzDecoder;

use self::loopback::Loopback;
use super::buildkit::{BuildError, BuildKit, BuildRequest, Context, Export, OverlayContent, OverlayFile};
use super::{Address, client};

use crate::scenario::Compression;

/// How long an engine may take for a build of nothing.
const LIMIT: Duration = Duration::from_secs(60);
/// What the probe's Dockerfile clamps to.
const EPOCH: u64 = 1_000_000_000;

/// Why an engine cannot be measured, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Nothing answers there.
    #[error("does not answer ({0}): start it, or use --engine managed")]
    Silent(String),
    /// It cannot write an OCI archive with rewrite-timestamp, or not at all build with BuildKit.
    #[error(
        "Docker Engine {version} cannot export an OCI archive with rewritten timestamps ({reason}): \
         Docker Engine 26 or newer with the containerd image store is needed; use --engine managed"
    )]
    NoRewrite {
        /// The engine's version.
        version: String,
        /// What it said.
        reason: String,
    },
    /// Its builds run elsewhere.
    #[error(
        "Docker Engine {version} does not reach this machine's loopback from a build ({reason}): \
         what builds consume is served there; use an engine on this machine, or --engine managed"
    )]
    NoLoopback {
        /// The engine's version.
        version: String,
        /// What it said.
        reason: String,
    },
}

/// Builds two images of a few bytes on the engine: one exported as a run exports it, one from a file
/// that only this process serves.
///
/// # Errors
/// Why it is unfit.
pub async fn probe(address: &Address) -> Result<(), Unfit> {
    let asked = tokio::time::timeout(Duration::from_secs(10), version(address)).await;
    let version = asked
        .unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within 10 s")))
        .map_err(|error| Unfit::Silent(format!("{error:#}")))?;
    let no_rewrite = |reason: String| Unfit::NoRewrite { version: version.clone(), reason };
    let buildkit = BuildKit::connect(address).await.map_err(|error| no_rewrite(format!("{error:#}")))?;
    let begun = SystemTime::now();
    let fit = match rewrites_timestamps(&buildkit).await {
        Ok(()) => {
            let reached = reaches_loopback(&buildkit).await;
            reached.map_err(|reason| Unfit::NoLoopback { version: version.clone(), reason })
        }
        Err(reason) => Err(no_rewrite(reason)),
    };
    // Nothing stays in an engine of the user's. Where that fails it is a few kilobytes of build cache.
    let _ = buildkit.forget_created_within(&[(begun, SystemTime::now())]).await;
    fit
}

async fn version(address: &Address) -> Result<String> {
    let answer = client(address).await?.version().await?;
    Ok(answer.version.unwrap_or_else(|| "of unknown version".to_owned()))
}

async fn rewrites_timestamps(buildkit: &BuildKit) -> Result<(), String> {
    let archive = Archive::default();
    let export = Export::Oci { rewrite_timestamp: true, sink: Box::new(archive.clone()) };
    // The probe's file is younger than the epoch: whether its time is clamped tells.
    build(buildkit, "FROM scratch\nCOPY stamp /stamp\n", export).await?;
    let bytes = archive.0.lock().map_err(|_| "the archive was lost")?.clone();
    match newest_in_layers(&bytes) {
        None => Err("it exports nothing".to_owned()),
        Some(newest) if newest > EPOCH => Err("it leaves the timestamps as they are".to_owned()),
        Some(_) => Ok(()),
    }
}

async fn reaches_loopback(buildkit: &BuildKit) -> Result<(), String> {
    let served = Loopback::serve().await.map_err(|error| error.to_string())?;
    build(buildkit, &format!("FROM scratch\nADD {} /nonce\n", served.url()), Export::Nothing).await?;
    // A machine that answers for another's loopback would not have asked us.
    if served.was_asked() { Ok(()) } else { Err("the file came from elsewhere".to_owned()) }
}

async fn build(buildkit: &BuildKit, dockerfile: &str, export: Export) -> Result<(), String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = dir.path().join("Dockerfile");
    std::fs::write(&file, dockerfile).map_err(|error| error.to_string())?;
    let token = format!("{:032x}", rand::random::<u128>());
    let content = OverlayContent::Bytes(token.as_bytes().into());
    let stamp = OverlayFile { content, mode: 0o644, modified: SystemTime::now() };
    let request = BuildRequest {
        context: Context {
            root: dir.path().to_owned(),
            overlay: BTreeMap::from([("stamp".to_owned(), stamp)]),
            ..Context::default()
        },
        dockerfile: file,
        build_args: BTreeMap::from([("SOURCE_DATE_EPOCH".to_owned(), EPOCH.to_string())]),
        named_contexts: BTreeMap::new(),
        secrets: BTreeMap::new(),
        shared_key: token.clone(),
        cache_mount_namespace: token,
        no_cache: true,
        export,
        compression: Compression::Gzip,
        timeout: LIMIT,
        history: false,
        cache_from: None,
        progress: None,
    };
    match buildkit.build(request).await {
        Ok(_) => Ok(()),
        Err(BuildError::Failed { message, .. }) => Err(message.lines().next().unwrap_or_default().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The archive, in memory: a few kilobytes.
#[derive(Clone, Default)]
struct Archive(Arc<Mutex<Vec<u8>>>);

impl Write for Archive {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut all = self.0.lock().map_err(|_| std::io::Error::other("the archive was lost"))?;
        all.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The newest modification time of a file in any layer; none if there is no layer.
fn newest_in_layers(archive: &[u8]) -> Option<u64> {
    let mut newest = None;
    for entry in tar::Archive::new(archive).entries().ok()?.filter_map(Result::ok) {
        let mut layer = tar::Archive::new(GzDecoder::new(entry));
        // What is no gzip, such as a manifest, has no entries.
        let Ok(files) = layer.entries() else { continue };
        newest = files.map_while(Result::ok).filter_map(|file| file.header().mtime().ok()).max().max(newest);
    }
    newest
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn tar_with(name: &str, bytes: &[u8], mtime: u64) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mtime(mtime);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, Cursor::new(bytes)).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn only_times_inside_layers_count() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&tar_with("stamp", b"x", 7)).unwrap();
        let layer = gzip.finish().unwrap();
        assert_eq!(newest_in_layers(&tar_with("blobs/sha256/aa", &layer, 99)), Some(7));
        assert_eq!(newest_in_layers(&tar_with("index.json", b"{}", 99)), None);
        assert_eq!(newest_in_layers(b""), None);
    }
}
