//! `clean`: removes every trace.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use indicatif::DecimalBytes;
use walkdir::WalkDir;

use crate::cache::Cache;
use crate::engine::{Home, own, remove_all, take_down, unmount_below};

/// Ends the managed engine, empties the cache, removes what killed runs left in the user's own engine,
/// and says what that freed. Runs on disk (`results/`) are the user's and stay.
///
/// # Errors
/// If a run uses the managed engine, or something cannot be removed.
pub async fn run(cache: &Cache) -> Result<()> {
    let mut lines = Vec::new();
    if take_down(&Home::of(cache)?).await? {
        lines.push("the managed engine is down".to_owned());
    }
    if take_down(&Home::of_node(cache)?).await? {
        lines.push("the node of a killed run is down".to_owned());
    }
    lines.extend(own_engine().await);
    let mut freed = 0;
    for room in cache.rooms()? {
        // mmdebstrap leaves /proc and others mounted where it was cut short. Of a link, the link alone goes.
        if !room.is_symlink() {
            unmount_below(&room)?;
        }
        let bytes = disk_usage(&room);
        std::fs::remove_dir_all(&room).with_context(|| format!("cannot remove {}", room.display()))?;
        let name = room.file_name().unwrap_or_default().display().to_string();
        lines.push(format!("removed {name}: {}", DecimalBytes(bytes)));
        freed += bytes;
    }
    // Gone too, unless the user keeps other things there.
    let _ = std::fs::remove_dir(cache.root());
    lines.push(format!("freed {} in {}", DecimalBytes(freed), cache.root().display()));
    writeln!(std::io::stdout(), "{}", lines.join("\n"))?;
    Ok(())
}

/// What was removed from the engine that the user's docker client talks to. One that does not answer
/// holds nothing that could be removed now.
async fn own_engine() -> Option<String> {
    let found = own::find()?;
    let removed = remove_all(&found.address.ok()?).await.ok()?;
    let all = removed.containers + removed.images;
    (all > 0).then(|| {
        format!(
            "removed {} containers and {} images of killed runs from the engine of {}",
            removed.containers, removed.images, found.named_by
        )
    })
}

/// Bytes on disk of everything below, hard links once.
fn disk_usage(dir: &Path) -> u64 {
    let mut seen = std::collections::HashSet::new();
    WalkDir::new(dir)
        .into_iter()
        .filter_map(Result::ok)
        .filter_map(|entry| entry.metadata().ok())
        .filter(|data| data.nlink() == 1 || data.is_dir() || seen.insert((data.dev(), data.ino())))
        // The kernel counts in units of 512 bytes, whatever the file system's.
        .map(|data| data.blocks() * 512)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hard_link_is_counted_once() {
        let dir = tempfile::tempdir().unwrap();
        let empty = disk_usage(dir.path());
        std::fs::write(dir.path().join("a"), vec![1; 1 << 20]).unwrap();
        std::fs::hard_link(dir.path().join("a"), dir.path().join("b")).unwrap();
        let used = disk_usage(dir.path()) - empty;
        assert!(((1 << 20)..(1 << 20) + (64 << 10)).contains(&used), "{used}");
    }
}
