//! Starting the daemon and ending all of it.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use serde_json::json;

use super::candidates::Programs;
use super::mounts::unmount_below;
use super::process::{Process, wait_until};
use super::state::State;

/// How long a daemon may take to answer.
const START: Duration = Duration::from_secs(60);
/// How long it may take to end by itself.
const STOP: Duration = Duration::from_secs(15);
/// The longest path of a Unix socket, less the longest name that the daemon puts below its directory.
const LONGEST_DIR: usize = 107 - "/exec/containerd/containerd-debug.sock.ttrpc".len();

/// The files of one managed engine.
#[derive(Debug, Clone)]
pub(super) struct Files {
    dir: PathBuf,
}

impl Files {
    pub(super) fn new(dir: PathBuf) -> Result<Self> {
        if dir.as_os_str().len() > LONGEST_DIR {
            bail!(
                "the path {} is too long for the engine's sockets: set TARE_CACHE to a shorter one",
                dir.display()
            );
        }
        Ok(Self { dir })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.dir.join("docker.sock")
    }

    pub(super) fn data_root(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn exec_root(&self) -> PathBuf {
        self.dir.join("exec")
    }

    fn pid_file(&self) -> PathBuf {
        self.dir.join("docker.pid")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("dockerd.log")
    }

    /// Removes all images, containers and build cache.
    pub(super) fn wipe_data(&self) -> Result<()> {
        unmount_below(&self.data_root())?;
        remove_dir(&self.data_root())
    }
}

/// Starts the daemon and waits until it answers. `state` is saved before and after.
pub(super) fn start(files: &Files, programs: &Programs, state: &mut State) -> Result<Child> {
    fs::create_dir_all(files.data_root())?;
    state.save(&files.dir)?;
    let config = files.dir.join("daemon.json");
    fs::write(&config, serde_json::to_string_pretty(&configuration(files, state))?)?;
    let procs = state.cgroup.create()?;
    let log = File::create(files.log()).with_context(|| format!("cannot write {}", files.log().display()))?;
    let mut child = Command::new("/bin/sh")
        // The shell enters the group and becomes the daemon: no child of it can be born outside.
        .args(["-c", r#"echo $$ > "$0" && exec "$@""#])
        .arg(procs)
        .arg(&programs.dockerd)
        .arg("--config-file")
        .arg(&config)
        .envs(programs.env.iter().map(|(key, value)| (key, value)))
        .current_dir(&files.dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // A terminal's Ctrl-C goes to the run alone, which then ends the daemon in order.
        .process_group(0)
        .spawn()
        .context("cannot start dockerd")?;
    state.dockerd = i32::try_from(child.id()).ok().and_then(Process::of);
    state.save(&files.dir)?;

    let socket = files.socket();
    let mut ended = None;
    let answers = wait_until(START, || {
        ended = child.try_wait().ok().flatten();
        ended.is_some() || ping(&socket)
    });
    if let Some(status) = ended {
        bail!("dockerd ended at once ({status}): {}", last_words(&files.log()));
    }
    if !answers {
        bail!("dockerd did not answer within {} s: {}", START.as_secs(), last_words(&files.log()));
    }
    Ok(child)
}

/// Ends the daemon, its containerd, shims and containers, and removes its mounts, control groups and
/// files but the data root. Works on what a killed run left just as well.
pub(super) fn stop(files: &Files, state: &State, child: Option<Child>) -> Result<()> {
    if state.is_of_this_boot()? {
        if let Some(dockerd) = state.dockerd {
            dockerd.signal(Signal::TERM);
            dockerd.wait(STOP);
        }
        state.cgroup.kill_all()?;
        if let Some(mut child) = child {
            child.wait().context("cannot wait for dockerd")?;
        }
        unmount_below(&files.exec_root())?;
        unmount_below(&files.data_root())?;
        state.cgroup.remove()?;
    }
    remove_dir(&files.exec_root())?;
    for file in [files.socket(), files.pid_file()] {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", file.display()));
            }
            _ => {}
        }
    }
    for stray in &state.strays {
        // Only an empty one goes: by now another engine may use it.
        let _ = fs::remove_dir(stray);
    }
    State::forget(&files.dir)
}

fn configuration(files: &Files, state: &State) -> serde_json::Value {
    json!({
        "features": { "containerd-snapshotter": true },
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

fn remove_dir(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result.with_context(|| format!("cannot remove {}", dir.display())),
    }
}
