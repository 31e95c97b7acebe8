//! Layers and archives for tests, written with the `tar` crate: not with what is under test.

use std::io::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use super::blob::walked;
use super::{Digest, Image, Layer, LayerCache, read_archive};

/// A layer's tar, member by member.
pub(crate) struct TarBuilder {
    tar: Builder<Vec<u8>>,
}

impl TarBuilder {
    pub(crate) fn new() -> Self {
        Self { tar: Builder::new(Vec::new()) }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.tar.get_ref().clone();
        bytes.extend([0; 1024]);
        bytes
    }

    pub(crate) fn file(self, path: &str, content: &[u8]) -> Self {
        self.member(EntryType::Regular, path, "", content)
    }

    pub(crate) fn dir(self, path: &str) -> Self {
        self.member(EntryType::Directory, path, "", b"")
    }

    pub(crate) fn symlink(self, path: &str, target: &str) -> Self {
        self.member(EntryType::Symlink, path, target, b"")
    }

    pub(crate) fn hardlink(self, path: &str, target: &str) -> Self {
        self.member(EntryType::Link, path, target, b"")
    }

    pub(crate) fn opaque(self, dir: &str) -> Self {
        self.file(&format!("{dir}/.wh..wh..opq"), b"")
    }

    pub(crate) fn whiteout(self, path: &str) -> Self {
        let (dir, name) = path.rsplit_once('/').map_or(("", path), |(dir, name)| (dir, name));
        let dir = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        self.file(&format!("{dir}.wh.{name}"), b"")
    }

    /// The next member gets these PAX records.
    pub(crate) fn pax(mut self, records: &[(&str, &[u8])]) -> Self {
        self.tar.append_pax_extensions(records.iter().copied()).unwrap();
        self
    }

    /// A member whose name is written as it is, however hostile.
    pub(crate) fn member(mut self, kind: EntryType, path: &str, link: &str, content: &[u8]) -> Self {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_uid(1);
        header.set_gid(2);
        header.set_mtime(1_700_000_000);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.tar.append(&header, content).unwrap();
        self
    }

    /// Bytes that are no member.
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.tar.get_mut().write_all(bytes).unwrap();
        self
    }
}

/// How a layer is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packed {
    Gzip,
    Zstd,
    Plain,
}

pub(crate) fn pack(tar: &[u8], how: Packed) -> Vec<u8> {
    match how {
        Packed::Gzip => {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(tar).unwrap();
            gzip.finish().unwrap()
        }
        Packed::Zstd => zstd::encode_all(tar, 1).unwrap(),
        Packed::Plain => tar.to_vec(),
    }
}

pub(crate) fn layer(tar: &TarBuilder) -> Layer {
    let blob = pack(&tar.bytes(), Packed::Gzip);
    let mut layer = walked(Digest::of(&blob), tar.bytes().as_slice(), None).unwrap();
    layer.compressed_bytes = blob.len() as u64;
    layer
}

pub(crate) fn layers(tars: &[&TarBuilder]) -> Vec<Arc<Layer>> {
    tars.iter().map(|tar| Arc::new(layer(tar))).collect()
}

pub(crate) fn image(tars: &[&TarBuilder]) -> Image {
    let tars: Vec<Vec<u8>> = tars.iter().map(|tar| tar.bytes()).collect();
    read_archive(Parts::new(&tars, Packed::Gzip).archive().as_slice(), &LayerCache::default()).unwrap()
}

/// The files of an OCI layout: path and content, in the order of the archive.
pub(crate) struct Parts(pub(crate) Vec<(String, Vec<u8>)>);

impl Parts {
    pub(crate) fn new(tars: &[Vec<u8>], packed: Packed) -> Self {
        let blobs: Vec<Vec<u8>> = tars.iter().map(|tar| pack(tar, packed)).collect();
        let layers = blobs.iter().map(|blob| descriptor("image.layer.v1.tar+gzip", blob)).collect();
        Self::saying(blobs, layers, tars.iter().map(|tar| Digest::of(tar)).collect())
    }

    /// Blobs, and what manifest and configuration say of them, true or not.
    pub(crate) fn saying(blobs: Vec<Vec<u8>>, layers: Vec<Value>, diff_ids: Vec<Digest>) -> Self {
        let mut parts = Self(Vec::new());
        let diff_ids: Vec<String> = diff_ids.iter().map(Digest::to_string).collect();
        let config = json!({
            "architecture": oci_spec::image::Arch::default().to_string(),
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "config": descriptor("image.config.v1+json", &config),
            "layers": layers,
        });
        let manifest = manifest.to_string().into_bytes();
        let index =
            json!({"schemaVersion": 2, "manifests": [descriptor("image.manifest.v1+json", &manifest)]});
        for blob in blobs {
            parts.blob(blob);
        }
        parts.blob(config);
        parts.blob(manifest);
        parts.0.push(("index.json".to_owned(), index.to_string().into_bytes()));
        parts
    }

    fn blob(&mut self, bytes: Vec<u8>) {
        self.0.push((format!("blobs/sha256/{}", Digest::of(&bytes).hex()), bytes));
    }

    pub(crate) fn archive(&self) -> Vec<u8> {
        let start = TarBuilder::new().dir("blobs/").dir("blobs/sha256/").file("oci-layout", b"{}");
        self.0.iter().fold(start, |tar, (path, bytes)| tar.file(path, bytes)).bytes()
    }
}

pub(crate) fn descriptor(kind: &str, bytes: &[u8]) -> Value {
    json!({
        "mediaType": format!("application/vnd.oci.{kind}"),
        "digest": Digest::of(bytes).to_string(),
        "size": bytes.len(),
    })
}
