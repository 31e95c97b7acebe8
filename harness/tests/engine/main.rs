//! The managed engine and engines of the user's, for real. Needs root.

#[path = "../program/dockerd.rs"]
mod dockerd;
mod holder;
mod own_engine;
mod traces;
mod unfit;
mod verbs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use harness::cache::Cache;
use harness::debian::{Archive, Suite};
use harness::engine::buildkit::{BuildOutcome, BuildRequest, Context, Export};
use harness::engine::{Choice, Data, Disk, Engine, Home};
use harness::scenario::Compression;
use rustix::process::{Pid, Signal, kill_process};

use holder::Holder;
use traces::Traces;

/// A home of its own for each test; the packages are the user's cache's, fetched once.
fn home(dir: &Path) -> Home {
    let engine = dir.join("engine");
    std::fs::create_dir_all(&engine).unwrap();
    Home { engine, debian: Cache::open().unwrap().room("debian").unwrap() }
}

async fn managed(home: &Home, data: Data) -> Engine {
    Engine::open(home, &Choice::Managed, data, &|line| eprintln!("{line}")).await.unwrap()
}

/// A directory with a `busybox` that needs no libraries.
async fn busybox(home: &Home) -> PathBuf {
    let debian = home.debian.clone();
    let unpack = move || Archive::open(&debian).unwrap().unpack(&Suite::Own, &["busybox-static"]).unwrap();
    let program = tokio::task::spawn_blocking(unpack).await.unwrap().program("busybox").unwrap();
    program.parent().unwrap().to_owned()
}

/// A build of `dockerfile` alone, always executed.
async fn build(engine: &Engine, dockerfile: &str, root: &Path, export: Export) -> BuildOutcome {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Dockerfile");
    std::fs::write(&path, dockerfile).unwrap();
    let key = format!("{:?}", SystemTime::now());
    let request = BuildRequest {
        context: Context { root: root.to_owned(), ..Context::default() },
        dockerfile: path,
        build_args: BTreeMap::new(),
        named_contexts: BTreeMap::new(),
        secrets: BTreeMap::new(),
        shared_key: key.clone(),
        cache_mount_namespace: key,
        no_cache: true,
        export,
        compression: Compression::Gzip,
        timeout: Duration::from_secs(120),
        history: false,
        cache_from: None,
        progress: None,
    };
    engine.build(request).await.unwrap()
}

#[tokio::test]
async fn it_comes_up_is_one_runs_alone_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    let engine = managed(&home, Data::Wipe).await;
    let traces = Traces::of(&home);
    assert!(traces.dockerd_is_alive());
    assert!(!traces.cgroups().is_empty(), "it has control groups while it is up");
    let temporary = traces.temporary_directory_of_containerd();
    assert!(
        temporary.starts_with(&home.engine) && temporary.is_dir(),
        "mounts are made where they are found"
    );

    let info = engine.info().await.unwrap();
    assert_eq!((info.kind.as_str(), info.store.as_str()), ("managed", "containerd"));
    let package = info.packages.iter().find(|package| package.starts_with("docker.io ")).unwrap();
    assert!(package.contains(&info.version), "{package} is {}", info.version);
    assert!(info.packages.iter().any(|package| package.starts_with("runc ")));
    assert!(!info.generation.is_empty() && !info.buildkit.is_empty());
    assert_eq!(engine.buildkit().gc_policy().await.unwrap(), [], "nothing is thrown away in mid-run");
    assert!(engine.disk_free().await.unwrap() > 0);
    engine.sync().await.unwrap();

    let refused = Engine::open(&home, &Choice::Managed, Data::Wipe, &|_| {}).await.err().unwrap();
    let holder = format!("process {}", std::process::id());
    assert!(refused.to_string().contains(&holder), "{refused} does not name {holder}");

    engine.down(Data::Wipe).await.unwrap();
    traces.assert_gone();
    assert!(!home.engine.join("data").exists());
}

#[tokio::test]
async fn cpu_seconds_cover_the_build_steps() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    let engine = managed(&home, Data::Wipe).await;
    let root = busybox(&home).await;

    // What the daemon does besides only adds: of three rounds the least is nearest to what the step used.
    let mut least = [f64::INFINITY; 2];
    for round in 1..=3 {
        for (least, limit) in least.iter_mut().zip(["true", "ulimit -t 2; while :; do :; done"]) {
            // The limit ends the loop after two seconds of CPU time, however long that takes.
            let step = format!(": {round}; /busybox sh -c '{limit}' || /busybox true");
            let run = serde_json::json!(["/busybox", "sh", "-c", step]);
            let dockerfile = format!("FROM scratch\nCOPY busybox /busybox\nRUN {run}\n");
            let before = engine.cpu_seconds().unwrap().unwrap();
            build(&engine, &dockerfile, &root, Export::Nothing).await;
            *least = least.min(engine.cpu_seconds().unwrap().unwrap() - before);
        }
    }
    let burnt = least[1] - least[0];
    assert!((burnt - 2.0).abs() < 0.3, "two CPU seconds were burnt, and {burnt:.2} counted ({least:?})");
    engine.down(Data::Wipe).await.unwrap();
}

