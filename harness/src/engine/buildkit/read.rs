//! Reading a file for the builder: as it was when its metadata was sent, or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;

use super::tree::{Content, ContextError, Entry, Tree, disk_time};

/// Bytes read and sent at once.
const CHUNK: usize = 64 * 1024;

/// A file whose metadata was sent.
#[derive(Debug)]
pub(super) enum FileToSend {
    /// On disk.
    Disk { path: PathBuf, size: u64, modified: i64 },
    /// In memory.
    Edited(Arc<[u8]>),
}

impl FileToSend {
    /// The content behind `entry`; `None` if it has none of its own.
    pub(super) fn new(entry: &Entry, tree: &Tree) -> Option<Self> {
        match (&entry.node.content, &entry.hard_link) {
            (Content::Disk { size, .. }, None) => Some(Self::Disk {
                path: tree.on_disk(&entry.path),
                size: *size,
                modified: entry.node.modified,
            }),
            (Content::Elsewhere { path, size }, None) => {
                Some(Self::Disk { path: path.to_path_buf(), size: *size, modified: entry.node.modified })
            }
            (Content::Edited(bytes), None) => Some(Self::Edited(Arc::clone(bytes))),
            _ => None,
        }
    }
}

/// Hands over the content in chunks.
///
/// # Errors
/// The file cannot be read, or is no longer what its metadata said: half a file, or halves of two, would
/// make an image of something that never was.
pub(super) fn send_file<E: From<ContextError>>(
    file: &FileToSend,
    mut send: impl FnMut(Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    match file {
        FileToSend::Edited(bytes) => bytes.chunks(CHUNK).try_for_each(|chunk| send(chunk.to_vec())),
        FileToSend::Disk { path, size, modified } => {
            let failed = |error: io::Error| ContextError::io(path, &error);
            let mut open = open(path).map_err(failed)?;
            let mut left = *size;
            while left > 0 {
                let mut chunk = vec![0; left.min(CHUNK as u64) as usize];
                let got = open.read(&mut chunk).map_err(failed)?;
                if got == 0 {
                    return Err(changed(path).into());
                }
                chunk.truncate(got);
                left -= got as u64;
                send(chunk)?;
            }
            let after = open.metadata().map_err(failed)?;
            if after.len() != *size || disk_time(&after) != *modified || !after.is_file() {
                return Err(changed(path).into());
            }
            Ok(())
        }
    }
}

/// Opens without following a link or waiting for a pipe's writer: the path may have become either.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)
}

fn changed(path: &Path) -> ContextError {
    ContextError(format!("{}: changed while it was being sent; build again once it is still", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path, size: u64, modified: i64) -> Result<Vec<u8>, ContextError> {
        let mut all = Vec::new();
        let file = FileToSend::Disk { path: path.to_owned(), size, modified };
        send_file(&file, |chunk| {
            all.extend(chunk);
            Ok::<_, ContextError>(())
        })?;
        Ok(all)
    }

    #[test]
    fn a_file_is_sent_whole_or_not_at_all() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("f");
        let bytes: Vec<u8> = (0..CHUNK as u32 * 2 + 17).map(|n| n as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let (size, modified) = (bytes.len() as u64, disk_time(&path.metadata().unwrap()));
        assert!(read(&path, size, modified).unwrap() == bytes);
        for (size, modified) in
            [(size - 1, modified), (size + 1, modified), (size, modified - 1), (0, modified)]
        {
            let error = read(&path, size, modified).unwrap_err().to_string();
            assert!(error.contains("/f: changed"), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(read(&path, size, modified).unwrap_err().to_string().contains("/f: No such file"));
        // What it may have become since: opening must not follow the one or wait for the other.
        std::os::unix::fs::symlink("elsewhere", &path).unwrap();
        assert!(read(&path, size, modified).is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert!(read(&path, size, modified).is_err());
        assert!(read(&path, 0, modified).is_err());
    }
}
