//! A directory in a room of the cache that goes with the run, or, if that is killed, with the next one.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

const PREFIX: &str = "run-";
const LOCK: &str = "lock";

/// Removed when dropped.
#[derive(Debug)]
pub(super) struct Scratch {
    dir: TempDir,
    /// Tells others that the directory is in use; the system lets go of it however we end.
    _lock: File,
}

impl Scratch {
    /// Makes one in `room`, and removes those there whose runs were killed.
    pub(super) fn make(room: &Path) -> Result<Self> {
        remove_left_behind(room)?;
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir_in(room)?;
        let lock = File::create(dir.path().join(LOCK))?;
        lock.lock()?;
        Ok(Self { dir, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Nobody holds the lock of a run that was killed.
fn remove_left_behind(room: &Path) -> Result<()> {
    for entry in fs::read_dir(room).with_context(|| format!("cannot read {}", room.display()))? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // One without a lock is being made at this moment.
        let Ok(lock) = File::open(entry.path().join(LOCK)) else { continue };
        if !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
            fs::remove_dir_all(entry.path())
                .with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}
