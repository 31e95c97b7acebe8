//! From blobs to an image: index, manifest, configuration, layers, each checked against the other.

use std::io::Read;
use std::sync::Arc;

use oci_spec::image::{Descriptor, ImageConfiguration, ImageManifest};

use super::blob::{Blob, JSON_LIMIT, read_blob, walked};
use super::documents::{check_size, diff_ids, digest_of, json, manifest_of};
use super::{Digest, Layer, LayerCache, Needles, OciError};

/// An image: what its manifest says and what is in its layers.
#[derive(Debug, Clone)]
pub struct Image {
    /// The digest of the manifest: the image's identity.
    pub manifest_digest: Digest,
    /// The digest of the configuration.
    pub config_digest: Digest,
    /// The configuration.
    pub config: ImageConfiguration,
    /// The configuration as it stands there: with what its specification does not know.
    pub config_json: Vec<u8>,
    /// The layers, the lowest first.
    pub layers: Vec<Arc<Layer>>,
}

/// A blob that was read.
pub(super) enum Found {
    Small(Vec<u8>),
    Layer(Arc<Layer>),
    /// A tar that cannot be walked. It is an error only if the image needs it.
    Broken(OciError),
    Large,
}

impl Found {
    /// Reads the blob `name` of `size` bytes; of a layer that `cache` has, nothing is read.
    pub(super) fn read(
        name: Digest,
        size: u64,
        input: impl Read,
        cache: &LayerCache,
    ) -> Result<Self, OciError> {
        // A blob of another length is not the one that was cached, whatever its name.
        if let Some(layer) = cache.get(&name).filter(|layer| layer.compressed_bytes == size) {
            return Ok(Self::Layer(layer));
        }
        Ok(match read_blob(name, size, input, cache.needles())? {
            Blob::Small(bytes) => Self::Small(bytes),
            Blob::Tar(Ok(layer)) => Self::Layer(cache.insert(layer)),
            Blob::Tar(Err(e)) => Self::Broken(e),
            Blob::Large => Self::Large,
        })
    }
}

/// The image that `index` (the bytes of `index.json`) points to; `blob` gives each blob once.
pub(super) fn assemble(
    index: &[u8],
    needles: Option<&Arc<Needles>>,
    mut blob: impl FnMut(Digest) -> Result<Option<Found>, OciError>,
) -> Result<Image, OciError> {
    let (manifest, _) = manifest_of(index.to_vec(), |what, descriptor| {
        document(what, descriptor, &mut blob).map(|(_, bytes)| bytes)
    })?;
    let what = format!("manifest {}", manifest.digest());
    let (manifest_digest, bytes) = document(&what, &manifest, &mut blob)?;
    let manifest: ImageManifest = json(&what, &bytes)?;
    let what = format!("configuration {}", manifest.config().digest());
    let (config_digest, bytes) = document(&what, manifest.config(), &mut blob)?;
    let config: ImageConfiguration = json(&what, &bytes)?;
    let layers = layers(&manifest, &config, needles, &mut blob)?;
    Ok(Image { manifest_digest, config_digest, config, config_json: bytes, layers })
}

fn layers(
    manifest: &ImageManifest,
    config: &ImageConfiguration,
    needles: Option<&Arc<Needles>>,
    blob: &mut impl FnMut(Digest) -> Result<Option<Found>, OciError>,
) -> Result<Vec<Arc<Layer>>, OciError> {
    let diff_ids = diff_ids(config, manifest.layers().len())?;
    let mut layers: Vec<Arc<Layer>> = Vec::with_capacity(diff_ids.len());
    for (descriptor, diff_id) in manifest.layers().iter().zip(diff_ids) {
        let digest = digest_of("the manifest", descriptor)?;
        // An image may have a layer twice, the empty one for instance.
        let known = layers.iter().find(|layer| layer.digest == digest).cloned();
        let layer = match known {
            Some(layer) => layer,
            None => {
                match blob(digest)?.ok_or_else(|| OciError::Missing { what: format!("layer {digest}") })? {
                    Found::Layer(layer) => layer,
                    Found::Broken(e) => return Err(e),
                    // Too small or too old a tar to be known by its looks.
                    Found::Small(bytes) => {
                        let mut layer = walked(digest, bytes.as_slice(), needles)?;
                        layer.compressed_bytes = bytes.len() as u64;
                        Arc::new(layer)
                    }
                    Found::Large => {
                        let what = format!("layer {digest} is no tar, gzip or zstd");
                        return Err(OciError::NotAnImage(what));
                    }
                }
            }
        };
        check_size(digest, descriptor, layer.compressed_bytes)?;
        if layer.diff_id.to_string() != *diff_id {
            return Err(OciError::DiffIdMismatch {
                layer: digest,
                expected: diff_id.clone(),
                found: layer.diff_id,
            });
        }
        layers.push(layer);
    }
    Ok(layers)
}

fn document(
    what: &str,
    descriptor: &Descriptor,
    blob: &mut impl FnMut(Digest) -> Result<Option<Found>, OciError>,
) -> Result<(Digest, Vec<u8>), OciError> {
    let digest = digest_of(what, descriptor)?;
    match blob(digest)? {
        Some(Found::Small(bytes)) => {
            check_size(digest, descriptor, bytes.len() as u64)?;
            Ok((digest, bytes))
        }
        Some(Found::Large) => Err(OciError::TooLarge { what: what.to_owned(), limit: JSON_LIMIT }),
        Some(Found::Layer(_) | Found::Broken(_)) => {
            Err(OciError::NotAnImage(format!("{what} is a tar, not JSON")))
        }
        None => Err(OciError::Missing { what: what.to_owned() }),
    }
}
