//! An image on disk, of which no layer is read before it is asked for: OCI layouts and docker archives, each
//! as a directory or as a tar.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use oci_spec::image::{Descriptor, ImageConfiguration, ImageManifest};

use super::blob::{BUFFER, Hashing, Packing};
use super::documents::{self, check_size, digest_of, json, manifest_of};
use super::instruction::instructions;
use super::stored_files::{Files, Opened};
use super::{Digest, LayerError, OciError};

/// An image on disk: its documents, and where its layers are.
#[derive(Debug)]
pub struct Stored {
    files: Files,
    /// The innermost index that names the image; `None` in a docker archive without one.
    pub index_json: Option<Vec<u8>>,
    /// The manifest's digest and text. A docker archive has none: its identity is its configuration's.
    pub manifest: Option<(Digest, Vec<u8>)>,
    /// The digest of the configuration, which engines call the image's id.
    pub config_digest: Digest,
    /// The configuration.
    pub config: ImageConfiguration,
    /// The configuration as it stands there: with what its specification does not know.
    pub config_json: Vec<u8>,
    /// The layers, the lowest first.
    pub layers: Vec<StoredLayer>,
}

/// A layer of an image on disk.
#[derive(Debug, Clone)]
pub struct StoredLayer {
    /// The digest of the blob; `None` in a docker archive, which names only the tar.
    pub digest: Option<Digest>,
    /// The digest of the tar, as the configuration has it.
    pub diff_id: Digest,
    /// What the manifest says it is; empty in a docker archive.
    pub media_type: String,
    /// The instruction that made it, by the history; empty where that does not tell.
    pub made_by: String,
    path: String,
    size: Option<u64>,
}

#[cfg(test)]
impl StoredLayer {
    /// One that is nowhere.
    pub(crate) fn new(diff_id: Digest, made_by: &str) -> Self {
        let made_by = made_by.to_owned();
        Self { digest: None, diff_id, media_type: String::new(), made_by, path: String::new(), size: None }
    }
}

/// How a layer is packed, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blob {
    pub(crate) packing: Packing,
    pub(crate) bytes: u64,
}

impl Stored {
    /// Opens the image at `path`: an OCI layout (a directory or a tar) or a docker archive. Where a tar is both,
    /// as engines save them, it is read as a layout. No layer is read.
    ///
    /// # Errors
    /// There is no image, or more than one to choose from; a document is missing, damaged or contradicts another.
    pub fn open(path: &Path) -> Result<Self, OciError> {
        let files = Files::of(path)?;
        if let Some(index) = files.document("index.json", "index.json")? {
            return layout(files, index);
        }
        if let Some(manifest) = files.document("manifest.json", "manifest.json")? {
            return docker_archive(files, &manifest);
        }
        let what = "it has neither index.json (an OCI layout) nor manifest.json (a docker archive); \
                    save the image with `docker save -o FILE IMAGE`, or build it with --output type=oci,dest=FILE";
        Err(OciError::NotAnImage(what.to_owned()))
    }

    /// What the layer at `place` has in its first bytes, and its length.
    ///
    /// # Errors
    /// The layer is not there.
    pub(crate) fn blob(&self, place: usize) -> Result<Blob, OciError> {
        let (input, bytes) = self.input(&self.layers[place])?;
        let mut start = Vec::with_capacity(512);
        input.take(512).read_to_end(&mut start)?;
        Ok(Blob { packing: Packing::of(&start), bytes })
    }

    /// Reads the layer at `place` from its start to its end: `walk` gets the inflated tar.
    ///
    /// # Errors
    /// The layer is not there, is not what its digest says (which is said rather than what `walk` met in it), or
    /// `walk` fails.
    pub(crate) fn read_layer<T>(
        &self,
        place: usize,
        walk: impl FnOnce(&mut dyn BufRead) -> Result<T, LayerError>,
    ) -> Result<T, OciError> {
        let layer = &self.layers[place];
        let (input, bytes) = self.input(layer)?;
        let shown = layer.digest.unwrap_or(layer.diff_id);
        if let (Some(expected), Some(digest)) = (layer.size, layer.digest)
            && expected != bytes
        {
            return Err(OciError::SizeMismatch { digest, expected, found: bytes });
        }
        let mut hashing = Hashing::new(input);
        let mut start = Vec::with_capacity(512);
        hashing.by_ref().take(512).read_to_end(&mut start)?;
        let packing = Packing::of(&start);
        let mut blob = BufReader::with_capacity(BUFFER, start.as_slice().chain(&mut hashing));
        // A docker archive names the tar alone; where the blob is that tar, its digest serves.
        let check_tar = layer.digest.is_none() && packing != Packing::Tar;
        let mut tar_digest = None;
        let walked = {
            let tar = packing
                .inflate(&mut blob)
                .map_err(|e| OciError::Layer { digest: shown, source: e.into() })?;
            if check_tar {
                let mut checked = Hashing::new(tar);
                let mut tar = BufReader::with_capacity(BUFFER, &mut checked);
                let walked = walk(&mut tar);
                if walked.is_ok() {
                    io::copy(&mut tar, &mut io::sink())?;
                    tar_digest = Some(checked.finish().0);
                }
                walked
            } else {
                walk(&mut BufReader::with_capacity(BUFFER, tar))
            }
        };
        // A walk that failed stopped half-way; that the blob is damaged is then the better answer.
        io::copy(&mut blob, &mut io::sink())?;
        drop(blob);
        let found = hashing.finish().0;
        match (layer.digest, tar_digest) {
            (Some(name), _) if found != name => return Err(OciError::DigestMismatch { name, found }),
            (None, Some(tar)) if tar != layer.diff_id => return Err(mismatch(layer, tar)),
            (None, None) if !check_tar && found != layer.diff_id => return Err(mismatch(layer, found)),
            _ => {}
        }
        walked.map_err(|source| OciError::Layer { digest: shown, source })
    }

