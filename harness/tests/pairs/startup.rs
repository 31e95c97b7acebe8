//! The program of `gpu-startup` without an engine: what it marks, with a stub of the driver's library and without.

use std::path::Path;
use std::process::{Command, Output};

use harness::scenario::builtin_dir;

/// Phases that only a GPU has.
const ON_GPU: [&str; 4] = ["driver-init", "context", "module-load", "weights-to-device"];

struct Rig {
    dir: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("weights"), (0..=255).collect::<Vec<u8>>().repeat(400)).unwrap();
        Self { dir }
    }

    /// Builds the stub where the program finds it.
    fn with_driver(self) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pairs/libcuda.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-o"]).arg(self.dir.path().join("libcuda.so.1")).arg(source);
        assert!(cc.status().expect("a C compiler").success());
        self
    }

    fn answer(&self, env: &[(&str, &str)]) -> Output {
        let program = builtin_dir().unwrap().join("gpu-startup/context/answer.py");
        let mut python = Command::new("python3");
        python
            .arg(program)
            .env_remove("TARE_STARTUP")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("LD_LIBRARY_PATH", self.dir.path())
            .env("MODEL", self.dir.path().join("weights"))
            .envs(env.iter().copied());
        python.output().unwrap()
    }
}

/// Phase, begin and end of each line that marks one.
fn marks(output: &Output) -> Vec<(String, u64, u64)> {
    let text = String::from_utf8_lossy(&output.stderr);
    let marks = text.lines().filter_map(|line| line.strip_prefix("tare-startup "));
    marks
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            (words[0].to_owned(), words[1].parse().unwrap(), words[2].parse().unwrap())
        })
        .collect()
}

const ASKED: (&str, &str) = ("TARE_STARTUP", "1");

#[test]
fn each_phase_of_a_gpu_is_marked_in_order_and_none_overlaps() {
    let rig = Rig::new().with_driver();
    let output = rig.answer(&[ASKED]);
    assert!(output.status.success(), "{output:?}");
    let marks = marks(&output);
    let inside: Vec<&str> =
        marks.iter().map(|(phase, ..)| phase.as_str()).skip_while(|phase| *phase != "imports").collect();
    let expected =
        ["imports", "weights-read"].into_iter().chain(ON_GPU).chain(["first-result", "warm-result"]);
    assert_eq!(inside, expected.collect::<Vec<_>>());
    let inside = marks.iter().skip_while(|(phase, ..)| phase != "imports").collect::<Vec<_>>();
    assert!(inside.iter().all(|(_, begin, end)| begin <= end), "{inside:?}");
    assert!(inside.windows(2).all(|pair| pair[0].2 <= pair[1].1), "{inside:?}");
}

#[test]
fn the_answer_is_the_same_on_a_gpu_without_one_and_without_a_driver() {
    let (driver, none) = (Rig::new().with_driver(), Rig::new());
    let on_gpu = driver.answer(&[ASKED]);
    let no_device = driver.answer(&[ASKED, ("STUB_HAS_NO_DEVICE", "1")]);
    let no_driver = none.answer(&[ASKED]);
    for output in [&no_device, &no_driver] {
        assert!(output.status.success(), "{output:?}");
        assert_eq!(output.stdout, on_gpu.stdout);
        let marks = marks(output);
        assert!(!marks.iter().any(|(phase, ..)| ON_GPU.contains(&phase.as_str())), "{marks:?}");
        assert!(marks.iter().any(|(phase, ..)| phase == "first-result"), "{marks:?}");
    }
    assert!(String::from_utf8_lossy(&on_gpu.stdout).contains("\"bytes\": 102400"));
}

#[test]
fn a_driver_that_fails_or_reckons_wrongly_is_no_answer() {
    let rig = Rig::new().with_driver();
    for (fails, says) in
        [("cuInit", "error 999"), ("context", "error 2"), ("kernel", "not those of the processor")]
    {
        let output = rig.answer(&[ASKED, ("STUB_FAILS", fails)]);
        assert!(!output.status.success(), "{fails}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(says), "{fails}: {output:?}");
    }
}

#[test]
fn nothing_is_marked_that_nobody_asked_for() {
    let output = Rig::new().answer(&[]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
