//! The disk that the engine's data lie on.

use std::fs::File;

use anyhow::{Context as _, Result};

use super::Engine;

impl Engine {
    /// Writes out what the engine's file system holds back, so that it does not fall into a timed build.
    ///
    /// # Errors
    /// If the data root cannot be opened.
    pub async fn sync(&self) -> Result<()> {
        let root = self.data_root().await?;
        let dir = File::open(&root).with_context(|| format!("cannot open {}", root.display()))?;
        tokio::task::spawn_blocking(move || rustix::fs::syncfs(&dir))
            .await?
            .with_context(|| format!("cannot sync the file system of {}", root.display()))
    }

    /// Bytes free on the engine's disk for a process that is not root.
    ///
    /// # Errors
    /// If the data root cannot be asked.
    pub async fn disk_free(&self) -> Result<u64> {
        let root = self.data_root().await?;
        let stat = rustix::fs::statvfs(&root).with_context(|| format!("cannot ask {}", root.display()))?;
        Ok(stat.f_bavail * stat.f_frsize)
    }
}