    fn input(&self, layer: &StoredLayer) -> Result<Opened, OciError> {
        self.files.open(&layer.path)?.ok_or_else(|| {
            let name = layer.digest.unwrap_or(layer.diff_id);
            let foreign =
                layer.media_type.contains("foreign") || layer.media_type.contains("nondistributable");
            let why = if foreign { ": it is a foreign layer, which is fetched from elsewhere" } else { "" };
            OciError::Missing { what: format!("layer {name}{why}") }
        })
    }
}

fn mismatch(layer: &StoredLayer, found: Digest) -> OciError {
    OciError::DiffIdMismatch { layer: layer.diff_id, expected: layer.diff_id.to_string(), found }
}

fn layout(files: Files, index_json: Vec<u8>) -> Result<Stored, OciError> {
    let (manifest, index_json) =
        manifest_of(index_json, |what, descriptor| blob(&files, what, descriptor).map(|(_, bytes)| bytes))?;
    let what = format!("manifest {}", manifest.digest());
    let (manifest_digest, manifest_json) = blob(&files, &what, &manifest)?;
    let manifest: ImageManifest = json(&what, &manifest_json)?;
    let what = format!("configuration {}", manifest.config().digest());
    let (config_digest, config_json) = blob(&files, &what, manifest.config())?;
    let config: ImageConfiguration = json(&what, &config_json)?;
    let diff_ids = diff_ids(&config, manifest.layers().len())?;
    let made_by = instructions(&config, diff_ids.len());
    let mut layers = Vec::with_capacity(diff_ids.len());
    for (place, (descriptor, diff_id)) in manifest.layers().iter().zip(diff_ids).enumerate() {
        let digest = digest_of("the manifest", descriptor)?;
        layers.push(StoredLayer {
            digest: Some(digest),
            diff_id,
            media_type: descriptor.media_type().to_string(),
            made_by: made_by.get(place).cloned().unwrap_or_default(),
            path: format!("blobs/sha256/{}", digest.hex()),
            size: Some(descriptor.size()),
        });
    }
    Ok(Stored {
        files,
        index_json: Some(index_json),
        manifest: Some((manifest_digest, manifest_json)),
        config_digest,
        config,
        config_json,
        layers,
    })
}

/// An image in `manifest.json`.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

fn docker_archive(files: Files, manifest: &[u8]) -> Result<Stored, OciError> {
    let saved: Vec<Saved> = json("manifest.json", manifest)?;
    let [saved] = &saved[..] else {
        let names: Vec<String> = saved
            .iter()
            .map(|image| {
                image.repo_tags.as_ref().and_then(|tags| tags.first()).unwrap_or(&image.config).clone()
            })
            .collect();
        let what =
            format!("the archive holds {} images ({}); save one of them", names.len(), names.join(", "));
        return Err(OciError::NotAnImage(what));
    };
    let what = format!("configuration {}", saved.config);
    let config_json =
        files.document(&what, &saved.config)?.ok_or_else(|| OciError::Missing { what: what.clone() })?;
    let config: ImageConfiguration = json(&what, &config_json)?;
    let config_digest = Digest::of(&config_json);
    // Its file is named after its digest, with or without an ending.
    let stem = saved.config.rsplit('/').next().unwrap_or_default().trim_end_matches(".json");
    if let Ok(name) = format!("sha256:{stem}").parse::<Digest>()
        && name != config_digest
    {
        return Err(OciError::DigestMismatch { name, found: config_digest });
    }
    let diff_ids = diff_ids(&config, saved.layers.len())?;
    let made_by = instructions(&config, diff_ids.len());
    let layer = |(place, (path, diff_id)): (usize, (&String, Digest))| StoredLayer {
        digest: None,
        diff_id,
        media_type: String::new(),
        made_by: made_by.get(place).cloned().unwrap_or_default(),
        path: path.clone(),
        size: None,
    };
    let layers = saved.layers.iter().zip(diff_ids).enumerate().map(layer).collect();
    Ok(Stored { files, index_json: None, manifest: None, config_digest, config, config_json, layers })
}

fn diff_ids(config: &ImageConfiguration, layers: usize) -> Result<Vec<Digest>, OciError> {
    let named = documents::diff_ids(config, layers)?;
    let wrong = |source| OciError::Digest { what: "the image's configuration".to_owned(), source };
    named.iter().map(|text| text.parse().map_err(wrong)).collect()
}

fn blob(files: &Files, what: &str, descriptor: &Descriptor) -> Result<(Digest, Vec<u8>), OciError> {
    let name = digest_of(what, descriptor)?;
    let bytes = files
        .document(what, &format!("blobs/sha256/{}", name.hex()))?
        .ok_or_else(|| OciError::Missing { what: what.to_owned() })?;
    let found = Digest::of(&bytes);
    if found != name {
        return Err(OciError::DigestMismatch { name, found });
    }
    check_size(name, descriptor, bytes.len() as u64)?;
    Ok((name, bytes))
}

#[cfg(test)]
#[path = "stored_tests.rs"]
mod tests;
