//! Where the managed engine keeps what.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::Home;
use crate::engine::mounts::unmount_below;

/// The longest path of a Unix socket, less the longest name that the daemon puts below its directory.
const LONGEST_DIR: usize = 107 - "/exec/containerd/containerd-debug.sock.ttrpc".len();

/// The files of one managed engine.
#[derive(Debug, Clone)]
pub(super) struct Files {
    dir: PathBuf,
}

impl Files {
    pub(super) fn of(home: &Home) -> Result<Self> {
        fs::create_dir_all(&home.engine)
            .with_context(|| format!("cannot create {}", home.engine.display()))?;
        // As the kernel writes it in its table of mounts.
        let dir = home.engine.canonicalize()?;
        if dir.as_os_str().len() > LONGEST_DIR {
            bail!(
                "the path {} is too long for the engine's sockets: set TARE_CACHE to a shorter one",
                dir.display()
            );
        }
        Ok(Self { dir })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.dir.join("docker.sock")
    }

    pub(super) fn data_root(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// A disk of the data directory's own, where it has one.
    pub(super) fn disk(&self) -> PathBuf {
        self.dir.join("data.ext4")
    }

    pub(super) fn exec_root(&self) -> PathBuf {
        self.dir.join("exec")
    }

    pub(super) fn temporary(&self) -> PathBuf {
        self.exec_root().join("tmp")
    }

    pub(super) fn pid_file(&self) -> PathBuf {
        self.dir.join("docker.pid")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.dir.join("dockerd.log")
    }

    /// Removes what a daemon makes anew each time.
    pub(super) fn remove_runtime(&self) -> Result<()> {
        unmount_below(&self.exec_root())?;
        remove_dir(&self.exec_root())?;
        // Nothing is kept on it: it is unmounted by now.
        remove_file(&self.disk())?;
        remove_file(&self.socket())?;
        remove_file(&self.pid_file())
    }

    /// Removes all images, containers and build cache.
    pub(super) fn wipe_data(&self) -> Result<()> {
        unmount_below(&self.data_root())?;
        remove_dir(&self.data_root())
    }
}

fn remove_dir(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result.with_context(|| format!("cannot remove {}", dir.display())),
    }
}

fn remove_file(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result.with_context(|| format!("cannot remove {}", file.display())),
    }
}
