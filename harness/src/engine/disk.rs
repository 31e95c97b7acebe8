//! The disk that the engine's data lie on.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::Engine;
use crate::record::machine;

impl Engine {
    /// Writes out what the engine's file system holds back, so that it does not fall into a timed build;
    /// where its data directory is closed to us, what all file systems hold back.
    ///
    /// # Errors
    /// If the engine does not answer, or the disk fails.
    pub async fn sync(&self) -> Result<()> {
        let root = self.data_root().await?;
        let work = move || match File::open(&root) {
            Ok(dir) => rustix::fs::syncfs(&dir)
                .with_context(|| format!("cannot sync the file system of {}", root.display())),
            Err(_) => {
                rustix::fs::sync();
                Ok(())
            }
        };
        tokio::task::spawn_blocking(work).await?
    }

    /// Where its data lies, and the bytes free there for a process that is not root.
    ///
    /// # Errors
    /// If the data root cannot be asked: an engine of the user's may be in a virtual machine.
    pub async fn disk(&self) -> Result<(PathBuf, u64)> {
        let root = self.data_root().await?;
        let free = machine::disk_free(&root)?;
        Ok((root, free))
    }

    /// Bytes free on the engine's disk, the same.
    ///
    /// # Errors
    /// If the data root cannot be asked.
    pub async fn disk_free(&self) -> Result<u64> {
        Ok(self.disk().await?.1)
    }
}
