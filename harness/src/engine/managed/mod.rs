//! A Docker Engine of our own: unpacked from the distribution's packages, with its own data, socket
//! and control group, up for as long as a run needs it.
//!
//! Nobody's own images or build cache are touched, and a cold build is cold.

mod candidates;
mod cgroup;
mod daemon;
mod disk;
mod files;
mod process;
mod state;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};

use self::candidates::{CANDIDATES, Candidate, is_for_good};
use self::daemon::Daemon;
use self::files::Files;
use self::state::{Lock, State};
use super::{Address, Note, probe};
use crate::cache::Cache;
use crate::debian::Archive;

/// Images, containers and build cache of the managed engine, where a run begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// Kept: a run that was interrupted goes on with it.
    Keep,
    /// Removed: nothing needs it any more.
    Wipe,
}

/// What an emptied engine keeps its data on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// The machine's own file system.
    Machine,
    /// A file system of its own, which lists directories in another order.
    Reordered,
}

/// The file in which it is remembered which candidate came up.
const CANDIDATE: &str = "candidate";

/// Where the managed engine lives and what it is unpacked from.
#[derive(Debug, Clone)]
pub struct Home {
    /// Its directory.
    pub engine: PathBuf,
    /// Where packages are unpacked; may be shared by several homes.
    pub debian: PathBuf,
}

impl Home {
    /// Where the managed engine listens while it is up.
    pub(super) fn address(&self) -> Result<Address> {
        Ok(Address::Unix(Files::of(self)?.socket()))
    }

    /// That of a second engine, which has nothing that the first one builds: a node that pulls.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn of_node(cache: &Cache) -> Result<Self> {
        let (first, node) = (cache.room("engine")?, cache.room("node")?);
        // Which packages make an engine on this machine is found out once.
        if first.join(CANDIDATE).is_file() {
            std::fs::copy(first.join(CANDIDATE), node.join(CANDIDATE))?;
        }
        Ok(Self { engine: node, debian: cache.room("debian")? })
    }

    /// Both in the cache.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn of(cache: &Cache) -> Result<Self> {
        Ok(Self { engine: cache.room("engine")?, debian: cache.room("debian")? })
    }
}

/// What is up of the managed engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Nothing.
    Down,
    /// A run uses it.
    InUse {
        /// The run's process.
        pid: String,
    },
    /// It stays up until told otherwise (`engine up`).
    Stays(Address),
    /// A killed run left it behind; the next run ends it.
    LeftBehind,
}

/// Looks without changing anything.
///
/// # Errors
/// If the home cannot be read.
pub fn managed_status(home: &Home) -> Result<Status> {
    let files = Files::of(home)?;
    if let Err(holder) = Lock::try_take(files.dir())? {
        return Ok(Status::InUse { pid: holder.0 });
    }
    match State::load(files.dir())? {
        None => Ok(Status::Down),
        Some(state) if state.stays && state.is_up()? => Ok(Status::Stays(Address::Unix(files.socket()))),
        Some(_) => Ok(Status::LeftBehind),
    }
}

/// Ends a managed engine that stays up or that a killed run left behind; whether there was one.
///
/// # Errors
/// If a run uses it, or something of it does not end.
pub async fn take_down(home: &Home) -> Result<bool> {
    let files = Files::of(home)?;
    let _lock = Lock::take(files.dir())?;
    let Some(state) = State::load(files.dir())? else { return Ok(false) };
    let left = Daemon::adopt(files, state);
    blocking(move || left.stop()).await?;
    Ok(true)
}

/// The managed engine, up. Dropping it takes it down, unless it was brought up to stay.
#[derive(Debug)]
pub(super) struct Managed {
    files: Files,
    /// What it was brought up from; none where an older Tare did that.
    candidate: Option<Candidate>,
    /// Before the lock, so that it has ended when the lock is free.
    daemon: Option<Daemon>,
    _lock: Lock,
}

