//! A registry on loopback, for pushes, pulls and exported caches.
//!
//! It is Debian's `docker-registry`, the reference implementation, unpacked and never installed. Engines take
//! `127.0.0.1` without TLS.

mod node;
mod routes;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use walkdir::WalkDir;

use super::backend::{Counter, Process, Proxy, SOCKET};
use super::link::Shaper;
use super::scratch::Scratch;
use super::server::Server;
use crate::cache::Cache;
use crate::debian::{Archive, Suite};

use routes::ROUTES;

pub use node::Node;

/// Where the registry listens if it can; the port is part of the names of images.
const PREFERRED_PORT: u16 = 17733;

/// A running registry, empty at first. It ends, and its data goes, when it is dropped.
#[derive(Debug)]
pub struct Registry {
    server: Server,
    moved: Arc<Counter>,
    process: Process,
}

/// What was moved: bytes of the bodies of requests and responses, whatever the connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moved {
    /// To the registry.
    pub up: u64,
    /// From the registry.
    pub down: u64,
}

impl Registry {
    /// Unpacks it if need be, and starts it.
    ///
    /// # Errors
    /// If the distribution has no such package, or the registry does not come up.
    pub async fn start(cache: &Cache, archive: Arc<Archive>, shaper: Shaper) -> Result<Self> {
        let room = cache.room("registry")?;
        let started = tokio::task::spawn_blocking(move || process(&room, &archive));
        let process = started.await.context("starting the registry was cut short")??;
        let moved = Arc::<Counter>::default();
        let proxy = Proxy {
            routes: ROUTES,
            socket: process.socket().to_owned(),
            moved: Arc::clone(&moved),
            shaper: shaper.clone(),
        };
        let server = Server::start(PREFERRED_PORT, shaper, Arc::new(proxy)).await?;
        Ok(Self { server, moved, process })
    }

    /// `127.0.0.1:PORT`: what the name of an image begins with to be pushed there.
    pub fn host(&self) -> String {
        self.server.address().to_string()
    }

    /// Lets `node` pull the image that was pushed as `name` (`REPOSITORY:TAG`, without our host).
    ///
    /// # Errors
    /// If there is no such image, or what comes is not what its digest says.
    pub async fn pull(&self, name: &str, node: &mut Node) -> Result<()> {
        let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
        let pulled = node.pull(self.server.address(), repository, tag).await;
        pulled.with_context(|| format!("pulling {name}"))
    }

    /// All that was moved so far.
    pub fn moved(&self) -> Moved {
        Moved { up: self.moved.up(), down: self.moved.down.sent() }
    }

    /// When the first and the last piece of a blob had left for whoever pulls, since this was last asked; none
    /// where no blob was asked for.
    pub fn take_pull_times(&self) -> Option<(Instant, Instant)> {
        self.moved.take_times()
    }

    /// What a node that has nothing must pull of the image that was pushed as `name`: layers and configuration.
    ///
    /// # Errors
    /// If there is no such image.
    pub async fn image_bytes(&self, name: &str) -> Result<u64> {
        let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
        node::image_bytes(self.server.address(), repository, tag).await
    }

    /// Bytes of the blobs (layers, configurations, manifests) that it stores, each once.
    ///
    /// # Errors
    /// If its directory cannot be read.
    pub async fn stored_bytes(&self) -> Result<u64> {
        let data = self.data();
        tokio::task::spawn_blocking(move || blob_bytes(&data)).await?
    }

    /// Forgets all images and caches. Nobody may be pushing or pulling.
    ///
    /// # Errors
    /// If its directory cannot be emptied.
    pub async fn clear(&self) -> Result<()> {
        let data = self.data();
        let empty = move || match fs::remove_dir_all(&data) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot empty {}", data.display()))
            }
            _ => Ok(()),
        };
        tokio::task::spawn_blocking(empty).await?
    }

    /// Where it keeps its blobs.
    fn data(&self) -> PathBuf {
        self.process.dir().join("data")
    }
}

/// Starts one in a new directory in `room`. What a killed run left there goes.
fn process(room: &Path, archive: &Archive) -> Result<Process> {
    let unpacked = archive.unpack(&Suite::Own, &["docker-registry"])?;
    let dir = Scratch::make(room)?;
    fs::write(dir.path().join("config.yml"), configuration(dir.path()))?;
    let mut program: Command = unpacked.command("docker-registry")?;
    program.args(["serve", "config.yml"]).env("OTEL_TRACES_EXPORTER", "none");
    Process::start("registry", dir, &program)
}

/// A registry with nothing in memory that its directory does not say, so that it can be emptied from outside.
fn configuration(dir: &Path) -> String {
    let dir = serde_json::Value::from(dir.display().to_string());
    format!(
        "version: 0.1\n\
         log:\n  level: warn\n  accesslog:\n    disabled: true\n\
         storage:\n  filesystem:\n    rootdirectory: data\n  maintenance:\n    uploadpurging:\n      enabled: false\n\
         http:\n  net: unix\n  addr: {SOCKET}\n  secret: {dir}\n"
    )
}

/// A blob is a file called `data`, in a folder of its own.
fn blob_bytes(data: &Path) -> Result<u64> {
    let blobs = data.join("docker/registry/v2/blobs");
    if !blobs.exists() {
        return Ok(0);
    }
    let mut bytes = 0;
    for entry in WalkDir::new(&blobs) {
        let entry = entry.with_context(|| format!("cannot read {}", blobs.display()))?;
        if entry.file_type().is_file() && entry.file_name() == "data" {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}
