//! What the proxy has fetched: on disk for later runs, and one state for the whole of this one.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::upstream::{self, FetchError};
use crate::cache::put_in_place;
use crate::hex::hex;

/// A file of a mirror, held open: a later run that replaces it on disk does not change it for this one.
#[derive(Debug, Clone)]
pub(super) struct Cached {
    pub(super) file: Arc<File>,
    pub(super) bytes: u64,
}

impl Cached {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), bytes })
    }
}

type Slot = Arc<tokio::sync::Mutex<Option<Result<Cached, FetchError>>>>;

/// The store.
#[derive(Debug)]
pub(super) struct Store {
    room: PathBuf,
    slots: Mutex<HashMap<String, Slot>>,
    fetched: AtomicU64,
}

impl Store {
    pub(super) fn new(room: PathBuf) -> Self {
        Self { room, slots: Mutex::default(), fetched: AtomicU64::new(0) }
    }

    /// How many files were asked of a mirror in this run.
    pub(super) fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// The file behind `url`; those who ask for the same one while it is fetched wait for that fetch.
    pub(super) async fn get(&self, url: &str) -> Result<Cached, FetchError> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(url.to_owned()).or_default())
        };
        let mut slot = slot.lock().await;
        if let Some(known) = &*slot {
            return known.clone();
        }
        let found = self.find_or_fetch(url).await;
        // What failed may work the next time; that a mirror lacks a file is part of this run's state.
        if !matches!(found, Err(FetchError::Failed(_))) {
            *slot = Some(found.clone());
        }
        found
    }

    async fn find_or_fetch(&self, url: &str) -> Result<Cached, FetchError> {
        let path = self.room.join(name_of(url));
        if is_immutable(url)
            && let Ok(cached) = Cached::open(&path)
        {
            return Ok(cached);
        }
        match self.fetch(url, &path).await {
            // No network: the state that the last run saw is a state too.
            Err(FetchError::Failed(said)) => Cached::open(&path).map_err(|_| FetchError::Failed(said)),
            outcome => outcome,
        }
    }

    async fn fetch(&self, url: &str, path: &Path) -> Result<Cached, FetchError> {
        self.fetched.fetch_add(1, Ordering::Relaxed);
        let failed = |error: io::Error| FetchError::Failed(error.to_string());
        // A directory of its own: apt leaves partial files beside its target.
        let work = tempfile::Builder::new().prefix(".part-").tempdir_in(&self.room).map_err(failed)?;
        let part = work.path().join("file");
        upstream::fetch(url, &part).await?;
        let to = path.to_owned();
        // Others are served while the disk writes.
        let put = move || put_in_place(&part, &to).and_then(|()| Cached::open(&to));
        tokio::task::spawn_blocking(put).await.map_err(io::Error::from).flatten().map_err(failed)
    }
}

/// Whether a URL always leads to the same content: packages carry their version in their name, and
/// `by-hash` says it itself.
fn is_immutable(url: &str) -> bool {
    url.contains("/pool/") || url.contains("/by-hash/")
}

/// The name of a URL's file: free of what a mirror may put into its paths.
fn name_of(url: &str) -> String {
    hex(&Sha256::digest(url))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A mirror on disk, which apt reads as it reads any other.
    fn mirror() -> (tempfile::TempDir, Store, impl Fn(&str) -> String) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("mirror/pool")).unwrap();
        fs::create_dir_all(dir.path().join("mirror/dists")).unwrap();
        fs::create_dir(dir.path().join("room")).unwrap();
        let store = Store::new(dir.path().join("room"));
        let root = dir.path().join("mirror").display().to_string();
        (dir, store, move |path: &str| format!("copy:{root}/{path}"))
    }

    fn content(found: Result<Cached, FetchError>) -> String {
        io::read_to_string(&*found.unwrap().file).unwrap()
    }

    #[tokio::test]
    async fn a_package_is_fetched_once_for_ever() {
        let (dir, store, url) = mirror();
        let deb = dir.path().join("mirror/pool/a.deb");
        fs::write(&deb, "package").unwrap();
        let url_of_deb = url("pool/a.deb");
        let (one, two) = tokio::join!(store.get(&url_of_deb), store.get(&url_of_deb));
        assert_eq!(one.unwrap().bytes, two.unwrap().bytes);
        assert_eq!(store.fetched(), 1, "two at once fetch once");

        fs::remove_file(deb).unwrap();
        let next_run = Store::new(dir.path().join("room"));
        assert_eq!(content(next_run.get(&url("pool/a.deb")).await), "package");
        assert_eq!(next_run.fetched(), 0);
    }

    #[tokio::test]
    async fn an_index_is_the_same_for_a_whole_run_and_new_for_the_next() {
        let (dir, store, url) = mirror();
        let release = dir.path().join("mirror/dists/InRelease");
        fs::write(&release, "monday").unwrap();
        assert_eq!(store.get(&url("dists/InRelease")).await.unwrap().bytes, 6);
        fs::write(&release, "tuesday").unwrap();
        assert_eq!(store.get(&url("dists/InRelease")).await.unwrap().bytes, 6);

        let next_run = Store::new(dir.path().join("room"));
        assert_eq!(content(next_run.get(&url("dists/InRelease")).await), "tuesday");
        assert_eq!(
            content(store.get(&url("dists/InRelease")).await),
            "monday",
            "the earlier run is not disturbed"
        );
    }

    #[tokio::test]
    async fn what_a_mirror_lacks_is_absent() {
        let (_dir, store, url) = mirror();
        assert_eq!(store.get(&url("dists/Nothing")).await.unwrap_err(), FetchError::Absent);
        assert_eq!(store.get(&url("dists/Nothing")).await.unwrap_err(), FetchError::Absent);
        assert_eq!(store.fetched(), 1, "it is asked once a run");
    }
}
