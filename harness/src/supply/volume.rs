//! A volume that outlives the containers that it is mounted into.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::scratch::Scratch;
use crate::cache::Cache;

/// A folder on this machine's disk that every user may write to, empty at first. It goes when it is dropped.
#[derive(Debug)]
pub struct Volume {
    dir: PathBuf,
    _scratch: Scratch,
}

impl Volume {
    pub(super) fn make(cache: &Cache) -> Result<Self> {
        let scratch = Scratch::make(&cache.room("volumes")?)?;
        let dir = scratch.path().join("volume");
        fs::create_dir(&dir)?;
        // Images run as users of their own; a cluster hands a volume over to them (fsGroup).
        fs::set_permissions(&dir, Permissions::from_mode(0o777))?;
        fs::set_permissions(scratch.path(), Permissions::from_mode(0o711))?;
        Ok(Self { dir, _scratch: scratch })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.dir
    }
}
