//! An engine that a run measures on, whoever brought it up.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::SystemTime;

use anyhow::{Context as _, Result, anyhow};
use bollard::{API_DEFAULT_VERSION, Docker};

use super::buildkit::{BuildError, BuildKit, BuildOutcome, BuildRequest};
use super::managed::Managed;
use super::{Address, Choice, Data, Disk, Home, own, probe};
use crate::record::EngineInfo;

/// Told of what a person should know, a line at a time.
pub type Note<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// Seconds that the Engine API may take for one answer.
const API_TIMEOUT: u64 = 600;

/// What the system says of a full disk, in small letters.
const NO_SPACE: &str = "no space left on device";

/// What a large layer takes, in bytes, which a build that found no room for it has given back by the time one looks.
const A_LAYER: u64 = 16_000_000_000;

/// An engine, up and fit. A managed one goes down with it.
pub struct Engine {
    address: Address,
    docker: Docker,
    buildkit: BuildKit,
    managed: Option<Managed>,
    home: Home,
    /// When builds of ours ran: what an engine of the user's keeps of them is found by that.
    pub(super) builds: Mutex<Vec<(SystemTime, SystemTime)>>,
}

impl Engine {
    /// The engine that `choice` asks for. `data` says what becomes of what the managed engine still holds.
    ///
    /// # Errors
    /// If there is none to be had; the text gives the reason and the remedy.
    pub async fn open(home: &Home, choice: &Choice, data: Data, note: Note<'_>) -> Result<Self> {
        let managed = home.address()?;
        match choice {
            // As `engine env` writes it for the user's docker client.
            Choice::At(address) if *address == managed => Self::open_managed(home, data, note).await,
            Choice::At(address) => {
                probe::probe(address).await.map_err(|unfit| anyhow!("the engine at {address} {unfit}"))?;
                Self::connect(address.clone(), None, home).await
            }
            Choice::Managed => Self::open_managed(home, data, note).await,
            Choice::Auto => {
                let Some(found) = own::find() else {
                    note("no Docker Engine here: bringing up a private one");
                    return Self::open_managed(home, data, note).await;
                };
                if found.address.as_ref() == Ok(&managed) {
                    return Self::open_managed(home, data, note).await;
                }
                let fit = match &found.address {
                    Ok(address) => probe::probe(address).await.map_err(|unfit| unfit.to_string()),
                    Err(reason) => Err(reason.clone()),
                };
                match (fit, found.address) {
                    (Ok(()), Ok(address)) => {
                        note(&format!("using your own engine ({}: {address})", found.named_by));
                        Self::connect(address, None, home).await
                    }
                    (Err(reason), _) | (_, Err(reason)) => {
                        note(&format!(
                            "the engine of {} {reason}; bringing up a private one",
                            found.named_by
                        ));
                        Self::open_managed(home, data, note).await
                    }
                }
            }
        }
    }

    async fn open_managed(home: &Home, data: Data, note: Note<'_>) -> Result<Self> {
        let managed = Managed::up(home, data, note).await?;
        Self::connect(managed.address(), Some(managed), home).await
    }

    async fn connect(address: Address, managed: Option<Managed>, home: &Home) -> Result<Self> {
        let docker = client(&address).await?;
        let buildkit = BuildKit::connect(&address).await?;
        Ok(Self { address, docker, buildkit, managed, home: home.clone(), builds: Mutex::default() })
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Its Engine API.
    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    /// Its BuildKit, for all but builds: [`build`](Self::build) keeps account of those.
    pub fn buildkit(&self) -> &BuildKit {
        &self.buildkit
    }

    /// Whether it is the managed engine.
    pub fn is_managed(&self) -> bool {
        self.managed.is_some()
    }

    /// Whether it was brought up by `engine up` and stays up.
    pub fn stays(&self) -> bool {
        self.managed.as_ref().is_some_and(Managed::stays)
    }

    /// Builds, and notes when, so that what an engine of the user's keeps of it can be removed.
    ///
    /// # Errors
    /// As [`BuildKit::build`].
    pub async fn build(&self, request: BuildRequest) -> Result<BuildOutcome, BuildError> {
        let begun = SystemTime::now();
        // Also where the build is cancelled.
        let _window = Window { engine: self, begun };
        let built = self.buildkit.build(request).await;
        let Err(BuildError::Failed { message, .. }) = &built else { return built };
        let Some((disk, free)) = self.full(message).await else { return built };
        let said = message.lines().next().unwrap_or_default().to_owned();
        Err(BuildError::DiskFull { disk, free, said })
    }

    /// The engine's disk, if that is what a build failed for. A step may also fill a file system of its own.
    async fn full(&self, message: &str) -> Option<(PathBuf, u64)> {
        if !message.to_ascii_lowercase().contains(NO_SPACE) {
            return None;
        }
        self.disk().await.ok().filter(|(_, free)| *free < A_LAYER)
    }

    /// What the record says of it.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn info(&self) -> Result<EngineInfo> {
        super::info::read(self).await
    }

