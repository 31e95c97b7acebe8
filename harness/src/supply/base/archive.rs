//! Writing an image archive that any engine loads, the same to the byte for the same root file system.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::hex::hex;

/// The one time in a stand-in: no file is newer, and the image was made then. A fixed one, so that
/// making it again gives the same digest; in the past, so that no build sees a file of the future.
pub(super) const EPOCH: u64 = 1_700_000_000;
const EPOCH_RFC3339: &str = "2023-11-14T22:13:20Z";

/// What is known of an archive once it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digests {
    /// Of the manifest.
    pub(super) manifest: String,
    /// Of the configuration: what engines without a content store call the image's id.
    pub(super) config: String,
    /// Of the layer's tar.
    pub(super) diff_id: String,
}

/// What the image's configuration says.
pub(super) struct Config<'a> {
    pub(super) tag: &'a str,
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) cmd: &'a [String],
    pub(super) comment: &'a str,
}

const CHUNK: usize = 1 << 20;

/// Compresses the root file system's tar as it comes, into `layer`.
pub(super) fn write_layer(mut rootfs: impl Read, layer: &Path) -> Result<Layer> {
    let create = || File::create(layer).with_context(|| format!("cannot write {}", layer.display()));
    // No file name and no time in the gzip header.
    let mut gzip = GzBuilder::new().write(Hashing::new(BufWriter::new(create()?)), Compression::default());
    let mut diff_id = Sha256::new();
    let mut chunk = Vec::with_capacity(CHUNK);
    loop {
        // Full chunks, however the pipe delivers: what the compressor puts out depends on how it is fed.
        chunk.clear();
        if rootfs.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)? == 0 {
            break;
        }
        diff_id.update(&chunk);
        gzip.write_all(&chunk)?;
    }
    let mut out = gzip.finish()?;
    out.flush()?;
    Ok(Layer { diff_id: hex(&diff_id.finalize()), sha256: hex(&out.digest.finalize()), bytes: out.bytes })
}

/// A compressed layer on disk.
pub(super) struct Layer {
    diff_id: String,
    sha256: String,
    bytes: u64,
}

/// Writes an image of one layer, which is in `file`.
pub(super) fn write_archive(layer: &Layer, file: &Path, image: &Config, to: &Path) -> Result<Digests> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let env: Vec<String> = image.env.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let config = json!({
        "created": EPOCH_RFC3339,
        "architecture": architecture,
        "os": "linux",
        "config": { "Env": env, "Cmd": image.cmd },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", layer.diff_id)] },
        "history": [{ "created": EPOCH_RFC3339, "created_by": "the base image, a stand-in", "comment": image.comment }],
    })
    .to_string();
    let blob = Blob {
        media_type: "application/vnd.oci.image.layer.v1.tar+gzip",
        sha256: layer.sha256.clone(),
        bytes: layer.bytes,
        content: Box::new(File::open(file)?),
    };
    let written = write_image(&config, architecture, image.tag, vec![blob], to)?;
    Ok(Digests {
        manifest: written.manifest,
        config: written.config,
        diff_id: format!("sha256:{}", layer.diff_id),
    })
}

/// A layer on its way into an archive.
pub(super) struct Blob {
    /// How it is packed.
    pub(super) media_type: &'static str,
    /// Of the bytes as they are packed, in hex.
    pub(super) sha256: String,
    pub(super) bytes: u64,
    pub(super) content: Box<dyn Read>,
}

/// By what an engine knows the image of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// Digest of the manifest.
    pub(super) manifest: String,
    /// Digest of the configuration.
    pub(super) config: String,
}

/// Writes an OCI layout as a tar that is a docker-archive too: the first is what a content store takes
/// as it is, so that digests are known beforehand; the second is what other engines read.
pub(super) fn write_image(
    config: &str,
    architecture: &str,
    tag: &str,
    layers: Vec<Blob>,
    to: &Path,
) -> Result<Written> {
    let config_digest = hex(&Sha256::digest(config));
    let described = |layer: &Blob| {
        json!({
            "mediaType": layer.media_type,
            "digest": format!("sha256:{}", layer.sha256),
            "size": layer.bytes,
        })
    };
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": format!("sha256:{config_digest}"),
            "size": config.len(),
        },
        "layers": layers.iter().map(described).collect::<Vec<_>>(),
    })
    .to_string();
    let manifest_digest = hex(&Sha256::digest(&manifest));
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": format!("sha256:{manifest_digest}"),
            "size": manifest.len(),
            "platform": { "architecture": architecture, "os": "linux" },
            "annotations": { "io.containerd.image.name": tag },
        }],
    })
    .to_string();
    let blob = |digest: &str| format!("blobs/sha256/{digest}");
    let docker = json!([{
        "Config": blob(&config_digest),
        "RepoTags": [tag],
        "Layers": layers.iter().map(|layer| blob(&layer.sha256)).collect::<Vec<_>>(),
    }])
    .to_string();

    let out = File::create(to).with_context(|| format!("cannot write {}", to.display()))?;
    let mut tar = tar::Builder::new(BufWriter::new(out));
    for (name, content) in [
        ("oci-layout".to_owned(), r#"{"imageLayoutVersion":"1.0.0"}"#),
        ("index.json".to_owned(), &index),
        ("manifest.json".to_owned(), &docker),
        (blob(&config_digest), config),
        (blob(&manifest_digest), &manifest),
    ] {
        append(&mut tar, &name, content.len() as u64, content.as_bytes())?;
    }
    for layer in layers {
        append(&mut tar, &blob(&layer.sha256), layer.bytes, layer.content)?;
    }
    tar.into_inner()?.flush()?;
    Ok(Written { manifest: format!("sha256:{manifest_digest}"), config: format!("sha256:{config_digest}") })
}

fn append(tar: &mut tar::Builder<impl Write>, name: &str, size: u64, content: impl Read) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(EPOCH);
    tar.append_data(&mut header, name, content)
}

/// Hashes and counts what passes.
struct Hashing<W> {
    inner: W,
    digest: Sha256,
    bytes: u64,
}

impl<W> Hashing<W> {
    fn new(inner: W) -> Self {
        Self { inner, digest: Sha256::new(), bytes: 0 }
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.digest.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Delivers a few bytes at a time, as a pipe may.
    struct Dripping<'a>(&'a [u8], usize);

    impl Read for Dripping<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let limit = buffer.len().min(self.1);
            self.0.read(&mut buffer[..limit])
        }
    }

    #[test]
    fn a_layer_is_the_same_however_its_tar_arrives() {
        let tar: Vec<u8> = (0..3_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 27) as u8).collect();
        let dir = tempfile::tempdir().unwrap();
        let written = |step: usize| {
            let layer = write_layer(Dripping(&tar, step), &dir.path().join(step.to_string())).unwrap();
            (layer.diff_id, layer.sha256, layer.bytes)
        };
        assert_eq!(written(usize::MAX), written(4099));
    }
}
