//! An engine that cannot be measured: Debian 12's, Docker 20.10.

use std::path::Path;
use std::process::Command;

use harness::debian::{Archive, Suite, Unpacked};
use harness::engine::{Choice, Data, Engine};

use super::dockerd::Dockerd;
use super::holder::Holder;
use super::{Traces, home};

fn old_engine(debian: &Path, dir: &Path) -> Dockerd {
    let packages = ["docker.io", "containerd", "runc", "libdevmapper1.02.1"];
    let archive = Archive::open(debian).unwrap();
    let unpacked: Unpacked = archive.unpack(&Suite::Named("bookworm".to_owned()), &packages).unwrap();
    Dockerd::start(dir, &[&unpacked], &[("storage-driver", "vfs".into())])
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_20_is_refused_by_url_and_passed_over_by_auto() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    let old = old_engine(&home.debian, dir.path());

    let choice = Choice::At(old.url().parse().unwrap());
    let refused = Engine::open(&home, &choice, Data::Wipe, &|_| {}).await.err().unwrap().to_string();
    assert_eq!(refused.lines().count(), 1, "{refused}");
    assert!(refused.contains("Docker Engine 20.10"), "{refused}");
    assert!(refused.contains("--engine managed"), "the remedy is named: {refused}");
    // The same through the program.
    let mut bench = Command::new(env!("CARGO_BIN_EXE_tare"));
    bench.env("TARE_CACHE", dir.path().join("cache")).args([
        "bench",
        "layer-order",
        "--profile",
        "smoke",
        "--engine",
        &old.url(),
        "--out",
    ]);
    let output = bench.arg(dir.path().join("run")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().filter(|line| line.contains(&refused)).count(), 1, "{said}");
    assert!(!dir.path().join("run").exists(), "nothing was measured");

    let holder = Holder::start(&home, "auto", &[("DOCKER_HOST", &old.url())]);
    let about: Vec<&String> = holder.notes.iter().filter(|line| line.contains("DOCKER_HOST")).collect();
    assert_eq!(about.len(), 1, "one line says why: {:?}", holder.notes);
    assert!(about[0].contains("20.10") && about[0].contains("private"), "{about:?}");
    assert!(Traces::of(&home).dockerd_is_alive(), "the managed engine is used");
    holder.kill();
    super::managed(&home, Data::Wipe).await.down(Data::Wipe).await.unwrap();
}
