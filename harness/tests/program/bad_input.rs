//! What goes wrong, each with its exit code and a message that names file, line and remedy.

use std::collections::BTreeMap;

use crate::support::{
    assert_no_new_traces, begin_or_resume, cache, engine_lock, machine_lock, replace, rows, scenario_copy,
    share_rooms, tare, traces,
};
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;

#[test]
fn an_unknown_scenario_is_refused_with_the_nearest_name() {
    tare().args(["bench", "layer-ordr"]).assert().code(2).stderr(contains("layer-order"));
}

#[test]
fn a_precision_needs_blocks_to_look_at() {
    for blocks in ["5", "49"] {
        tare()
            .args(["bench", "layer-order", "--plan", "--precision", "10", "--blocks", blocks])
            .assert()
            .code(2)
            .stderr(contains("give 6 to 48"));
    }
}

#[test]
fn an_unknown_key_and_a_wrong_type_name_file_and_line() {
    let root = tempfile::tempdir().expect("a directory");
    let dir = scenario_copy(root.path(), "broken");
    let file = dir.join("scenario.toml");
    let whole = std::fs::read_to_string(&file).expect("the scenario");
    for (bad, word) in [
        (format!("{whole}\nflavour = \"sweet\"\n"), "flavour"),
        (whole.replacen("question = ", "question = 3 #", 1), "question"),
    ] {
        std::fs::write(&file, bad).expect("writable");
        tare()
            .args(["bench", "broken", "--scenarios"])
            .arg(root.path())
            .assert()
            .code(2)
            .stderr(contains("scenario.toml:").and(contains(word)));
    }
}

#[test]
fn a_missing_dockerfile_and_an_edit_of_nothing_are_refused() {
    let root = tempfile::tempdir().expect("a directory");
    let dir = scenario_copy(root.path(), "broken");
    let dockerfile = dir.join("naive.Dockerfile");
    let kept = root.path().join("kept");
    std::fs::rename(&dockerfile, &kept).expect("it is there");
    let bench = || {
        let mut command = tare();
        command.args(["bench", "broken", "--scenarios"]).arg(root.path());
        command
    };
    bench().assert().code(2).stderr(contains("naive.Dockerfile"));
    std::fs::rename(&kept, &dockerfile).expect("it goes back");
    replace(&dir.join("scenario.toml"), "{ \"service.py\" = ", "{ \"nowhere/file.py\" = ");
    bench().assert().code(2).stderr(contains("nowhere/file.py"));
}

#[test]
fn a_plan_that_does_not_fit_on_the_disk_is_refused_before_it_starts() {
    // Its mount would be a trace in the eyes of a test that runs beside it.
    let _engine = engine_lock();
    let root = tempfile::tempdir().expect("a directory");
    let small = SmallDisk::mount(root.path(), 64 << 20);
    tare()
        .env("TARE_CACHE", small.path())
        .args(["bench", "layer-order", "--engine", "managed", "--out"])
        .arg(root.path().join("run"))
        .assert()
        .code(1)
        .stderr(contains("GB").and(contains("TARE_CACHE")));
    assert!(!root.path().join("run").exists(), "a run directory was made for a run that did not start");
}

#[test]
fn a_disk_that_fills_up_ends_the_run_and_keeps_what_was_measured() {
    let _engine = engine_lock();
    let root = tempfile::tempdir().expect("a directory");
    let small = SmallDisk::mount(root.path(), 80 << 10);
    let run = small.path().join("run");
    tare()
        .args(["bench", "layer-order", "--profile", "smoke", "--blocks", "8", "--engine", "managed", "--out"])
        .arg(&run)
        .timeout(std::time::Duration::from_secs(600))
        .assert()
        .code(1)
        .stderr(contains("o space left").and(contains("--resume")));
    let samples = rows(&run.join("samples.csv"));
    assert!(!samples.is_empty(), "nothing was kept");
}

