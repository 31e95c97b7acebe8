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
        Ok(dir)
    }
}
