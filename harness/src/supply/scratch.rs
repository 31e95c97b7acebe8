//! A directory in a room of the cache that goes with the run, or, if that is killed, with the next one.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
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
        // Those who make one take turns: between the making of a lock and its locking, nobody may look whether it is
        // held.
        let turn = room.join(LOCK);
        let turn = File::create(&turn).with_context(|| format!("cannot write {}", turn.display()))?;
        turn.lock()?;
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
        // One without a lock is being removed at this moment.
        let Ok(lock) = File::open(entry.path().join(LOCK)) else { continue };
        if !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
            match fs::remove_dir_all(entry.path()) {
                // Its run ended by itself in between.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                removed => removed.with_context(|| format!("cannot remove {}", entry.path().display()))?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_goes_and_what_is_in_use_stays() {
        let room = tempfile::tempdir().unwrap();
        let used = Scratch::make(room.path()).unwrap();
        let left = room.path().join("run-killed");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        let next = Scratch::make(room.path()).unwrap();
        assert!(!left.exists() && used.path().exists() && next.path().exists());
        let path = used.path().to_owned();
        drop(used);
        assert!(!path.exists());
    }

    #[test]
    fn those_that_are_made_at_one_time_leave_each_other_alone() {
        let room = tempfile::tempdir().unwrap();
        let make = || (0..20).map(|_| Scratch::make(room.path()).unwrap()).collect::<Vec<_>>();
        let made: Vec<Scratch> = std::thread::scope(|scope| {
            let making: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
            making.into_iter().flat_map(|made| made.join().unwrap()).collect()
        });
        assert!(made.iter().all(|scratch| scratch.path().join(LOCK).exists()));
    }
}
