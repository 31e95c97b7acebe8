//! What becomes of a run whose registry or node dies in the middle of a pull, or whose storage in the middle of a fetch,
//! and of one that requires a GPU that is not there. The smoke run of all pairs has the phases of start-ups that go well.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use harness::record::{Records, RunDir};
use harness::scenario::{Start, TOTAL, Variant};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{cache, engine_lock, rows, tare};

/// Seconds and error of each phase.
type Phases = BTreeMap<String, (Option<f64>, String)>;

/// The rows of one start.
fn start(run: &Path, variant: Variant, event: Start, block: u32) -> Phases {
    let wanted = |row: &&BTreeMap<String, String>| {
        row["variant"] == variant.to_string()
            && row["event"] == event.to_string()
            && row["block"] == block.to_string()
    };
    let all = rows(&run.join("startup.csv"));
    let found = all.iter().filter(wanted);
    found.map(|row| (row["phase"].clone(), (row["seconds"].parse().ok(), row["error"].clone()))).collect()
}

#[test]
fn a_startup_whose_registry_dies_is_a_row_with_the_error_and_the_run_goes_on() {
    let _engine = engine_lock();
    let out = tempfile::tempdir().expect("a directory");
    let run = out.path().join("run");
    let child = in_mid_pull(&run);
    kill("docker-registry", &cache().join("registry"));
    let records = went_on(child, &run);
    assert!(records.fetches.is_empty(), "nothing is fetched");
    for variant in Variant::BOTH {
        let phases = start(&run, variant, Start::First, 1);
        let (seconds, error) = &phases[TOTAL];
        assert!(seconds.is_none() && !error.is_empty(), "{variant}: {phases:#?}");
        assert!(phases["imports"].1.starts_with("not reached: "), "{variant}: {phases:#?}");
        let again = start(&run, variant, Start::Again, 1);
        assert!(again[TOTAL].1.contains("the first start failed"), "{variant}: {again:#?}");
    }
}

#[test]
fn a_startup_whose_node_dies_is_a_row_with_the_error_and_the_run_goes_on() {
    let _engine = engine_lock();
    let out = tempfile::tempdir().expect("a directory");
    let run = out.path().join("run");
    let child = in_mid_pull(&run);
    kill("dockerd", &cache().join("node"));
    went_on(child, &run);
    for variant in Variant::BOTH {
        let phases = start(&run, variant, Start::First, 1);
        let (seconds, error) = &phases[TOTAL];
        assert!(seconds.is_none() && error.starts_with("the node went away: "), "{variant}: {phases:#?}");
        assert!(phases["imports"].1.starts_with("not reached: "), "{variant}: {phases:#?}");
    }
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("mounts");
    assert!(
        !mounts.contains(&*cache().join("node").to_string_lossy()),
        "something of the node stays mounted"
    );
}

#[test]
fn a_startup_whose_storage_dies_is_a_row_with_the_error_and_the_run_goes_on() {
    let _engine = engine_lock();
    let out = tempfile::tempdir().expect("a directory");
    let run = out.path().join("run");
    let mut child = begin("weights-s3", &run);
    // Once there is a piece of the model in the volume, the fetch is under way.
    wait_until(&mut child, || fetched_so_far(&cache().join("volumes")) > 0);
    kill("rclone", &cache().join("storage"));
    let records = went_on(child, &run);
    for variant in Variant::BOTH {
        let phases = start(&run, variant, Start::First, 1);
        let (seconds, error) = &phases[TOTAL];
        assert!(seconds.is_none() && error.contains("fetch.sh"), "{variant}: {phases:#?}");
        assert!(phases["pull-fetch"].0.is_some(), "what came before it has its times: {phases:#?}");
        assert!(phases["weights-read"].1.starts_with("not reached: "), "{variant}: {phases:#?}");
        let fetches: Vec<_> = records.fetches.iter().filter(|row| row.variant == variant).collect();
        let [first] = fetches[..] else { panic!("one start: {fetches:#?}") };
        assert!(first.answer.is_none() && first.error.is_some(), "{first:#?}");
    }
}

/// A run of `gpu-startup` whose node is pulling.
fn in_mid_pull(run: &Path) -> Child {
    let mut child = begin("gpu-startup", run);
    let room = cache().join("registry");
    // Once the image has its tag, it is pushed whole, and the pull begins.
    wait_until(&mut child, || tagged(&room));
    std::thread::sleep(Duration::from_millis(800));
    child
}

/// Begins a smoke run of one scenario, on a slow link, so that there is a middle of what is moved.
fn begin(scenario: &str, run: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tare"));
    command.env("TARE_CACHE", cache()).env_remove("DOCKER_HOST");
    command.args(["bench", scenario, "--profile", "smoke", "--link", "200mbit", "--engine", "managed"]);
    command.arg("--out").arg(run).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs")
}

fn wait_until(child: &mut Child, mut moment: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(400);
    while !moment() {
        assert!(child.try_wait().expect("a child").is_none(), "it ended before that");
        assert!(Instant::now() < end, "that did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What a run recorded whose start-ups failed and whose builds did not.
fn went_on(child: Child, run: &Path) -> Records {
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let records = RunDir::open(run).expect("a run").read().expect("records");
    assert!(records.samples.iter().all(|sample| sample.error.is_none()), "builds need none of it");
    assert_eq!(records.samples.len(), records.plan.steps.len(), "the run went on");
    records
}

/// Bytes in files of weights below `room`, also of such as are not whole.
fn fetched_so_far(room: &Path) -> u64 {
    let entries = walkdir::WalkDir::new(room).into_iter().filter_map(Result::ok);
    let weights = entries.filter(|entry| entry.file_name().to_string_lossy().contains(".safetensors"));
    weights.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
}

fn tagged(room: &Path) -> bool {
    let entries = walkdir::WalkDir::new(room).into_iter().filter_map(Result::ok);
    let mut tags = entries.filter(|entry| entry.path().ends_with("current/link"));
    tags.next().is_some()
}

/// Kills the programs of this name that work below `room`, and not the shells that wait for them.
fn kill(name: &str, room: &Path) {
    let room = room.canonicalize().expect("the room");
    let programs = running(name, &room);
    assert!(!programs.is_empty(), "no {name} runs");
    for pid in programs {
        // The shell's child may go with it.
        kill_process(pid, Signal::KILL).ok();
    }
}

fn running(name: &str, room: &Path) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").expect("processes").filter_map(Result::ok);
    let ours = processes.filter(|entry| {
        let link = |name: &str| std::fs::read_link(entry.path().join(name)).unwrap_or_default();
        let told = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        let there = link("cwd").starts_with(room) || told.contains(&*room.to_string_lossy());
        there && link("exe").ends_with(name)
    });
    ours.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)).collect()
}

#[test]
fn a_startup_on_a_gpu_that_is_required_and_missing_ends_at_once() {
    if Command::new("nvidia-smi").output().is_ok_and(|output| output.status.success()) {
        // Here it would be measured.
        return;
    }
    let output = tare().args(["bench", "gpu-startup", "--gpu", "require"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("has no GPU") && said.contains("leave --gpu out"), "{said}");
}
