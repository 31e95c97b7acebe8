//! A security update of a base image: every layer is new, and nearly all of its content is as it was.
//!
//! An official image that is rebuilt for a security fix has other digests from its lowest layer up, although few
//! of its files have changed, and a node that has the old one pulls it whole. So does this: each layer gets one
//! small file that holds the update's name. Nothing is packed anew for it. The file's own packed tar goes before
//! the layer's: packed streams may follow one another, and so may the members of a tar.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use flate2::{Compression, GzBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::archive::{Blob, EPOCH, Written, write_image};
use crate::hex::hex;
use crate::oci::Packing;

/// What an update adds to every layer. It lies nowhere that a program looks.
const PATH: &str = "etc/base-update";

/// Writes the update `update` of the image in `archive`, which an engine saved or would load, to `to`: the same
/// image whenever it is written. It is tagged `tag`.
///
/// # Errors
/// The archive is not one of an image, or the disk is full.
pub(super) fn write(archive: &Path, tag: &str, update: &str, to: &Path) -> Result<Written> {
    let saved = Saved::open(archive)?;
    let [manifest] = &saved.json::<Vec<Manifest>>("manifest.json")?[..] else {
        anyhow::bail!("{} holds more than one image", archive.display());
    };
    let mut config: Value = saved.json(&manifest.config)?;
    let member = member(update)?;
    let mut diff_ids = Vec::new();
    let mut layers = Vec::new();
    for name in &manifest.layers {
        let packing = packing(saved.member(name)?)?;
        let before = packed(packing, &member)?;
        let tar = packing.inflate(BufReader::with_capacity(1 << 20, saved.member(name)?))?;
        diff_ids.push(format!("sha256:{}", sha256(&member, tar)?));
        let bytes = before.len() as u64 + saved.member(name)?.limit();
        layers.push(Blob {
            media_type: media_type(packing),
            sha256: sha256(&before, saved.member(name)?)?,
            bytes,
            content: Box::new(io::Cursor::new(before).chain(saved.member(name)?)),
        });
    }
    config["rootfs"]["diff_ids"] = json!(diff_ids);
    let architecture = config["architecture"].as_str().unwrap_or_default().to_owned();
    write_image(&config.to_string(), &architecture, tag, layers, to)
}

/// The tar of the added file, without the end of a tar.
fn member(update: &str) -> Result<Vec<u8>> {
    let text = format!("{update}\n");
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(EPOCH);
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_data(&mut header, PATH, text.as_bytes())?;
    Ok(tar.get_ref().clone())
}

/// An image as an engine saves it.
struct Saved {
    file: std::path::PathBuf,
    /// Where each member lies, and how long it is.
    members: BTreeMap<String, (u64, u64)>,
}

/// An entry of `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest {
    config: String,
    layers: Vec<String>,
}

impl Saved {
    fn open(file: &Path) -> Result<Self> {
        let open = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut members = BTreeMap::new();
        for entry in tar::Archive::new(open).entries_with_seek()? {
            let entry = entry?;
            let name = entry.path()?.to_string_lossy().into_owned();
            members.insert(name, (entry.raw_file_position(), entry.size()));
        }
        Ok(Self { file: file.to_owned(), members })
    }

    fn member(&self, name: &str) -> Result<io::Take<File>> {
        let found = self.members.get(name);
        let (at, bytes) = found.with_context(|| format!("{} holds no {name}", self.file.display()))?;
        let mut open = File::open(&self.file)?;
        open.seek(SeekFrom::Start(*at))?;
        Ok(open.take(*bytes))
    }

    fn json<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Result<T> {
        let bytes = io::read_to_string(self.member(name)?)?;
        serde_json::from_str(&bytes).with_context(|| format!("{name} of {}", self.file.display()))
    }
}

/// How a layer is packed.
fn packing(layer: impl Read) -> Result<Packing> {
    let mut start = Vec::with_capacity(512);
    layer.take(512).read_to_end(&mut start)?;
    ensure!(start.len() >= 4, "a layer of the image is empty");
    Ok(Packing::of(&start))
}

fn media_type(packing: Packing) -> &'static str {
    match packing {
        Packing::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
        Packing::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        Packing::Tar | Packing::Other => "application/vnd.oci.image.layer.v1.tar",
    }
}

