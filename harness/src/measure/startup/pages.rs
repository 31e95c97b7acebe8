//! Files out of the page cache, as they are on a node that has not read them yet.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{Advice, fadvise};
use walkdir::WalkDir;

/// Asks the kernel which pages are in memory; it needs pointers, which our own code has not.
const RESIDENT: &str = include_str!("resident.py");

/// Writes out `paths`, files or folders, lets go of their pages, and makes sure that none is left in memory.
///
/// # Errors
/// If one cannot be read, or the kernel keeps pages: somebody has mapped them, or they lie in memory alone.
pub(super) fn evict(paths: &[PathBuf]) -> Result<()> {
    let mut files = Vec::new();
    for path in paths {
        for entry in WalkDir::new(path) {
            let entry = entry.with_context(|| format!("cannot read {}", path.display()))?;
            if entry.file_type().is_file() {
                files.push(entry.into_path());
            }
        }
    }
    for path in &files {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        // A page that is not yet written cannot go.
        file.sync_all().with_context(|| format!("cannot write out {}", path.display()))?;
        fadvise(&file, 0, None, Advice::DontNeed)
            .with_context(|| format!("cannot let go of the pages of {}", path.display()))?;
    }
    let left = resident(&files)?;
    ensure!(
        left == 0,
        "{left} pages of what is mounted stay in memory, so that it would not be read from the disk: set TARE_CACHE \
         to a directory on one"
    );
    Ok(())
}

/// Pages of `files` that are in memory.
fn resident(files: &[impl AsRef<Path>]) -> Result<u64> {
    let mut python = Command::new("python3");
    python.args(["-I", "-c", RESIDENT]).args(files.iter().map(AsRef::as_ref)).stdin(Stdio::null());
    let output = python.output().context("cannot start python3, which looks at the page cache")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cannot look at the page cache: {}", said.trim());
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().with_context(|| format!("{text:?} is no number of pages"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_in_memory_until_it_is_let_go() {
        // Not in the system's temporary directory, which may lie in memory.
        let dir = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let file = dir.path().join("weights");
        std::fs::write(&file, vec![7; 1 << 20]).unwrap();
        std::fs::write(dir.path().join("empty"), "").unwrap();
        std::fs::read(&file).unwrap();
        assert_eq!(resident(&[&file]).unwrap(), (1 << 20) / rustix::param::page_size() as u64);
        evict(&[dir.path().to_owned()]).unwrap();
        assert_eq!(resident(&[&file]).unwrap(), 0);
    }
}
