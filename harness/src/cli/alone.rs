//! One run at a time on an engine of the user's: two would measure each other, and the one that ends would take the
//! other's build cache with its own. (The managed engine has a lock of its own.)

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail};

use crate::cache::Cache;
use crate::engine::Engine;

/// Held until the program ends.
static HELD: OnceLock<File> = OnceLock::new();

/// Keeps other runs of this user off `engine`.
///
/// # Errors
/// Another one is on it.
pub(super) async fn alone_on(engine: &Engine, cache: &Cache) -> Result<()> {
    if engine.is_managed() {
        return Ok(());
    }
    let id = engine.docker().info().await?.id.unwrap_or_default();
    let held = hold(&cache.room("own-engines")?, &id)?;
    // Only the first is kept: a program brings up one engine.
    drop(HELD.set(held));
    Ok(())
}

fn hold(room: &Path, id: &str) -> Result<File> {
    let name: String = id.chars().filter(char::is_ascii_alphanumeric).collect();
    let path = room.join(format!("{name}.lock"));
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another run of Tare is on this engine: they would measure each other; wait until it has ended, or use \
             --engine managed"
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_held_by_one_run() {
        let room = tempfile::tempdir().unwrap();
        let first = hold(room.path(), "AB12:CD34").unwrap();
        let refused = hold(room.path(), "AB12:CD34").unwrap_err().to_string();
        assert!(refused.contains("another run"), "{refused}");
        hold(room.path(), "other").unwrap();
        drop(first);
        hold(room.path(), "AB12:CD34").unwrap();
    }
}
