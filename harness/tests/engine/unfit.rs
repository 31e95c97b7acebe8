//! An engine that cannot be measured: Debian 12's, Docker 20.10.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use harness::debian::{Archive, Suite, Unpacked};
use harness::engine::{Address, Choice, Data, Engine};
use rustix::process::{Pid, Signal, kill_process};

use super::holder::Holder;
use super::{Traces, home};

/// Docker 20.10, in a mount namespace of its own, which takes its mounts with it.
struct OldEngine {
    child: Child,
    address: Address,
}

impl OldEngine {
    fn start(debian: &Path, dir: &Path) -> Self {
        let packages = ["docker.io", "containerd", "runc", "libdevmapper1.02.1"];
        let archive = Archive::open(debian).unwrap();
        let unpacked: Unpacked = archive.unpack(&Suite::Named("bookworm".to_owned()), &packages).unwrap();
        let socket = dir.join("old.sock");
        let config = serde_json::json!({
            "bridge": "none", "iptables": false, "ip6tables": false, "group": "root", "storage-driver": "vfs",
            "data-root": dir.join("old-data"), "exec-root": dir.join("old-exec"), "pidfile": dir.join("old.pid"),
            "hosts": [format!("unix://{}", socket.display())],
        });
        std::fs::write(dir.join("old.json"), config.to_string()).unwrap();
        let log = File::create(dir.join("old.log")).unwrap();
        let child = Command::new("unshare")
            .args(["--mount", "--propagation", "private"])
            .arg(unpacked.program("dockerd").unwrap())
            .arg("--config-file")
            .arg(dir.join("old.json"))
            .envs(unpacked.env())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let end = Instant::now() + Duration::from_secs(60);
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            let log = std::fs::read_to_string(dir.join("old.log")).unwrap();
            assert!(Instant::now() < end, "Docker 20.10 does not come up: {log}");
            std::thread::sleep(Duration::from_millis(100));
        }
        Self { child, address: Address::Unix(socket) }
    }
}

impl Drop for OldEngine {
    fn drop(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_20_is_refused_by_url_and_passed_over_by_auto() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    let old = OldEngine::start(&home.debian, dir.path());

    let choice = Choice::At(old.address.clone());
    let refused = Engine::open(&home, &choice, Data::Wipe, &|_| {}).await.err().unwrap().to_string();
    assert_eq!(refused.lines().count(), 1, "{refused}");
    assert!(refused.contains("Docker Engine 20.10"), "{refused}");
    assert!(refused.contains("--engine managed"), "the remedy is named: {refused}");

    let holder = Holder::start(&home, "auto", &[("DOCKER_HOST", &old.address.to_string())]);
    let about: Vec<&String> = holder.notes.iter().filter(|line| line.contains("DOCKER_HOST")).collect();
    assert_eq!(about.len(), 1, "one line says why: {:?}", holder.notes);
    assert!(about[0].contains("20.10") && about[0].contains("private"), "{about:?}");
    assert!(Traces::of(&home).dockerd_is_alive(), "the managed engine is used");
    holder.kill();
    super::managed(&home, Data::Wipe).await.down(Data::Wipe).await.unwrap();
}