    /// `name version` of the packages that a managed engine was unpacked from.
    pub(super) fn packages(&self) -> &[String] {
        self.managed.as_ref().map_or(&[], Managed::packages)
    }

    /// CPU seconds that the engine and everything it ran have used so far; none for an engine of the
    /// user's, where others run too.
    ///
    /// # Errors
    /// If the counter cannot be read.
    pub fn cpu_seconds(&self) -> Result<Option<f64>> {
        self.managed.as_ref().map(Managed::cpu_seconds).transpose()
    }

    /// Its data directory on this machine.
    pub(super) async fn data_root(&self) -> Result<PathBuf> {
        if let Some(managed) = &self.managed {
            return Ok(managed.data_root());
        }
        let root = self.docker.info().await?.docker_root_dir;
        root.map(PathBuf::from).context("the engine does not say where its data lies")
    }

    /// From now on it stays up when this value goes (`true`), or goes down with it (`false`).
    ///
    /// # Errors
    /// If it is not managed, or the note of it cannot be written.
    pub fn set_stays(&mut self, stays: bool) -> Result<()> {
        self.managed.as_mut().context("only the managed engine can be told to stay")?.set_stays(stays)
    }

    /// Empties a managed engine: images, containers, build cache, by a new start on `disk`. An engine of the
    /// user's is left alone.
    ///
    /// # Errors
    /// If it does not come up again, or there can be no such disk: then it is up all the same, on the machine's.
    pub async fn reset(&mut self, disk: Disk, note: Note<'_>) -> Result<()> {
        let Some(managed) = &mut self.managed else { return Ok(()) };
        let on_disk = managed.reset(&self.home.debian, disk, note).await?;
        self.docker = client(&self.address).await?;
        self.buildkit = BuildKit::connect(&self.address).await?;
        on_disk
    }

    /// Lets builds use the first `cpus` processors of a managed engine; all of them for none.
    ///
    /// # Errors
    /// If the engine is not managed, or the machine does not let control groups limit processors.
    pub fn limit_cpus(&self, cpus: Option<u32>) -> Result<()> {
        self.managed.as_ref().context("only the managed engine can be limited")?.limit_cpus(cpus)
    }

    /// Takes a managed engine down, unless it stays; an engine of the user's is left alone.
    ///
    /// # Errors
    /// If something of it is left; the text says what.
    pub async fn down(self, data: Data) -> Result<()> {
        match self.managed {
            Some(managed) => managed.down(data).await,
            None => Ok(()),
        }
    }
}

struct Window<'a> {
    engine: &'a Engine,
    begun: SystemTime,
}

impl Drop for Window<'_> {
    fn drop(&mut self) {
        if let Ok(mut builds) = self.engine.builds.lock() {
            builds.push((self.begun, SystemTime::now()));
        }
    }
}

/// The Engine API at `address`, in the version that both sides speak.
pub(super) async fn client(address: &Address) -> Result<Docker> {
    let docker = match address {
        Address::Unix(path) => {
            Docker::connect_with_unix(&path.to_string_lossy(), API_TIMEOUT, API_DEFAULT_VERSION)
        }
        Address::Tcp(host) => Docker::connect_with_http(host, API_TIMEOUT, API_DEFAULT_VERSION),
    };
    Ok(docker?.negotiate_version().await?)
}
