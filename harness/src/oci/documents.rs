//! The documents of an image: JSON that descriptors point to, from the index to the manifest.

use oci_spec::image::{Descriptor, ImageConfiguration, ImageIndex};
use serde::de::DeserializeOwned;

use super::select::{Choice, choose};
use super::{Digest, OciError};

/// Indexes within indexes; BuildKit makes one.
const INDEX_DEPTH: usize = 4;

/// The most layers that an image may have. Engines stack some 128; to pair those of two images takes memory for each
/// layer of the one times each of the other.
const LAYER_LIMIT: usize = 1024;

/// The digests of the tars of an image with as many `layers`.
pub(super) fn diff_ids(config: &ImageConfiguration, layers: usize) -> Result<&[String], OciError> {
    let diff_ids = config.rootfs().diff_ids();
    if diff_ids.len() != layers {
        return Err(OciError::LayerCount { layers, diff_ids: diff_ids.len() });
    }
    if layers > LAYER_LIMIT {
        return Err(OciError::NotAnImage(format!(
            "it has {layers} layers, where {LAYER_LIMIT} are the limit"
        )));
    }
    Ok(diff_ids)
}

/// The image's manifest, and the innermost index that names it: `index.json` or one that it points to. `read`
/// gives the bytes behind a descriptor, given what it is in words.
pub(super) fn manifest_of(
    index_json: Vec<u8>,
    mut read: impl FnMut(&str, &Descriptor) -> Result<Vec<u8>, OciError>,
) -> Result<(Descriptor, Vec<u8>), OciError> {
    let mut index_json = index_json;
    let mut index: ImageIndex = json("index.json", &index_json)?;
    let mut depth = 0;
    loop {
        match choose(&index)? {
            Choice::Manifest(descriptor) => return Ok((descriptor, index_json)),
            Choice::Index(_) if depth == INDEX_DEPTH => {
                return Err(OciError::NotAnImage("the archive nests indexes too deep".to_owned()));
            }
            Choice::Index(descriptor) => {
                let what = format!("index {}", descriptor.digest());
                index_json = read(&what, &descriptor)?;
                index = json(&what, &index_json)?;
                depth += 1;
            }
        }
    }
}

/// The digest that a descriptor of `what` names.
pub(super) fn digest_of(what: &str, descriptor: &Descriptor) -> Result<Digest, OciError> {
    let text = descriptor.digest().to_string();
    text.parse().map_err(|source| OciError::Digest { what: what.to_owned(), source })
}

/// Holds the length of a blob against what its descriptor says.
pub(super) fn check_size(digest: Digest, descriptor: &Descriptor, found: u64) -> Result<(), OciError> {
    let expected = descriptor.size();
    if expected == found { Ok(()) } else { Err(OciError::SizeMismatch { digest, expected, found }) }
}

/// Reads a document; `what` names it in errors.
pub(super) fn json<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, OciError> {
    serde_json::from_slice(bytes).map_err(|source| OciError::Json { what: what.to_owned(), source })
}