#[test]
fn an_engines_disk_that_fills_up_costs_no_build() {
    let _engine = engine_lock();
    let root = tempfile::tempdir().expect("a directory");
    // The engine's data alone lie on it; what is fetched once is where it always is.
    let small = SmallDisk::mount(root.path(), 3 << 30);
    share_rooms(small.path());
    let run = root.path().join("run");
    let child = begin_or_resume(small.path(), &run).spawn().expect("it runs");
    wait_until(|| {
        std::fs::read_to_string(run.join("samples.csv")).is_ok_and(|text| text.lines().count() > 1)
    });
    let filler = small.path().join("filler");
    small.fill(&filler);
    let output = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("the engine's disk is full") && stderr.contains("--resume"), "{stderr}");
    let kept = rows(&run.join("samples.csv"));
    assert!(kept.iter().all(|row| row["error"].is_empty()), "that is no build's fault: {kept:#?}");

    std::fs::remove_file(filler).expect("there is room again");
    assert!(begin_or_resume(small.path(), &run).output().expect("it runs").status.success());
    let whole = rows(&run.join("samples.csv"));
    assert_eq!(whole[..kept.len()], kept);
    let measured = whole.iter().filter(|row| row["error"].is_empty()).count();
    assert!(measured >= 16, "two blocks are whole: {whole:#?}");
}

#[test]
fn a_dockerfile_that_fails_costs_its_scenario_alone() {
    let _engine = engine_lock();
    let root = tempfile::tempdir().expect("a directory");
    let dir = scenario_copy(root.path(), "broken");
    replace(
        &dir.join("optimized.Dockerfile"),
        "WORKDIR /app\n",
        "WORKDIR /app\nRUN echo the-reason-why >&2 && exit 7\n",
    );
    let run = root.path().join("run");
    tare()
        .args(["bench", "broken", "layer-order", "--profile", "smoke", "--engine", "managed", "--scenarios"])
        .arg(root.path())
        .arg("--out")
        .arg(&run)
        .assert()
        .code(1)
        .stderr(contains("broken"));
    let samples = rows(&run.join("samples.csv"));
    let failed: Vec<_> = samples.iter().filter(|row| row["scenario"] == "broken").collect();
    assert!(!failed.is_empty() && failed.iter().all(|row| row["wall_s"].is_empty()), "{failed:#?}");
    assert!(failed.iter().any(|row| row["error"].contains("the-reason-why")), "{failed:#?}");
    let good =
        samples.iter().filter(|row| row["scenario"] == "layer-order" && row["error"].is_empty()).count();
    assert!(good >= 8, "layer-order was not measured: {samples:#?}");
}

#[test]
fn a_wheel_that_cannot_be_had_costs_its_scenario_alone() {
    let _engine = engine_lock();
    let root = tempfile::tempdir().expect("a directory");
    let dir = scenario_copy(root.path(), "broken");
    let lock = dir.join("context/requirements/smoke.txt");
    let text = std::fs::read_to_string(&lock).expect("the lock");
    let (_, hash) =
        text.split_once("fastapi==").and_then(|(_, rest)| rest.split_once("sha256:")).expect("fastapi");
    replace(&lock, &hash[..64], &"0".repeat(64));
    let run = root.path().join("run");
    tare()
        .args(["bench", "broken", "layer-order", "--profile", "smoke", "--engine", "managed", "--scenarios"])
        .arg(root.path())
        .args(["--blocks", "1", "--out"])
        .arg(&run)
        .assert()
        .code(1)
        .stderr(contains("broken").and(contains("fastapi")));
    let samples = rows(&run.join("samples.csv"));
    let (failed, good): (Vec<_>, Vec<_>) = samples.iter().partition(|row| row["scenario"] == "broken");
    assert_eq!(failed.len(), 2, "one row a variant: {failed:#?}");
    for row in failed {
        let why = &row["error"];
        assert!(
            row["wall_s"].is_empty() && why.contains("fastapi") && why.contains("smoke.txt:"),
            "{row:#?}"
        );
    }
    let planned = std::fs::read_to_string(run.join("plan.json")).expect("the plan");
    let planned: serde_json::Value = serde_json::from_str(&planned).expect("JSON");
    let steps = planned["steps"].as_array().expect("steps").iter();
    let expected = steps.filter(|step| step["scenario"] == "layer-order").count();
    assert_eq!(good.len(), expected, "the other scenario is measured whole: {good:#?}");
    assert!(good.iter().all(|row| row["error"].is_empty()), "{good:#?}");
}

