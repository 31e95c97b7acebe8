//! What holds weights for images that fetch them when they start: S3-compatible storage, or the routes of the
//! Hugging Face Hub from which its client downloads a model.
//!
//! Each scenario's files lie in a bucket, or a model repository, of the scenario's own: whatever stands behind the
//! first folder of their paths.

mod hub;
mod s3;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;

use super::backend::{Outlet, Process};
use super::link::Shaper;
use super::server::Server;
use super::weights::Weights;
use crate::cache::Cache;
use crate::scenario::StoreKind;

pub(super) use s3::locked as s3_server;

/// A running store. It ends, and what is its own goes, when it is dropped.
#[derive(Debug)]
pub struct Store {
    kind: StoreKind,
    server: Server,
    outlet: Arc<Outlet>,
    /// What stands behind our server, where that does not answer by itself.
    _behind: Option<Process>,
}

/// A file that a store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    /// Its name in the bucket or repository.
    name: String,
    /// Where it lies.
    path: PathBuf,
    /// Its length.
    bytes: u64,
}

/// The files of each bucket, or model repository, by its name.
pub(super) type Holdings = BTreeMap<String, Vec<Stored>>;

impl Store {
    /// Starts one of this kind.
    ///
    /// # Errors
    /// If its program cannot be had or does not come up, or a file of `holdings` cannot be read.
    pub(super) async fn start(
        kind: StoreKind,
        cache: &Cache,
        holdings: Holdings,
        shaper: Shaper,
    ) -> Result<Self> {
        match kind {
            StoreKind::S3 => s3::start(cache, holdings, shaper).await,
            StoreKind::Hub => hub::start(holdings, shaper).await,
        }
    }

    /// What a client must have in its environment to find it.
    pub fn env(&self) -> BTreeMap<String, String> {
        let url = self.server.url();
        let pairs = match self.kind {
            StoreKind::S3 => vec![
                ("AWS_ENDPOINT_URL", url.as_str()),
                ("AWS_ACCESS_KEY_ID", s3::ACCESS_KEY),
                ("AWS_SECRET_ACCESS_KEY", s3::SECRET_KEY),
                ("AWS_DEFAULT_REGION", "us-east-1"),
            ],
            StoreKind::Hub => vec![("HF_ENDPOINT", url.as_str()), ("HF_HUB_DISABLE_TELEMETRY", "1")],
        };
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// Bytes of bodies that it has sent, answers to questions about files among them.
    pub fn sent(&self) -> u64 {
        self.outlet.sent()
    }

    /// Stalls once it has sent `bytes` more.
    pub fn stall_after(&self, bytes: u64) {
        self.outlet.stall_after(bytes);
    }

    /// Waits until it stalls.
    pub async fn stalled(&self) {
        self.outlet.stalled().await;
    }

    /// Ends the downloads that stalled, half-done, and serves all that come after them.
    pub fn let_go(&self) {
        self.outlet.let_go();
    }
}

/// The generated files of a scenario, made if need be, as a store holds them. Blocks.
///
/// # Errors
/// If one cannot be made.
pub(super) fn holdings_of(weights: &Weights, generated: &BTreeMap<String, u64>) -> Result<Vec<Stored>> {
    let stored = generated.iter().map(|(path, bytes)| {
        let file = weights.first(path, *bytes)?;
        Ok(Stored { name: name_of(path).to_owned(), path: file.path().to_owned(), bytes: *bytes })
    });
    stored.collect()
}

/// What stands behind the first folder.
fn name_of(path: &str) -> &str {
    path.split_once('/').map_or(path, |(_, rest)| rest)
}

/// Gives the file at `from` a second name, without a second copy where the disk can.
fn link(from: &Path, to: &Path) -> Result<()> {
    if let Some(dir) = to.parent() {
        std::fs::create_dir_all(dir)?;
    }
    if std::fs::hard_link(from, to).is_err() {
        std::fs::copy(from, to)?;
    }
    Ok(())
}
