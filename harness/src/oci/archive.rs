//! An OCI archive, read as it comes.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufReader, Read};

use tar::EntryType;

use super::assemble::{Found, Image, assemble};
use super::blob::{BUFFER, JSON_LIMIT};
use super::entry::normalise;
use super::tar_stream::TarStream;
use super::{Digest, LayerCache, LayerError, OciError};

/// All documents of an archive together. Those beyond it, bills of materials of many platforms perhaps,
/// are dropped; that is an error only if the image needs them.
const DOCUMENTS_LIMIT: usize = 32 << 20;

/// Reads an OCI archive (a tar of an OCI layout) from a stream, such as BuildKit's `oci` export.
///
/// Blobs may come in any order; a layer is inflated, hashed and walked as it passes, never stored.
///
/// # Errors
/// The stream fails or ends too soon, a blob is not what its name says, parts of the image are missing
/// or contradict each other, or it cannot be told which image is meant.
pub fn read_archive(input: impl Read, cache: &LayerCache) -> Result<Image, OciError> {
    let (index, mut blobs) = read_blobs(input, cache)?;
    assemble(&index, cache.needles(), |digest| Ok(blobs.remove(&digest)))
}

/// The documents of an archive: what is neither layer nor too large.
#[derive(Debug, Clone, Default)]
pub struct Documents {
    /// `index.json`.
    pub index: Vec<u8>,
    /// The others: manifests, configurations, attestations.
    pub blobs: BTreeMap<Digest, Vec<u8>>,
}

/// Reads the documents of an OCI archive from a stream, attestations among them. Layers are read as
/// [`read_archive`] reads them, and not kept beyond the cache.
///
/// # Errors
/// As [`read_archive`].
pub fn read_documents(input: impl Read, cache: &LayerCache) -> Result<Documents, OciError> {
    let (index, blobs) = read_blobs(input, cache)?;
    let small = |(digest, found)| match found {
        Found::Small(bytes) => Some((digest, bytes)),
        _ => None,
    };
    Ok(Documents { index, blobs: blobs.into_iter().filter_map(small).collect() })
}

fn read_blobs(input: impl Read, cache: &LayerCache) -> Result<(Vec<u8>, HashMap<Digest, Found>), OciError> {
    let mut archive = TarStream::new(BufReader::with_capacity(BUFFER, input));
    let mut index = None;
    let mut blobs = HashMap::new();
    let mut kept = 0;
    while let Some(member) = archive.next_member().map_err(archive_error)? {
        // As where the archive is a file: what is no file holds nothing, whatever its header claims.
        if !matches!(member.kind, EntryType::Regular | EntryType::Continuous) {
            continue;
        }
        let path = normalise(&member.name);
        if path == b"index.json" {
            if member.size > JSON_LIMIT {
                return Err(OciError::TooLarge { what: "index.json".to_owned(), limit: JSON_LIMIT });
            }
            let mut bytes = Vec::new();
            archive.read_to_end(&mut bytes)?;
            index = Some(bytes);
        } else if let Some(name) = blob_name(&path) {
            let mut found = Found::read(name, member.size, &mut archive, cache)?;
            if let Found::Small(bytes) = &found {
                kept += bytes.len();
                if kept > DOCUMENTS_LIMIT {
                    kept -= bytes.len();
                    found = Found::Large;
                }
            }
            blobs.insert(name, found);
        }
    }
    let index = index.ok_or_else(|| OciError::Missing { what: "index.json".to_owned() })?;
    Ok((index, blobs))
}

fn archive_error(e: LayerError) -> OciError {
    match e {
        LayerError::Io(e) => OciError::Io(e),
        other => OciError::Archive(other),
    }
}

/// The digest in `blobs/sha256/HEX`; `None` for anything else, a directory for instance.
fn blob_name(path: &[u8]) -> Option<Digest> {
    let hex = std::str::from_utf8(path).ok()?.strip_prefix("blobs/sha256/")?;
    format!("sha256:{hex}").parse().ok()
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
