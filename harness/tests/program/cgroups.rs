//! Version 2 of control groups and nothing else, as most machines have it, also where this one has version 1.

use harness::scenario::create;

use crate::support::{assert_nothing_left, engine_lock, rows, tare};

/// Runs a command where version 2 is all that is mounted; the machine's own mounts stay as they are.
const UNIFIED: &str = "mount --make-rprivate / && umount -R /sys/fs/cgroup && \
                       mount -t cgroup2 none /sys/fs/cgroup && exec \"$@\"";

#[test]
fn under_version_2_alone_builds_are_measured_with_their_processor_time() {
    let _engine = engine_lock();
    let root = tempfile::tempdir().expect("a directory");
    create(root.path(), "unified").expect("a new scenario");
    let run = root.path().join("run");
    let program = tare();
    let mut bench = assert_cmd::Command::new("unshare");
    bench.args(["--mount", "sh", "-c", UNIFIED, "sh"]).arg(program.get_program());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => bench.env(name, value),
            None => bench.env_remove(name),
        };
    }
    bench.args(["bench", "unified", "--profile", "smoke", "--engine", "managed", "--scenarios"]);
    bench.arg(root.path()).arg("--out").arg(&run).assert().success();
    assert_nothing_left();

    let samples = rows(&run.join("samples.csv"));
    assert_eq!(samples.len(), 6, "three events of two variants");
    let cores = std::thread::available_parallelism().expect("processors").get() as f64;
    for sample in &samples {
        assert_eq!(sample["error"], "");
        let [cpu_s, wall_s] =
            ["cpu_s", "wall_s"].map(|column| sample[column].parse::<f64>().expect("seconds"));
        // What the engine did just before its counter was read a second time is in it, too.
        assert!(cpu_s > 0.0 && cpu_s < cores * (wall_s + 1.0), "{cpu_s} of {wall_s} s on {cores} cores");
    }
}
