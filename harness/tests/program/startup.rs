//! What becomes of a run whose registry dies in the middle of a pull, and of one that requires a GPU that is not there.
//! The smoke run of all pairs has the phases of a start-up that goes well.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::record::RunDir;
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
    let mut command = Command::new(env!("CARGO_BIN_EXE_tare"));
    command.env("TARE_CACHE", cache()).env_remove("DOCKER_HOST");
    // A slow link, so that there is a middle of the pull.
    command.args(["bench", "gpu-startup", "--profile", "smoke", "--link", "200mbit", "--engine", "managed"]);
    let mut child =
        command.arg("--out").arg(&run).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs");
    let room = cache().join("registry");
    let end = Instant::now() + Duration::from_secs(400);
    // Once the image has its tag, it is pushed whole, and the pull begins.
    while !tagged(&room) {
        assert!(child.try_wait().expect("a child").is_none(), "it ended before it pulled");
        assert!(Instant::now() < end, "nothing was pushed");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(800));
    let registries = registries(&room);
    assert!(!registries.is_empty(), "no registry runs");
    for pid in registries {
        // The shell's child may go with it.
        kill_process(pid, Signal::KILL).ok();
    }
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let records = RunDir::open(&run).expect("a run").read().expect("records");
    assert!(records.samples.iter().all(|sample| sample.error.is_none()), "builds need no registry");
    assert_eq!(records.samples.len(), records.plan.steps.len(), "the run went on");
    for variant in Variant::BOTH {
        let phases = start(&run, variant, Start::First, 1);
        let (seconds, error) = &phases[TOTAL];
        assert!(seconds.is_none() && !error.is_empty(), "{variant}: {phases:#?}");
        assert!(phases["imports"].1.starts_with("not reached: "), "{variant}: {phases:#?}");
        let again = start(&run, variant, Start::Again, 1);
        assert!(again[TOTAL].1.contains("the first start failed"), "{variant}: {again:#?}");
    }
}

fn tagged(room: &Path) -> bool {
    let entries = walkdir::WalkDir::new(room).into_iter().filter_map(Result::ok);
    let mut tags = entries.filter(|entry| entry.path().ends_with("current/link"));
    tags.next().is_some()
}

/// Registries that run in a directory below `room`, without the shell that waits for them.
fn registries(room: &Path) -> Vec<Pid> {
    let room = room.canonicalize().expect("the room");
    let processes = std::fs::read_dir("/proc").expect("processes").filter_map(Result::ok);
    let ours = processes.filter(|entry| {
        let link = |name: &str| std::fs::read_link(entry.path().join(name)).unwrap_or_default();
        link("cwd").starts_with(&room) && link("exe").ends_with("docker-registry")
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