impl Managed {
    /// Brings it up, or takes over one that stays up; ends first what a killed run left behind.
    pub(super) async fn up(home: &Home, data: Data, note: Note<'_>) -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            bail!(
                "the managed engine mounts file systems and makes control groups, which needs root: use sudo, or \
                 bring an engine of your own (--engine URL, or DOCKER_HOST)"
            );
        }
        let files = Files::of(home)?;
        let lock = Lock::take(files.dir())?;
        if let Some(state) = State::load(files.dir())? {
            if state.stays && state.is_up()? {
                note("the managed engine is up already (`engine up`); it stays up");
                state.cgroup.lift_limit().context(
                    "a run that was cut short left the managed engine with fewer processors: take it down \
                     (`cargo xtask engine down`)",
                )?;
                let candidate = state.candidate.as_deref().and_then(Candidate::named);
                let daemon = Some(Daemon::adopt(files.clone(), state));
                return Ok(Self { files, candidate, daemon, _lock: lock });
            }
            let left = Daemon::adopt(files.clone(), state);
            blocking(move || left.stop()).await?;
            note("ended a managed engine that a killed run had left behind");
        }
        let mut managed = Self { files, candidate: None, daemon: None, _lock: lock };
        if data == Data::Wipe {
            let files = managed.files.clone();
            blocking(move || files.wipe_data()).await?;
        }
        managed.start(&home.debian, Disk::Machine, note).await?;
        Ok(managed)
    }

    /// Tries the candidates, the one that is remembered first. The one that comes up is remembered if those before it
    /// are no good here: after one that was merely not to be had this time, it would keep its place for ever.
    async fn start(&mut self, debian: &Path, disk: Disk, note: Note<'_>) -> Result<()> {
        let archive = Arc::new(Archive::open(debian)?);
        let remembered = self.remembered();
        let others = CANDIDATES.iter().copied().filter(|candidate| Some(*candidate) != remembered);
        let mut passed_over = Vec::new();
        let mut for_good = true;
        for candidate in remembered.into_iter().chain(others) {
            if remembered.is_none() {
                note(&format!("trying Docker Engine from {candidate} (about 60 MB, fetched once)"));
            }
            match self.try_candidate(candidate, &archive, disk).await {
                Ok(()) => {
                    if for_good {
                        std::fs::write(self.files.dir().join(CANDIDATE), candidate.to_string())?;
                    }
                    return Ok(());
                }
                Err(error) => {
                    for_good &= is_for_good(&error);
                    let line = format!("{candidate}: {error:#}");
                    note(&format!("passed over {line}"));
                    passed_over.push(line);
                }
            }
        }
        bail!("no Docker Engine could be brought up:\n  {}", passed_over.join("\n  "));
    }

    /// Starts from `candidate` and from no other: figures of two versions do not mix. What was slow once may not be so
    /// the next time.
    async fn start_again(
        &mut self,
        candidate: Candidate,
        debian: &Path,
        disk: Disk,
        note: Note<'_>,
    ) -> Result<()> {
        let archive = Arc::new(Archive::open(debian)?);
        let first = self.try_candidate(candidate, &archive, disk).await;
        let Err(error) = first else { return Ok(()) };
        note(&format!("trying once more to start Docker Engine from {candidate}: {error:#}"));
        let second = self.try_candidate(candidate, &archive, disk).await;
        second.with_context(|| format!("Docker Engine from {candidate} does not come up again"))
    }

    async fn try_candidate(
        &mut self,
        candidate: Candidate,
        archive: &Arc<Archive>,
        disk: Disk,
    ) -> Result<()> {
        let archive = archive.clone();
        let programs = blocking(move || candidate.provision(&archive)).await?;
        let files = self.files.clone();
        // Where nobody waits for the answer any more, its own drop ends it.
        self.daemon = Some(blocking(move || Daemon::start(files, &programs, disk)).await?);
        if let Err(unfit) = probe::probe(&self.address()).await {
            self.stop().await?;
            bail!(unfit);
        }
        self.candidate = Some(candidate);
        Ok(())
    }

    fn remembered(&self) -> Option<Candidate> {
        Candidate::named(&std::fs::read_to_string(self.files.dir().join(CANDIDATE)).ok()?)
    }

    pub(super) fn address(&self) -> Address {
        Address::Unix(self.files.socket())
    }

    pub(super) fn data_root(&self) -> PathBuf {
        self.files.data_root()
    }

    /// `name version` of each package.
    pub(super) fn packages(&self) -> &[String] {
        self.daemon.as_ref().map_or(&[], |daemon| &daemon.state().packages)
    }

    /// CPU seconds of the daemon and all that it ran, since it was started.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        self.daemon.as_ref().context("the managed engine is down")?.state().cgroup.cpu_seconds()
    }

    /// Lets what it runs from now on use the first `cpus` processors that the engine may use; all of them for none.
    pub(super) fn limit_cpus(&self, cpus: Option<u32>) -> Result<()> {
        self.daemon.as_ref().context("the managed engine is down")?.state().cgroup.limit_cpus(cpus)
    }

    /// Whether it stays up when the run ends.
    pub(super) fn stays(&self) -> bool {
        self.daemon.as_ref().is_some_and(|daemon| daemon.state().stays)
    }

    /// From now on it stays up (`true`), or goes down with this value (`false`).
    pub(super) fn set_stays(&mut self, stays: bool) -> Result<()> {
        self.daemon.as_mut().context("the managed engine is down")?.set_stays(stays)
    }

    /// Takes it down, unless it stays.
    pub(super) async fn down(mut self, data: Data) -> Result<()> {
        if self.stays() {
            return Ok(());
        }
        self.stop().await?;
        if data == Data::Wipe {
            let files = self.files.clone();
            blocking(move || files.wipe_data()).await?;
        }
        Ok(())
    }

    /// Starts anew with an empty data root on `disk`; or on the machine's, and why there is no such disk.
    pub(super) async fn reset(&mut self, debian: &Path, disk: Disk, note: Note<'_>) -> Result<Result<()>> {
        let stays = self.stays();
        self.stop().await?;
        let files = self.files.clone();
        blocking(move || files.wipe_data()).await?;
        match self.candidate {
            Some(candidate) => self.start_again(candidate, debian, disk, note).await?,
            None => self.start(debian, disk, note).await?,
        }
        if stays {
            self.set_stays(true)?;
        }
        let daemon = self.daemon.as_ref().context("the managed engine is down")?;
        Ok(daemon.on_disk().clone().map_err(|why| anyhow!("an engine on a disk of its own: {why}")))
    }

    async fn stop(&mut self) -> Result<()> {
        match self.daemon.take() {
            Some(daemon) => blocking(move || daemon.stop()).await,
            None => Ok(()),
        }
    }
}

/// Runs what blocks beside the async tasks.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("a blocking task ended early")?
}
