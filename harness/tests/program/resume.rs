//! A run that is killed without a word goes on where it stopped: nothing lost, nothing doubled.

use std::path::Path;
use std::time::Duration;

use crate::support::{assert_no_new_traces, begin_or_resume, cache, machine_lock, rows, tare, traces};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Three kills keep the test short; `TARE_TEST_KILLS=10` is the long form.
fn kills() -> u32 {
    std::env::var("TARE_TEST_KILLS").map_or(3, |text| text.parse().expect("TARE_TEST_KILLS is a number"))
}

#[test]
fn a_killed_run_resumes_without_losing_or_doubling_a_sample() {
    let _machine = machine_lock();
    let before = traces();
    let out = tempfile::tempdir().expect("a directory");
    let run = out.path().join("run");
    let mut rng = StdRng::seed_from_u64(20);
    let mut seen: Vec<String> = Vec::new();

    for kill in 0..kills() {
        let mut child = begin_or_resume(&cache(), &run).spawn().expect("it runs");
        // Until there is a run directory, a kill only tests the set-up, and only the first may.
        if kill > 0 {
            wait_for(&run.join("samples.csv"), &mut child);
        }
        std::thread::sleep(Duration::from_millis(rng.random_range(500..9_000)));
        child.kill().expect("it can be killed");
        child.wait().expect("it is gone");
        let now = sample_lines(&run);
        assert!(now.starts_with(&seen), "kill {kill}: a sample was lost: {seen:#?}\nnow {now:#?}");
        seen = now;
    }
    let output = begin_or_resume(&cache(), &run).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let last = sample_lines(&run);
    assert!(last.starts_with(&seen), "a sample was lost");
    assert_no_new_traces(&before);

    let plan: serde_json::Value =
        serde_json::from_slice(&std::fs::read(run.join("plan.json")).expect("plan.json")).expect("JSON");
    let samples = rows(&run.join("samples.csv"));
    for step in plan["steps"].as_array().expect("steps") {
        let count = samples
            .iter()
            .filter(|row| {
                ["scenario", "variant", "event"].iter().all(|key| step[key].as_str() == Some(&row[*key]))
                    && row["block"].parse().ok() == step["block"].as_u64()
            })
            .count();
        assert_eq!(count, 1, "{step}");
    }
    let claims = rows(&run.join("claims.csv"));
    assert!(!claims.is_empty() && claims.iter().all(|row| !row["verdict"].is_empty()));
}

fn wait_for(path: &Path, child: &mut std::process::Child) {
    while !path.is_file() && child.try_wait().expect("a child").is_none() {
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The complete lines of samples.csv; a torn last one is not there yet.
fn sample_lines(run: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(run.join("samples.csv")).unwrap_or_default();
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    complete.lines().map(str::to_owned).collect()
}

#[test]
fn ctrl_c_keeps_what_was_measured_and_takes_the_engine_down() {
    let _machine = machine_lock();
    let before = traces();
    let out = tempfile::tempdir().expect("a directory");
    let run = out.path().join("run");
    let mut child = begin_or_resume(&cache(), &run).spawn().expect("it runs");
    while sample_lines(&run).len() < 2 && child.try_wait().expect("a child").is_none() {
        std::thread::sleep(Duration::from_millis(100));
    }
    // As people do to whom it takes too long.
    while child.try_wait().expect("a child").is_none() {
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it can be told");
        std::thread::sleep(Duration::from_millis(200));
    }
    let output = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("--resume"), "it does not say how to go on: {stderr}");
    assert_eq!(stderr.matches("ending already").count(), 1, "{stderr}");
    assert_no_new_traces(&before);
    tare().args(["bench", "--engine", "managed", "--resume"]).arg(&run).assert().success();
}
