//! The files of an image on disk: in a directory, or in a tar that is not unpacked.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use tar::EntryType;

use super::blob::JSON_LIMIT;
use super::entry::normalise;
use super::tar_stream::TarStream;
use super::{LayerError, OciError};

/// Links from one member to another that are followed; `docker save` once wrote equal layers so.
const LINKS: usize = 8;

/// The files of an archive: some hundreds in a large one.
const FILE_LIMIT: usize = 100_000;

/// A file's content and its length.
pub(super) type Opened = (Box<dyn Read + Send>, u64);

/// Files by their path.
#[derive(Debug)]
pub(super) enum Files {
    /// In this directory.
    Dir(PathBuf),
    /// In this tar, at these places.
    Tar(PathBuf, HashMap<Vec<u8>, Place>),
}

/// Where a file lies in a tar.
#[derive(Debug)]
pub(super) enum Place {
    At { offset: u64, size: u64 },
    Link(Vec<u8>),
}

impl Files {
    /// The files in `path`, a directory or a tar of which only the headers are read.
    pub(super) fn of(path: &Path) -> Result<Self, OciError> {
        if fs::metadata(path)?.is_dir() {
            return Ok(Self::Dir(path.to_owned()));
        }
        let mut start = Vec::new();
        File::open(path)?.take(4).read_to_end(&mut start)?;
        let packed = match start[..] {
            [0x1f, 0x8b, ..] => Some("gzip -dc"),
            [0x28, 0xb5, 0x2f, 0xfd] => Some("zstd -dc"),
            _ => None,
        };
        if let Some(program) = packed {
            let what =
                format!("the archive is compressed as a whole; unpack it first: {program} FILE > FILE.tar");
            return Err(OciError::NotAnImage(what));
        }
        Ok(Self::Tar(path.to_owned(), places(path)?))
    }

    /// The file at `path` and its length; `None` where there is none.
    pub(super) fn open(&self, path: &str) -> Result<Option<Opened>, OciError> {
        match self {
            Self::Dir(dir) => {
                // What an index names is never taken as a path, and what a docker archive names leads nowhere
                // but below the directory.
                let below = normalise(path.as_bytes());
                let file = dir.join(std::ffi::OsStr::from_bytes(&below));
                match fs::metadata(&file) {
                    // Opening a pipe would wait for a writer.
                    Ok(found) if !found.is_file() => Ok(None),
                    Ok(found) => Ok(Some((Box::new(File::open(&file)?), found.len()))),
                    Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
                    Err(e) => Err(e.into()),
                }
            }
            Self::Tar(archive, places) => {
                let mut path = normalise(path.as_bytes());
                for _ in 0..LINKS {
                    match places.get(&path) {
                        None => return Ok(None),
                        Some(Place::Link(target)) => path.clone_from(target),
                        Some(Place::At { offset, size }) => {
                            let mut file = File::open(archive)?;
                            file.seek(SeekFrom::Start(*offset))?;
                            return Ok(Some((Box::new(file.take(*size)), *size)));
                        }
                    }
                }
                let what = format!("{} is a link that leads nowhere", String::from_utf8_lossy(&path));
                Err(OciError::NotAnImage(what))
            }
        }
    }

    /// The whole of a small file at `path`, such as a manifest; `what` names it in errors.
    pub(super) fn document(&self, what: &str, path: &str) -> Result<Option<Vec<u8>>, OciError> {
        let Some((input, size)) = self.open(path)? else { return Ok(None) };
        if size > JSON_LIMIT {
            return Err(OciError::TooLarge { what: what.to_owned(), limit: JSON_LIMIT });
        }
        let mut bytes = Vec::new();
        input.take(JSON_LIMIT).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
}

/// Where each file of the tar at `path` lies. Contents are passed over without being read.
fn places(path: &Path) -> Result<HashMap<Vec<u8>, Place>, OciError> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut places = HashMap::new();
    let mut start = 0;
    // The stream ends with its input, so that each member is read by one of its own: a content of 14 GB is
    // passed over by beginning behind it.
    loop {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(start))?;
        let mut stream = TarStream::new(BufReader::with_capacity(4096, file));
        let Some(member) = stream.next_member().map_err(|e| at(e, start))? else { return Ok(places) };
        let offset = start + stream.at();
        let end = offset.checked_add(member.size).filter(|end| *end <= length);
        let end = end.ok_or_else(|| {
            let what = format!(
                "{} says that it has {} bytes, and the archive ends before",
                String::from_utf8_lossy(&member.name),
                member.size
            );
            OciError::Archive(LayerError::Io(io::Error::new(ErrorKind::UnexpectedEof, what)))
        })?;
        let name = normalise(&member.name);
        let dir = super::entry::split(&name).0;
        match member.kind {
            EntryType::Regular | EntryType::Continuous => {
                places.insert(name, Place::At { offset, size: member.size });
            }
            EntryType::Symlink => {
                let target = normalise(&[dir, &member.link].join(&b"/"[..]));
                places.insert(name, Place::Link(target));
            }
            EntryType::Link => {
                places.insert(name, Place::Link(normalise(&member.link)));
            }
            _ => {}
        }
        if places.len() > FILE_LIMIT {
            return Err(OciError::Archive(LayerError::TooMany(FILE_LIMIT)));
        }
        start = end.next_multiple_of(512);
    }
}

/// The same error with the place within the archive.
fn at(e: LayerError, start: u64) -> OciError {
    OciError::Archive(match e {
        LayerError::Header { at, what } => LayerError::Header { at: at + start, what },
        other => other,
    })
}
