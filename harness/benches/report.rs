//! What the report of a large run takes: 100 scenarios of 50 blocks, made from a run directory by the program itself.
//! The bound is 2 s and 200 MB.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::record::{Plan, Records, RunDir};
use serde::Serialize;

const SCENARIOS: usize = 100;
const BLOCKS: u32 = 50;
const ROUNDS: usize = 5;

fn main() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/reference-quick-2-cores");
    let run = RunDir::open(&results).expect("the reference run");
    let records = run.read().expect("the reference run");
    let dir = tempfile::tempdir().expect("a directory");
    enlarge(&records, &results, dir.path());
    let bytes: u64 = fs::read_dir(dir.path())
        .expect("the run")
        .map(|file| file.expect("a file").metadata().expect("a length").len())
        .sum();
    println!("{SCENARIOS} scenarios of {BLOCKS} blocks, {} MB of records", bytes / 1_000_000);
    for _ in 0..ROUNDS {
        let (took, peak) = report(dir.path());
        println!("report: {:.2} s, {} MB at the peak", took.as_secs_f64(), peak / 1000);
    }
    let page = fs::metadata(dir.path().join("report.html")).expect("the report").len();
    println!("report.html: {} MB", page / 1_000_000);
}

/// Writes a run of many scenarios, each with the rows of the reference run's `layer-order`, whose blocks are repeated.
fn enlarge(records: &Records, from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for file in fs::read_dir(from).expect("the run").map(|file| file.expect("a file")) {
        if file.file_type().expect("a kind").is_file() {
            fs::copy(file.path(), to.join(file.file_name())).expect("a copy");
        }
    }
    let one = records.plan.scenario("layer-order").expect("the reference run has it");
    let scenarios = (0..SCENARIOS).map(|number| {
        let mut scenario = one.clone();
        scenario.name = name(number);
        scenario.blocks = BLOCKS;
        scenario
    });
    let plan = Plan { scenarios: scenarios.collect(), steps: Vec::new(), ..records.plan.clone() };
    fs::write(to.join("plan.json"), serde_json::to_string(&plan).expect("JSON")).expect("plan.json");
    macro_rules! tables {
        ($($rows:ident in $file:literal),+) => {$(
            table(to, $file, &records.$rows, |row| (&row.scenario, row.block), |row, scenario, block| {
                row.scenario = scenario.into();
                row.block = block;
            });
        )+};
    }
    tables!(samples in "samples.csv", steps in "steps.csv", images in "images.csv", deltas in "deltas.csv");
}

/// The two blocks that have every event, again and again under other numbers.
fn table<R: Clone + Serialize>(
    to: &Path,
    file: &str,
    rows: &[R],
    key: impl Fn(&R) -> (&str, u32),
    set: impl Fn(&mut R, &str, u32),
) {
    let mut writer = csv::Writer::from_path(to.join(file)).expect("a table");
    for number in 0..SCENARIOS {
        for row in rows {
            let (scenario, first) = key(row);
            if scenario != "layer-order" || first > 2 {
                continue;
            }
            let mut row = row.clone();
            for again in 0..BLOCKS / 2 {
                set(&mut row, &name(number), first + 2 * again);
                writer.serialize(&row).expect("a row");
            }
        }
    }
    writer.flush().expect("a table");
}

fn name(number: usize) -> String {
    format!("layer-order-{number}")
}

/// Makes the report, and says how long it took and how many kilobytes of memory the program had at most.
fn report(dir: &Path) -> (Duration, u64) {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tare"))
        .args(["report", "--format", "brief"])
        .arg(dir)
        .stdout(Stdio::null())
        .spawn()
        .expect("the program");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("a state").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = kilobytes.unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_millis(5));
    }
    let took = began.elapsed();
    assert!(child.wait().expect("a state").success(), "the report was not made");
    (took, peak)
}
