//! The cache directory: what is fetched or built once and shared by later runs.

use std::ffi::OsString;
use std::fs::File;
use std::io;
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
        let (tare, xdg) = (std::env::var_os("TARE_CACHE"), std::env::var_os("XDG_CACHE_HOME"));
        Self::at(place(tare, xdg, std::env::home_dir())?)
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

/// Where the cache lies. What is empty is as good as unset: the cache would lie in whatever directory the program is
/// started from.
fn place(tare: Option<OsString>, xdg: Option<OsString>, home: Option<PathBuf>) -> Result<PathBuf> {
    let named = |value: Option<OsString>| value.filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(dir) = named(tare) {
        return Ok(dir);
    }
    if let Some(dir) = named(xdg) {
        return Ok(dir.join("tare"));
    }
    let home = named(home.map(PathBuf::into_os_string))
        .context("no home directory: set TARE_CACHE to a directory with 12 GB of room")?;
    Ok(home.join(".cache/tare"))
}

/// Gives `from`, a file or a directory with all that lies below it, its final name `to` once it is on the disk. What
/// has that name is trusted for ever, and after a power cut a file that was renamed too early may be empty.
///
/// # Errors
/// The disk fails, or `to` is a directory that holds something.
pub(crate) fn put_in_place(from: &Path, to: &Path) -> io::Result<()> {
    let open = File::open(from)?;
    if open.metadata()?.is_dir() {
        // One call for however many files.
        rustix::fs::syncfs(&open)?;
    } else {
        open.sync_all()?;
    }
    std::fs::rename(from, to)
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

    #[test]
    fn a_variable_that_is_empty_is_as_good_as_unset() {
        let place = |tare: Option<&str>, xdg: Option<&str>, home: Option<&str>| {
            place(tare.map(OsString::from), xdg.map(OsString::from), home.map(PathBuf::from)).ok()
        };
        let at = |path: &str| Some(PathBuf::from(path));
        assert_eq!(place(Some("/t"), Some("/x"), Some("/h")), at("/t"));
        assert_eq!(place(Some(""), Some("/x"), Some("/h")), at("/x/tare"));
        assert_eq!(place(None, Some(""), Some("/h")), at("/h/.cache/tare"));
        assert_eq!(place(None, Some(""), Some("")), None);
        assert_eq!(place(None, None, None), None);
    }

    #[test]
    fn files_and_directories_are_put_in_place_whole() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("part"), "new").unwrap();
        std::fs::write(at("file"), "old").unwrap();
        put_in_place(&at("part"), &at("file")).unwrap();
        assert_eq!(std::fs::read_to_string(at("file")).unwrap(), "new");
        assert!(!at("part").exists());

        std::fs::create_dir(at("work")).unwrap();
        std::fs::write(at("work/inside"), "kept").unwrap();
        put_in_place(&at("work"), &at("place")).unwrap();
        assert_eq!(std::fs::read_to_string(at("place/inside")).unwrap(), "kept");
        assert!(put_in_place(&at("nothing"), &at("file")).is_err());
    }
}
