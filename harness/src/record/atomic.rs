//! Files that are there whole or not at all, and directories whose entries survive a power cut.

use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Replaces `path` by a file of `bytes`: a reader finds the old content or the new, never half of it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let dir = path.parent().context("a file needs a directory")?;
    let attempt = || -> Result<()> {
        // A temporary file is private by default; a record is for everyone whom the umask allows.
        let mut file = tempfile::Builder::new()
            .prefix(".tare-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(dir)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        sync_dir(dir)
    };
    attempt().with_context(|| format!("cannot write {}", path.display()))
}

/// Makes the entries of `dir` durable: a file's own fsync does not cover its name.
pub(super) fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .with_context(|| format!("cannot sync the directory {}", dir.display()))
}
