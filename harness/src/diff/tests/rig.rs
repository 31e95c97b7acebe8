//! Images made for a test, member by member.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tar::{EntryType, Header};

use super::super::{Cause, Comparison, Difference, Failure, compare};
use crate::oci::testing::{Packed, TarBuilder, descriptor, pack};
use crate::oci::{Digest, Stored};

/// An image whose parts a test can change before it is packed.
#[derive(Clone)]
pub(super) struct Oci {
    /// Tars, how they are packed, and the instructions that made them.
    pub(super) layers: Vec<(Vec<u8>, Packed, String)>,
    /// The configuration; the layers are filled in.
    pub(super) config: Value,
    /// The manifest, likewise.
    pub(super) manifest: Value,
    /// Annotations of the manifest in the index.
    pub(super) annotations: Value,
    /// Further manifests in the index.
    pub(super) beside: Vec<Value>,
    /// Whether the blob of the layer at this place is left out.
    pub(super) without: Option<usize>,
}

impl Oci {
    pub(super) fn of(tars: &[&TarBuilder]) -> Self {
        let layer = |(at, tar): (usize, &&TarBuilder)| (tar.bytes(), Packed::Gzip, format!("RUN step {at}"));
        Self {
            layers: tars.iter().enumerate().map(layer).collect(),
            config: json!({
                "architecture": oci_spec::image::Arch::default().to_string(),
                "os": "linux",
                "created": "2026-11-24T00:00:00Z",
                "config": {"Env": ["PATH=/bin"], "Labels": {"a": "1"}, "Cmd": ["true"]},
            }),
            manifest: json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}),
            annotations: json!({"org.opencontainers.image.created": "2026-11-24T00:00:00Z"}),
            beside: Vec::new(),
            without: None,
        }
    }

    /// The layout as a tar.
    pub(super) fn archive(&self) -> Vec<u8> {
        let mut tar = TarBuilder::new();
        let path = |bytes: &[u8]| format!("blobs/sha256/{}", Digest::of(bytes).hex());
        let mut descriptors = Vec::new();
        for (at, (layer, packed, _)) in self.layers.iter().enumerate() {
            let blob = pack(layer, *packed);
            descriptors.push(descriptor("image.layer.v1.tar+gzip", &blob));
            if self.without != Some(at) {
                tar = tar.file(&path(&blob), &blob);
            }
        }
        let mut config = self.config.clone();
        let diff_ids: Vec<String> = self.layers.iter().map(|(tar, ..)| Digest::of(tar).to_string()).collect();
        config["rootfs"] = json!({"type": "layers", "diff_ids": diff_ids});
        if config.get("history").is_none() {
            let step = |(_, _, made_by): &(_, _, String)| json!({"created_by": made_by});
            config["history"] = self.layers.iter().map(step).collect();
        }
        let config = config.to_string().into_bytes();
        let mut manifest = self.manifest.clone();
        manifest["config"] = descriptor("image.config.v1+json", &config);
        manifest["layers"] = Value::Array(descriptors);
        let manifest = manifest.to_string().into_bytes();
        let mut named = descriptor("image.manifest.v1+json", &manifest);
        named["annotations"] = self.annotations.clone();
        let mut manifests = vec![named];
        manifests.extend(self.beside.iter().cloned());
        let index = json!({"schemaVersion": 2, "manifests": manifests}).to_string();
        for blob in [&config, &manifest] {
            tar = tar.file(&path(blob), blob);
        }
        tar.file("index.json", index.as_bytes()).bytes()
    }
}

/// Compares two archives.
pub(super) fn archives(a: &[u8], b: &[u8]) -> Result<Comparison, Failure> {
    let dir = tempfile::tempdir().unwrap();
    let stored = [("a", a), ("b", b)].map(|(name, bytes)| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Stored::open(&path).unwrap()
    });
    compare(&stored[0], &stored[1])
}

/// Compares two images.
pub(super) fn images(a: &Oci, b: &Oci) -> Comparison {
    archives(&a.archive(), &b.archive()).unwrap()
}

/// Compares two layers, each the only one of its image.
pub(super) fn tars(a: &TarBuilder, b: &TarBuilder) -> Vec<Difference> {
    let comparison = images(&Oci::of(&[a]), &Oci::of(&[b]));
    assert!(!comparison.identical, "the test compares a tar with itself");
    comparison.differences
}

/// Path and cause of each.
pub(super) fn said(differences: &[Difference]) -> Vec<(&str, Cause)> {
    differences.iter().map(|difference| (&*difference.path, difference.cause)).collect()
}

/// The causes.
pub(super) fn causes(differences: &[Difference]) -> BTreeSet<Cause> {
    differences.iter().map(|difference| difference.cause).collect()
}

/// The blocks of a member.
pub(super) fn member(
    kind: EntryType,
    path: &str,
    link: &str,
    content: &[u8],
    change: impl FnOnce(&mut Header),
) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_path(path).unwrap();
    if !link.is_empty() {
        header.set_link_name(link).unwrap();
    }
    header.set_entry_type(kind);
    header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_700_000_000);
    header.set_size(content.len() as u64);
    change(&mut header);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// The blocks of a file, under whatever long name.
pub(super) fn file(path: &str, content: &[u8]) -> Vec<u8> {
    member(EntryType::Regular, path, "", content, |_| {})
}
