//! The registry as a child process with a directory of its own.

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::scratch::Scratch;
use crate::debian::{Archive, Suite};
use anyhow::{Context as _, Result, bail};

/// How long it may take to listen.
const START: Duration = Duration::from_secs(30);

/// Ends the registry when standard input ends: when we let go of it, and also when the run is killed, since
/// the system then closes the pipe.
const UNTIL_LET_GO: &str = r#""$@" </dev/null & read -r _; kill $!; wait $!"#;

/// The longest path of a Unix socket.
const LONGEST_SOCKET: usize = 107;

/// A running registry.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    socket: PathBuf,
    dir: Scratch,
}

impl Process {
    /// Starts one in a new directory in `room`, and waits until it listens. What a killed run left there goes.
    pub(super) fn start(room: &Path, archive: &Archive) -> Result<Self> {
        let program = archive.unpack(&Suite::Own, &["docker-registry"])?;
        let dir = Scratch::make(room)?;
        let socket = dir.path().join("socket");
        if socket.as_os_str().len() > LONGEST_SOCKET {
            bail!("the path {} is too long for a socket: set TARE_CACHE to a shorter one", socket.display());
        }
        fs::write(dir.path().join("config.yml"), configuration(dir.path()))?;
        let log = File::create(dir.path().join("log"))?;
        let child = Command::new("/bin/sh")
            .args(["-c", UNTIL_LET_GO, "registry"])
            .arg(program.program("docker-registry")?)
            .args(["serve", "config.yml"])
            .envs(program.env())
            .env("OTEL_TRACES_EXPORTER", "none")
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A terminal's Ctrl-C goes to the run alone, which then ends the registry.
            .process_group(0)
            .spawn()
            .context("cannot start the registry")?;
        let process = Self { child, socket, dir };
        process.wait_until_it_listens()?;
        Ok(process)
    }

    /// Where it listens.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Where it keeps its blobs.
    pub(super) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn wait_until_it_listens(&self) -> Result<()> {
        let end = Instant::now() + START;
        while Instant::now() < end {
            if UnixStream::connect(&self.socket).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let said = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        bail!(
            "the registry does not listen after {} s: {}",
            START.as_secs(),
            said.lines().last().unwrap_or("its log is empty")
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It ends at once; its directory goes after it.
        let _ = self.child.wait();
    }
}

/// A registry with nothing in memory that its directory does not say, so that it can be emptied from outside.
fn configuration(dir: &Path) -> String {
    let dir = serde_json::Value::from(dir.display().to_string());
    format!(
        "version: 0.1\n\
         log:\n  level: warn\n  accesslog:\n    disabled: true\n\
         storage:\n  filesystem:\n    rootdirectory: data\n  maintenance:\n    uploadpurging:\n      enabled: false\n\
         http:\n  net: unix\n  addr: socket\n  secret: {dir}\n"
    )
}
