//! A Docker Engine that is not ours: a `dockerd` of Debian's packages, started as its owner would, with none of our code.

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use harness::debian::Unpacked;
use rustix::process::{Pid, Signal, kill_process};

/// A daemon that goes with this value. Its mounts, and what it makes in `/run` and `/opt` whatever its configuration, are
/// in a mount namespace of its own, and end with it.
pub(crate) struct Dockerd {
    child: Child,
    dir: PathBuf,
    group: String,
}

impl Dockerd {
    /// Starts the first of the packages' `dockerd` with its files in `dir` and these settings besides; waits until it
    /// answers.
    pub(crate) fn start(dir: &Path, packages: &[&Unpacked], settings: &[(&str, serde_json::Value)]) -> Self {
        let group = format!("not-ours-{:08x}", rand::random::<u32>());
        let mut configuration = serde_json::json!({
            // This machine may have neither bridges nor iptables.
            "bridge": "none", "iptables": false, "ip6tables": false, "group": "root",
            "exec-opts": ["native.cgroupdriver=cgroupfs"], "cgroup-parent": format!("/{group}"),
            "data-root": dir.join("data"), "exec-root": dir.join("exec"), "pidfile": dir.join("pid"),
            "hosts": [format!("unix://{}", dir.join("sock").display())],
        });
        for (key, value) in settings {
            configuration[key] = value.clone();
        }
        std::fs::write(dir.join("daemon.json"), configuration.to_string()).expect("a configuration");
        let child = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "/bin/sh", "-c"])
            .arg(r#"mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /opt && exec "$0" --config-file "$1""#)
            .arg(packages[0].program("dockerd").expect("dockerd"))
            .arg(dir.join("daemon.json"))
            .envs(Unpacked::joint_env(packages))
            .stdout(Stdio::null())
            .stderr(File::create(dir.join("log")).expect("a log"))
            .spawn()
            .expect("dockerd starts");
        let mut engine = Self { child, dir: dir.to_owned(), group };
        let end = Instant::now() + Duration::from_secs(60);
        while UnixStream::connect(engine.dir.join("sock")).is_err() {
            let waits = Instant::now() < end && matches!(engine.child.try_wait(), Ok(None));
            assert!(waits, "{}", std::fs::read_to_string(engine.dir.join("log")).expect("a log"));
            std::thread::sleep(Duration::from_millis(100));
        }
        engine
    }

    /// As `DOCKER_HOST` and `--engine` want it.
    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.dir.join("sock").display())
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        // It ends its containers and its containerd first.
        if let Ok(None) = self.child.try_wait() {
            kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
            self.child.wait().expect("it ends");
        }
        let hierarchies = std::fs::read_dir("/sys/fs/cgroup").expect("control groups").flatten();
        for top in hierarchies.map(|entry| entry.path().join(&self.group)).filter(|top| top.is_dir()) {
            // Only empty ones go, the deepest first.
            for group in walkdir::WalkDir::new(&top).contents_first(true).into_iter().flatten() {
                if group.file_type().is_dir() {
                    std::fs::remove_dir(group.path()).expect("nothing is left in it");
                }
            }
        }
    }
}
