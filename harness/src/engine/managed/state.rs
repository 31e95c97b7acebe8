//! What is known of the managed engine from one process to the next.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use super::candidates::Programs;
use super::cgroup::Cgroup;
use super::process::Process;

/// Written before anything is started, so that whatever a killed run leaves can be found.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    /// Processes, mounts and control groups end with the boot.
    boot: String,
    /// Holds all processes of the engine.
    pub(super) cgroup: Cgroup,
    /// The daemon, once started.
    pub(super) dockerd: Option<Process>,
    /// Whether it was brought up to stay (`engine up`).
    pub(super) stays: bool,
    /// Which of the candidates it was unpacked from; none in what an older Tare wrote.
    #[serde(default)]
    pub(super) candidate: Option<String>,
    /// `name version` of each package that it was unpacked from.
    pub(super) packages: Vec<String>,
    /// Directories that the engine makes outside its own, and that were not there before.
    pub(super) strays: Vec<PathBuf>,
}

/// Where a daemon makes directories whatever its configuration, the deepest first.
const STRAYS: &[&str] = &[
    "/opt/containerd/bin",
    "/opt/containerd/lib",
    "/opt/containerd",
    "/run/containerd/s",
    "/run/containerd",
    "/run/docker/plugins",
    "/run/docker",
];

impl State {
    /// Of an engine that is about to be started.
    pub(super) fn starting(programs: &Programs) -> Result<Self> {
        Ok(Self {
            boot: boot()?,
            cgroup: Cgroup::fresh(),
            dockerd: None,
            stays: false,
            candidate: Some(programs.candidate.to_string()),
            packages: programs.packages.clone(),
            strays: STRAYS.iter().map(PathBuf::from).filter(|dir| !dir.exists()).collect(),
        })
    }

    /// What `dir` holds; none if no engine is up or was left behind.
    pub(super) fn load(dir: &Path) -> Result<Option<Self>> {
        let path = file(dir);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let state = serde_json::from_str(&text).with_context(|| {
            format!("{} is not readable: end what it speaks of by hand, then remove it", path.display())
        })?;
        Ok(Some(state))
    }

    /// Replaces the file whole.
    pub(super) fn save(&self, dir: &Path) -> Result<()> {
        let mut file_beside = tempfile::NamedTempFile::new_in(dir)?;
        file_beside.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
        file_beside.as_file().sync_all()?;
        file_beside.persist(file(dir)).with_context(|| format!("cannot write {}", file(dir).display()))?;
        Ok(())
    }

    /// Forgets the engine: nothing of it is left.
    pub(super) fn forget(dir: &Path) -> Result<()> {
        fs::remove_file(file(dir)).with_context(|| format!("cannot remove {}", file(dir).display()))
    }

    /// Whether it speaks of this boot. Otherwise only files can be left.
    pub(super) fn is_of_this_boot(&self) -> Result<bool> {
        Ok(self.boot == boot()?)
    }

    /// Whether the daemon runs now.
    pub(super) fn is_up(&self) -> Result<bool> {
        Ok(self.is_of_this_boot()? && self.dockerd.is_some_and(Process::is_alive))
    }
}

fn file(dir: &Path) -> PathBuf {
    dir.join("state.json")
}

fn boot() -> Result<String> {
    let path = "/proc/sys/kernel/random/boot_id";
    Ok(fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?.trim().to_owned())
}

/// The right to start, use and stop the managed engine of one cache directory; released when dropped,
/// and by the kernel when the process dies.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held open: closing it releases the lock")] File);

impl Lock {
    /// Takes it, or fails and says who has it.
    pub(super) fn take(dir: &Path) -> Result<Self> {
        match Self::try_take(dir)? {
            Ok(lock) => Ok(lock),
            Err(Holder(pid)) => bail!(
                "another run (process {pid}) uses the managed engine: wait until it ends, or stop it; \
                 two at a time would measure each other"
            ),
        }
    }

    /// Takes it unless another process has it.
    pub(super) fn try_take(dir: &Path) -> Result<Result<Self, Holder>> {
        let path = dir.join("lock");
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder)?;
                return Ok(Err(Holder(holder.trim().to_owned())));
            }
            Err(fs::TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Ok(Self(file)))
    }
}

/// The number of the process that has the lock.
pub(super) struct Holder(pub(super) String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_tare_wrote_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let text = r#"{"boot":"b","cgroup":"tare-0","dockerd":null,"stays":true,"packages":[],"strays":[]}"#;
        fs::write(file(dir.path()), text).unwrap();
        let state = State::load(dir.path()).unwrap().unwrap();
        assert!(state.stays && state.candidate.is_none());
    }
}
