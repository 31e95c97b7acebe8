//! Starting the daemon and ending all of it.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use serde_json::json;

use super::Disk;
use super::candidates::Programs;
use super::disk;
use super::files::Files;
use super::process::{Process, wait_until};
use super::state::State;
use crate::engine::gpu;
use crate::engine::mounts::unmount_below;

/// How long a daemon may take to answer.
const START: Duration = Duration::from_secs(60);
/// How long it may take to end by itself.
const STOP: Duration = Duration::from_secs(15);

/// A daemon and all that belongs to it. Dropping it ends it, unless it is to stay.
#[derive(Debug)]
pub(super) struct Daemon {
    files: Files,
    state: State,
    on_disk: Result<(), String>,
    /// None where another process started it.
    child: Option<Child>,
    ended: bool,
}

impl Daemon {
    /// Starts one with its data on `disk` and waits until it answers. Where there can be no such disk, its data lies on
    /// the machine's, and [`on_disk`](Self::on_disk) says why.
    pub(super) fn start(files: Files, programs: &Programs, disk: Disk) -> Result<Self> {
        let state = State::starting(programs)?;
        fs::create_dir_all(files.data_root())?;
        fs::create_dir_all(files.temporary())?;
        // Before anything is there to be found.
        state.save(files.dir())?;
        let mut daemon = Self { files, state, on_disk: Ok(()), child: None, ended: false };
        if disk == Disk::Reordered {
            daemon.on_disk = disk::mount(&daemon.files).map_err(|error| format!("{error:#}"));
        }
        let child = daemon.child.insert(spawn(&daemon.files, &daemon.state, programs)?);
        daemon.state.dockerd = i32::try_from(child.id()).ok().and_then(Process::of);
        daemon.state.save(daemon.files.dir())?;
        daemon.wait_for_answer()?;
        Ok(daemon)
    }

    /// One that another process started, up or left behind.
    pub(super) fn adopt(files: Files, state: State) -> Self {
        Self { files, state, on_disk: Ok(()), child: None, ended: false }
    }

    /// Whether its data lies where it was asked for.
    pub(super) fn on_disk(&self) -> &Result<(), String> {
        &self.on_disk
    }

    /// What is known of it.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// From now on it outlives this value (`true`), or goes with it (`false`).
    pub(super) fn set_stays(&mut self, stays: bool) -> Result<()> {
        self.state.stays = stays;
        self.state.save(self.files.dir())
    }

    fn wait_for_answer(&mut self) -> Result<()> {
        let Some(child) = &mut self.child else { return Ok(()) };
        let (socket, log) = (self.files.socket(), self.files.log());
        let mut ended = None;
        let answers = wait_until(START, || {
            ended = child.try_wait().ok().flatten();
            ended.is_some() || ping(&socket)
        });
        if let Some(status) = ended {
            bail!("dockerd ended at once ({status}): {}", last_words(&log));
        }
        if !answers {
            bail!("dockerd did not answer within {} s: {}", START.as_secs(), last_words(&log));
        }
        Ok(())
    }

    /// Ends the daemon, its containerd, shims and containers, and removes its mounts, control groups and
    /// files but the data root.
    pub(super) fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        self.ended = true;
        if self.state.is_of_this_boot()? {
            if let Some(dockerd) = self.state.dockerd {
                dockerd.signal(Signal::TERM);
                dockerd.wait(STOP);
            }
            self.state.cgroup.kill_all()?;
            if let Some(child) = &mut self.child {
                child.wait().context("cannot wait for dockerd")?;
            }
            unmount_below(&self.files.data_root())?;
            self.state.cgroup.remove()?;
        }
        self.files.remove_runtime()?;
        for stray in &self.state.strays {
            // Only an empty one goes: by now another engine may use it.
            let _ = fs::remove_dir(stray);
        }
        State::forget(self.files.dir())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.ended || self.state.stays {
            return;
        }
        if let Err(error) = self.end() {
            // A drop cannot fail; the next run finds by the state what is left.
            eprintln!("the managed engine did not end cleanly: {error:#}");
        }
    }
}

fn spawn(files: &Files, state: &State, programs: &Programs) -> Result<Child> {
    let config = files.dir().join("daemon.json");
    fs::write(&config, serde_json::to_string_pretty(&configuration(files, state))?)?;
    let procs = state.cgroup.create()?;
    let log = File::create(files.log()).with_context(|| format!("cannot write {}", files.log().display()))?;
    Command::new("/bin/sh")
        // The shell enters the group and becomes the daemon: no child of it can be born outside.
        .args(["-c", r#"echo $$ > "$0" && exec "$@""#])
        .arg(procs)
        .arg(&programs.dockerd)
        .arg("--config-file")
        .arg(&config)
        .envs(programs.env.iter().map(|(key, value)| (key, value)))
        // containerd mounts layers there while it reads them: where a kill leaves them, they are found.
        .env("TMPDIR", files.temporary())
        .current_dir(files.dir())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // A terminal's Ctrl-C goes to the run alone, which then ends the daemon in order.
        .process_group(0)
        .spawn()
        .context("cannot start dockerd")
}

fn configuration(files: &Files, state: &State) -> serde_json::Value {
    json!({
        // Devices that CDI describes: for a GPU, where NVIDIA's runtime is not there.
        "features": { "containerd-snapshotter": true, "cdi": true },
        "runtimes": runtimes(),
        // The default policy throws cache away in the middle of a run.
        "builder": { "gc": { "enabled": false } },
        // Builds and containers use the host network: no bridge, no rules.
        "bridge": "none",
        "iptables": false,
        "ip6tables": false,
        "data-root": files.data_root(),
        "exec-root": files.exec_root(),
        "pidfile": files.pid_file(),
        "hosts": [format!("unix://{}", files.socket().display())],
        "group": "root",
        "cgroup-parent": state.cgroup.parent(),
        // systemd would want a slice, and a unit of its own for each container.
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "shutdown-timeout": 5,
    })
}

/// NVIDIA's, where this machine has it.
fn runtimes() -> serde_json::Value {
    gpu::runtime().map_or_else(|| json!({}), |path| json!({ "nvidia": { "path": path } }))
}

/// Whether the Engine API answers.
fn ping(socket: &Path) -> bool {
    let answer = || -> std::io::Result<String> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    answer().is_ok_and(|text| text.lines().next().is_some_and(|status| status.contains(" 200 ")))
}

/// Why a daemon gave up, in its own words.
fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let told = lines.iter().rev().find(|line| !line.contains("level=") || line.contains("level=fatal"));
    told.or(lines.last()).map_or_else(|| "its log is empty".to_owned(), |line| line.trim().to_owned())
}
