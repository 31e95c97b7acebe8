//! A server program as a child process with a directory of its own.

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::supply::scratch::Scratch;

/// The file in its directory on which it is to listen.
pub(in crate::supply) const SOCKET: &str = "socket";

/// How long it may take to listen.
const START: Duration = Duration::from_secs(30);

/// Ends the program when standard input ends: when we let go of it, and also when the run is killed, since
/// the system then closes the pipe.
const UNTIL_LET_GO: &str = r#""$@" </dev/null & read -r _; kill $!; wait $!"#;

/// The longest path of a Unix socket.
const LONGEST_SOCKET: usize = 107;

/// A running server program.
#[derive(Debug)]
pub(in crate::supply) struct Process {
    name: &'static str,
    child: Child,
    socket: PathBuf,
    dir: Scratch,
}

impl Process {
    /// Starts `program` in `dir`, where it is to listen on [`SOCKET`], and waits until it does. `name` is what it is, for
    /// people and for the process table. Blocks.
    pub(in crate::supply) fn start(name: &'static str, dir: Scratch, program: &Command) -> Result<Self> {
        let socket = dir.path().join(SOCKET);
        if socket.as_os_str().len() > LONGEST_SOCKET {
            bail!("the path {} is too long for a socket: set TARE_CACHE to a shorter one", socket.display());
        }
        let log = File::create(dir.path().join("log"))?;
        let child = Command::new("/bin/sh")
            .args(["-c", UNTIL_LET_GO, name])
            .arg(program.get_program())
            .args(program.get_args())
            .envs(program.get_envs().filter_map(|(key, value)| Some((key, value?))))
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A terminal's Ctrl-C goes to the run alone, which then ends the program.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start the {name}"))?;
        let process = Self { name, child, socket, dir };
        process.wait_until_it_listens()?;
        Ok(process)
    }

    /// Where it listens.
    pub(in crate::supply) fn socket(&self) -> &Path {
        &self.socket
    }

    /// The directory that it runs in.
    pub(in crate::supply) fn dir(&self) -> &Path {
        self.dir.path()
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
            "the {} does not listen after {} s: {}",
            self.name,
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
