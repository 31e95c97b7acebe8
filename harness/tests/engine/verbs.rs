//! The verbs for people: engine up, down and env, doctor, clean.

use std::fs;

use harness::cache::Cache;
use harness::cli;
use harness::debian::{Archive, Suite};
use harness::doctor::{State, examine};
use harness::engine::{Choice, Home, Status, managed_status};

use super::Traces;

#[tokio::test]
async fn a_person_looks_inside_asks_the_doctor_and_cleans_up() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("cache");
    let cache = Cache::at(&root).unwrap();
    // The packages that the other tests use too.
    let packages = Cache::open().unwrap().room("debian").unwrap();
    std::os::unix::fs::symlink(&packages, root.join("debian")).unwrap();
    fs::write(root.join("letter"), "not ours").unwrap();
    let home = Home::of(&cache).unwrap();

    let refused = cli::engine::env(&cache).unwrap_err().to_string();
    assert!(refused.contains("engine up"), "{refused}");
    cli::engine::up(&cache).await.unwrap();
    cli::engine::env(&cache).unwrap();
    let Status::Stays(address) = managed_status(&home).unwrap() else { panic!("it does not stay up") };
    let traces = Traces::of(&home);

    let client = tokio::task::spawn_blocking(move || {
        let suite = Suite::Named("testing".to_owned());
        Archive::open(&packages).unwrap().unpack(&suite, &["docker-cli", "docker-buildx"]).unwrap()
    });
    let mut docker = client.await.unwrap().command("docker").unwrap();
    docker.env("DOCKER_HOST", address.to_string()).args(["version", "--format", "{{.Server.Version}}"]);
    let output = docker.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!output.stdout.is_empty());

    let report = examine(&cache, &Choice::Managed, &|_| {}).await.unwrap();
    assert!(report.ready, "{report:?}");
    for name in ["system", "disk", "apt", "pip", "gpu", "engine", "store", "loopback", "gc", "data-root"] {
        let check = report.checks.iter().find(|check| check.name == name).unwrap();
        assert_eq!(
            check.state == State::Ok,
            check.remedy.is_none(),
            "what is not well has a remedy: {check:?}"
        );
    }
    let state = |name: &str| report.checks.iter().find(|check| check.name == name).unwrap().state;
    assert_eq!((state("engine"), state("loopback"), state("gc")), (State::Ok, State::Ok, State::Ok));
    assert!(traces.dockerd_is_alive(), "the doctor leaves it up");

    cli::clean::run(&cache).await.unwrap();
    traces.assert_gone();
    let left: Vec<_> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["letter"], "what is not ours stays");
    cli::engine::down(&cache).await.unwrap();
}

#[tokio::test]
async fn the_doctor_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path().join("cache")).unwrap();
    std::os::unix::fs::symlink(Cache::open().unwrap().room("debian").unwrap(), cache.root().join("debian"))
        .unwrap();
    let nobody = Choice::At("unix:///nowhere/docker.sock".parse().unwrap());
    let report = examine(&cache, &nobody, &|_| {}).await.unwrap();
    assert!(!report.ready);
    let engine = report.checks.iter().find(|check| check.name == "engine").unwrap();
    assert_eq!(engine.state, State::Missing);
    assert!(engine.finding.contains("does not answer"), "{engine:?}");
    assert!(cli::doctor::run(&cache, &nobody, true).await.is_err());
}
