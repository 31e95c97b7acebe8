//! The cache directory: what is fetched or built once and shared by later runs.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The root of everything that Tare keeps between runs. `cargo xtask clean` removes it whole.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// `$TARE_CACHE`, else `$XDG_CACHE_HOME/tare`, else `~/.cache/tare`; created if missing.
    pub fn open() -> Result<Self> {
        let root = if let Some(dir) = std::env::var_os("TARE_CACHE") {
            PathBuf::from(dir)
        } else if let Some(dir) = std::env::var_os("XDG_CACHE_HOME") {
            Path::new(&dir).join("tare")
        } else {
            let home = std::env::home_dir()
                .context("no home directory: set TARE_CACHE to a directory with 10 GB of room")?;
            home.join(".cache/tare")
        };
        Self::at(root)
    }

    /// A cache rooted at `root`; created if missing.
    pub fn at(root: impl Into<PathBuf>) -> Result<Self> {
        let root = std::path::absolute(root.into())?;
        std::fs::create_dir_all(&root)
            .with_context(|| format!("cannot create the cache directory {}", root.display()))?;
        Ok(Self { root })
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of one room (`engine`, `bases`, `wheels`, `apt`, `tools`); created if missing.
    pub fn room(&self, name: &str) -> Result<PathBuf> {
        let dir = self.root.join(name);
        std::fs::create_dir_all(&dir)
            .with_context(|| format!("cannot create the cache directory {}", dir.display()))?;
        let tag = dir.join(TAG);
        if !tag.exists() {
            std::fs::write(&tag, TAG_TEXT).with_context(|| format!("cannot write {}", tag.display()))?;
        }
        Ok(dir)
    }

    /// Every room that there is. A directory that did not come from [`room`](Self::room) is none: the
    /// user may have pointed the cache at a directory with other things in it.
    pub fn rooms(&self) -> Result<Vec<PathBuf>> {
        let mut rooms = Vec::new();
        for entry in std::fs::read_dir(&self.root)
            .with_context(|| format!("cannot read the cache directory {}", self.root.display()))?
        {
            let dir = entry?.path();
            if std::fs::read_to_string(dir.join(TAG)).is_ok_and(|text| text == TAG_TEXT) {
                rooms.push(dir);
            }
        }
        rooms.sort();
        Ok(rooms)
    }
}

/// What backup programs know a cache by, and we our own rooms.
const TAG: &str = "CACHEDIR.TAG";
const TAG_TEXT: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # Tare keeps here what it fetches or builds once. `cargo xtask clean` removes it.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rooms_of_ours_are_rooms() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("photographs")).unwrap();
        std::fs::write(dir.path().join("letter"), "dear").unwrap();
        let cache = Cache::at(dir.path()).unwrap();
        let room = cache.room("wheels").unwrap();
        assert_eq!(cache.room("wheels").unwrap(), room, "asking twice changes nothing");
        assert_eq!(cache.rooms().unwrap(), [room]);
    }
}