#[tokio::test]
async fn what_a_killed_run_left_is_ended_by_the_next_which_can_go_on_or_begin_anew() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    let holder = Holder::start(&home, "managed", &[]);
    let orphan = Traces::of(&home);
    holder.kill();
    assert!(orphan.dockerd_is_alive(), "the daemon outlives a killed run");

    let notes = std::sync::Mutex::new(Vec::new());
    let note = |line: &str| notes.lock().unwrap().push(line.to_owned());
    let mut engine = Engine::open(&home, &Choice::Managed, Data::Keep, &note).await.unwrap();
    let notes = notes.lock().unwrap().join("\n");
    assert!(notes.contains("left behind"), "{notes}");
    orphan.assert_processes_and_cgroups_gone();
    assert_eq!(engine.info().await.unwrap().generation, holder.generation, "it goes on with the same data");

    engine.reset(Disk::Machine, &|_| {}).await.unwrap();
    assert_ne!(engine.info().await.unwrap().generation, holder.generation, "reset begins anew");

    let traces = Traces::of(&home);
    engine.down(Data::Keep).await.unwrap();
    traces.assert_gone();
    assert!(home.engine.join("data").is_dir(), "the data root is kept where asked for");
}

#[tokio::test]
async fn a_daemon_that_was_killed_itself_leaves_no_container_behind() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    let holder = Holder::start(&home, "managed", &[("HOLD_CONTAINER", "1")]);
    let traces = Traces::of(&home);
    holder.kill();
    kill_process(Pid::from_raw(traces.dockerd).unwrap(), Signal::KILL).unwrap();
    let left = traces.processes().join("\n");
    for process in ["containerd-shim", "sleep 100000"] {
        assert!(left.contains(process), "{process} outlives the daemon: {left}");
    }
    assert!(traces.mounts().iter().any(|line| line.starts_with("overlay")), "so does its file system");

    managed(&home, Data::Wipe).await.down(Data::Wipe).await.unwrap();
    traces.assert_gone();
}

#[tokio::test]
async fn the_older_engine_of_debian_13_serves_too() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    // As if it had been the first that came up.
    std::fs::write(home.engine.join("candidate"), "Debian trixie").unwrap();
    let mut engine = managed(&home, Data::Wipe).await;
    let info = engine.info().await.unwrap();
    assert!(info.version.starts_with("26."), "{info:?}");
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("file"), "text").unwrap();
    build(&engine, "FROM scratch\nCOPY file /file\n", files.path(), Export::Nothing).await;

    // As if a better one had merely not been to be had: a fresh engine in the middle of a run is of this version too.
    std::fs::remove_file(home.engine.join("candidate")).unwrap();
    engine.reset(Disk::Machine, &|_| {}).await.unwrap();
    assert_eq!(engine.info().await.unwrap().version, info.version);
    assert!(!home.engine.join("candidate").exists(), "and is not remembered for that");
    engine.down(Data::Wipe).await.unwrap();
}

#[tokio::test]
async fn it_goes_down_with_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    let traces = std::sync::Arc::new(std::sync::Mutex::new(None));
    let seen = traces.clone();
    let task = tokio::spawn({
        let home = home.clone();
        async move {
            let _engine = managed(&home, Data::Wipe).await;
            *seen.lock().unwrap() = Some(Traces::of(&home));
            panic!("as a defect would");
        }
    });
    assert!(task.await.unwrap_err().is_panic());
    let traces = traces.lock().unwrap().take().unwrap();
    traces.assert_gone();
}

#[tokio::test]
async fn one_that_stays_is_taken_over_and_left_up() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    let mut first = managed(&home, Data::Wipe).await;
    first.set_stays(true).unwrap();
    let generation = first.info().await.unwrap().generation;
    first.down(Data::Wipe).await.unwrap();
    let traces = Traces::of(&home);
    assert!(traces.dockerd_is_alive());

    let mut second = managed(&home, Data::Wipe).await;
    assert_eq!(second.info().await.unwrap().generation, generation, "a run uses the one that is up");
    assert!(second.cpu_seconds().unwrap().is_some());
    // As a run that is killed while it builds on one processor.
    let several = std::thread::available_parallelism().unwrap().get() > 1;
    let limited = (several && second.limit_cpus(Some(1)).is_ok()).then(|| traces.cpus());
    drop(second);
    assert!(traces.dockerd_is_alive(), "and leaves it up");

    second = managed(&home, Data::Wipe).await;
    if let Some(limited) = limited {
        assert_ne!(traces.cpus(), limited, "the next run has all processors");
    }
    second.set_stays(false).unwrap();
    second.down(Data::Wipe).await.unwrap();
    traces.assert_gone();
}
