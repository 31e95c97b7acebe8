//! An OCI layout: the same files as in an archive, in a directory.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use super::assemble::{Found, Image, assemble};
use super::blob::JSON_LIMIT;
use super::{LayerCache, OciError};

/// Reads an OCI layout directory. Only the blobs of the image are opened.
///
/// # Errors
/// As [`read_archive`](super::read_archive).
pub fn read_layout(dir: &Path, cache: &LayerCache) -> Result<Image, OciError> {
    let path = dir.join("index.json");
    let missing = || OciError::Missing { what: format!("index.json in {}", dir.display()) };
    let index = match fs::metadata(&path) {
        Ok(file) if file.len() > JSON_LIMIT => {
            return Err(OciError::TooLarge { what: "index.json".to_owned(), limit: JSON_LIMIT });
        }
        Ok(_) => fs::read(&path)?,
        Err(e) if e.kind() == ErrorKind::NotFound => return Err(missing()),
        Err(e) => return Err(e.into()),
    };
    assemble(&index, cache.needles(), |digest| {
        let file = match File::open(dir.join("blobs/sha256").join(digest.hex())) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let size = file.metadata()?.len();
        Found::read(digest, size, file, cache).map(Some)
    })
}