fn packed(packing: Packing, bytes: &[u8]) -> Result<Vec<u8>> {
    Ok(match packing {
        Packing::Gzip => {
            let mut gzip = GzBuilder::new().write(Vec::new(), Compression::default());
            gzip.write_all(bytes)?;
            gzip.finish()?
        }
        Packing::Zstd => zstd::encode_all(bytes, 0)?,
        Packing::Tar | Packing::Other => bytes.to_vec(),
    })
}

/// The digest of both, one after the other.
fn sha256(before: &[u8], mut rest: impl Read) -> Result<String> {
    let mut digest = Sha256::new_with_prefix(before);
    let mut chunk = vec![0; 1 << 20];
    loop {
        match rest.read(&mut chunk)? {
            0 => return Ok(hex(&digest.finalize())),
            read => digest.update(&chunk[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{EntryKind, Image, LayerCache, read_archive};

    fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, *content).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn blob(packing: Packing, tar: &[u8]) -> Blob {
        let bytes = packed(packing, tar).unwrap();
        Blob {
            media_type: media_type(packing),
            sha256: sha256(&bytes, io::empty()).unwrap(),
            bytes: bytes.len() as u64,
            content: Box::new(io::Cursor::new(bytes)),
        }
    }

    fn read(archive: &Path) -> Image {
        read_archive(File::open(archive).unwrap(), &LayerCache::default()).unwrap()
    }

    #[test]
    fn an_update_makes_every_layer_new_and_keeps_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let (base, one, again, two) = (
            dir.path().join("base.tar"),
            dir.path().join("one.tar"),
            dir.path().join("again.tar"),
            dir.path().join("two.tar"),
        );
        let (lower, upper) =
            (tar(&[("usr/bin/python", &[7; 5000]), ("etc/os-release", b"12")]), tar(&[("pip", b"p")]));
        let (gzip, zstd) = (blob(Packing::Gzip, &lower), blob(Packing::Zstd, &upper));
        let ids = [&lower, &upper].map(|tar| format!("sha256:{}", sha256(tar, io::empty()).unwrap()));
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": { "Env": ["LANG=C.UTF-8"] },
            "rootfs": { "type": "layers", "diff_ids": ids },
        });
        write_image(&config.to_string(), "amd64", "base:1", vec![gzip, zstd], &base).unwrap();

        let first = write(&base, "base:2", "5ec0", &one).unwrap();
        assert_eq!(write(&base, "base:2", "5ec0", &again).unwrap(), first, "the same word, the same image");
        assert_ne!(write(&base, "base:2", "5ec1", &two).unwrap(), first);

        // Reading checks that blobs and diff ids are what manifest and configuration say.
        let (before, after, other) = (read(&base), read(&one), read(&two));
        assert_eq!(after.layers.len(), 2);
        for (number, layer) in after.layers.iter().enumerate() {
            assert_ne!(layer.digest, before.layers[number].digest);
            assert_ne!(layer.diff_id, before.layers[number].diff_id);
            assert_ne!(layer.diff_id, other.layers[number].diff_id);
            assert_eq!(&*layer.entries[0].path, PATH.as_bytes());
            let kept: Vec<_> = layer.entries[1..].iter().map(|entry| &entry.kind).collect();
            assert_eq!(
                kept,
                before.layers[number].entries.iter().map(|entry| &entry.kind).collect::<Vec<_>>()
            );
            assert!(matches!(layer.entries[0].kind, EntryKind::File { size: 5, .. }));
        }
        let saved: Value = Saved::open(&one)
            .unwrap()
            .json(&{
                let manifests: Vec<Manifest> = Saved::open(&one).unwrap().json("manifest.json").unwrap();
                manifests[0].config.clone()
            })
            .unwrap();
        assert_eq!(saved["config"]["Env"][0], "LANG=C.UTF-8", "the configuration is kept");
    }

    #[test]
    fn an_archive_that_lacks_a_layer_is_said_so() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("a.tar");
        let manifest = br#"[{"Config":"c","RepoTags":null,"Layers":["gone"]}]"#;
        std::fs::write(&archive, tar(&[("manifest.json", manifest), ("c", b"{}")])).unwrap();
        let error = write(&archive, "t:1", "n", &dir.path().join("b.tar")).unwrap_err().to_string();
        assert!(error.contains("a.tar holds no gone"), "{error}");
    }
}