#[test]
fn variants_that_answer_differently_are_not_timed() {
    let _engine = engine_lock();
    let root = tempfile::tempdir().expect("a directory");
    let dir = scenario_copy(root.path(), "unequal");
    let less_precise = "RUN sed -i 's/probability, 4/probability, 1/' service.py\nUSER";
    replace(&dir.join("optimized.Dockerfile"), "USER", less_precise);
    let run = root.path().join("run");
    tare()
        .args(["bench", "unequal", "--profile", "smoke", "--engine", "managed", "--strict", "--scenarios"])
        .arg(root.path())
        .arg("--out")
        .arg(&run)
        .assert()
        .code(3)
        .stderr(contains("differently"));
    let samples = rows(&run.join("samples.csv"));
    let is_told = |row: &BTreeMap<String, String>| row["error"].starts_with("not the same: ");
    assert!(samples.iter().all(|row| row["wall_s"].is_empty() && is_told(row)), "{samples:#?}");

    tare()
        .args(["bench", "--engine", "managed", "--strict", "--scenarios"])
        .arg(root.path())
        .arg("--resume")
        .arg(&run)
        .assert()
        .code(3)
        .stderr(contains("differently"));
    assert_eq!(
        rows(&run.join("samples.csv")),
        samples,
        "nothing more is measured of them when the run goes on"
    );
}

#[test]
fn an_engine_that_is_killed_in_mid_run_ends_it_and_keeps_what_was_measured() {
    let _machine = machine_lock();
    let before = traces();
    let root = tempfile::tempdir().expect("a directory");
    let run = root.path().join("run");
    let child = begin_or_resume(&cache(), &run).spawn().expect("it runs");
    wait_until(|| {
        std::fs::read_to_string(run.join("samples.csv")).is_ok_and(|text| text.lines().count() > 2)
    });
    rustix::process::kill_process(daemon_of(&cache()), rustix::process::Signal::KILL)
        .expect("it can be killed");
    let output = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("--resume"), "{stderr}");
    assert_no_new_traces(&before);
    let kept = rows(&run.join("samples.csv"));
    assert!(kept.len() >= 2, "{kept:#?}");
    tare().args(["bench", "--engine", "managed", "--resume"]).arg(&run).assert().success();
    assert_eq!(rows(&run.join("samples.csv"))[..kept.len()], kept);
}

/// The daemon of the managed engine of `cache`, by what the engine notes for the next run.
fn daemon_of(cache: &std::path::Path) -> rustix::process::Pid {
    let state = std::fs::read(cache.join("engine/state.json")).expect("the managed engine is up");
    let state: serde_json::Value = serde_json::from_slice(&state).expect("JSON");
    let pid = state["dockerd"]["pid"].as_i64().expect("a process id");
    rustix::process::Pid::from_raw(pid.try_into().expect("a process id")).expect("a process id")
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(300);
    while !done() {
        assert!(std::time::Instant::now() < limit, "it never came to that");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// A small file system of its own, gone with the value.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(root: &std::path::Path, bytes: u64) -> Self {
        let path = root.join("small");
        std::fs::create_dir(&path).expect("a mount point");
        let size = std::ffi::CString::new(format!("size={bytes}")).expect("no NUL");
        rustix::mount::mount("tmpfs", &path, "tmpfs", rustix::mount::MountFlags::empty(), size.as_c_str())
            .expect("tests run as root");
        Self(path)
    }

    fn path(&self) -> &std::path::Path {
        &self.0
    }

    /// Leaves room for what an engine notes, and for no layer.
    fn fill(&self, filler: &std::path::Path) {
        let disk = rustix::fs::statvfs(&self.0).expect("the disk");
        let bytes = (disk.f_bavail * disk.f_frsize).saturating_sub(4 << 20);
        let file = std::fs::File::create(filler).expect("a file");
        rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes).expect("it is filled");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::DETACH);
    }
}
