//! What a run directory promises: whole builds, on disk, once, whatever ends the process.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use tempfile::TempDir;

use super::build::Row;
use super::testing::{self, RunBuilder};
use super::*;
use crate::error::BadInput;
use crate::record::PlannedStep;
use crate::scenario::{Event, Start, Variant};

fn key(event: &str, block: u32) -> PlannedStep {
    PlannedStep {
        scenario: "layer-order".to_owned(),
        block,
        variant: Variant::Naive,
        event: event.parse().unwrap(),
    }
}

fn measured(key: &PlannedStep) -> MeasuredBuild {
    let step = |number: u32, name: &str| Step {
        scenario: key.scenario.as_str().into(),
        variant: key.variant,
        event: key.event.clone(),
        block: key.block,
        step: number,
        name: name.into(),
        instruction: true,
        cached: false,
        start_s: Some(0.0),
        seconds: Some(1.25),
        error: None,
        cause: None,
        inputs: "".into(),
    };
    let cold = key.event == Event::Cold;
    MeasuredBuild {
        steps: vec![step(1, "[1/2] FROM python:3.11-slim"), step(2, "[2/2] RUN echo \"a, b\"")],
        image: cold.then(|| testing::image(&key.scenario, key.variant, key.block)),
        delta: (!cold).then(|| testing::delta(key)),
        ..testing::sample(key, 1).into()
    }
}

fn new_run() -> (TempDir, RunDir) {
    let dir = tempfile::tempdir().unwrap();
    let records = RunBuilder::new().scenario("layer-order").build();
    let run = RunDir::create(dir.path().join("run"), &records.info, &records.plan).unwrap();
    (dir, run)
}

/// A run with `cold` and `edit-source` of block 1.
fn two_builds() -> (TempDir, RunDir) {
    let (dir, run) = new_run();
    let mut writer = run.writer().unwrap();
    for event in ["cold", "edit-source"] {
        writer.begin(&key(event, 1)).unwrap();
        writer.commit(&measured(&key(event, 1))).unwrap();
    }
    (dir, run)
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn message(error: &anyhow::Error) -> String {
    format!("{error:#}")
}

#[test]
fn what_was_written_is_read_back() {
    let (_dir, run) = two_builds();
    let records = RunDir::open(run.path()).unwrap().read().unwrap();
    let builds = [measured(&key("cold", 1)), measured(&key("edit-source", 1))];
    assert_eq!(records.info, *run.info());
    assert_eq!(records.plan, *run.plan());
    assert_eq!(records.samples, builds.clone().map(|build| build.sample));
    assert_eq!(records.steps, builds.clone().map(|build| build.steps).concat());
    assert_eq!(records.images, [builds[0].image.clone().unwrap()]);
    assert_eq!(records.deltas, [builds[1].delta.clone().unwrap()]);
}

#[test]
fn the_header_is_that_of_the_rows() {
    fn header<R: Row>(row: &R) -> Vec<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.serialize(row).unwrap();
        let bytes = writer.into_inner().unwrap();
        csv::Reader::from_reader(&bytes[..]).headers().unwrap().iter().map(str::to_owned).collect()
    }
    let build = measured(&key("cold", 1));
    assert_eq!(header(&build.sample), Sample::COLUMNS);
    assert_eq!(header(&build.steps[0]), Step::COLUMNS);
    assert_eq!(header(&build.image.unwrap()), Image::COLUMNS);
    assert_eq!(header(&testing::delta(&key("noop", 1))), Delta::COLUMNS);
}

/// `kill -9` in mid-write leaves any prefix of what would have been written.
#[test]
fn a_row_cut_off_at_any_byte_is_removed_and_harms_no_other() {
    let (_dir, run) = two_builds();
    let path = run.path().join("samples.csv");
    let before = run.read().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut failed = testing::sample(&key("noop", 1), 3);
    failed.error = Some("process failed:\n\"exit code\": 7,\nsee above\n".to_owned());
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.serialize(&failed).unwrap();
    let row = writer.into_inner().unwrap();
    assert!(row.iter().filter(|byte| **byte == b'\n').count() > 3, "the error has its line breaks");
    for cut in 0..row.len() {
        std::fs::write(&path, [&whole[..], &row[..cut]].concat()).unwrap();
        assert_eq!(run.read().unwrap(), before, "reading with {cut} bytes of a row");
        drop(run.writer().unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), whole, "repairing {cut} bytes of a row");
    }
}

#[test]
fn side_rows_without_a_sample_are_left_out_and_removed_by_the_next_writer() {
    let (_dir, run) = two_builds();
    let before = run.read().unwrap();
    let steps = std::fs::read_to_string(run.path().join("steps.csv")).unwrap();
    append(&run.path().join("steps.csv"), "layer-order,naive,noop,1,1,[1/2] RUN x,true,false,0.0,1.0,,,\n");
    append(&run.path().join("images.csv"), "layer-order,naive,1,1,1,1,1,2,registry,,,,,,\n");
    append(&run.path().join("deltas.csv"), "layer-order,naive,noop,1,1,1,0,\nlayer-order,na");
    assert_eq!(run.read().unwrap(), before);
    assert_ne!(
        std::fs::read_to_string(run.path().join("steps.csv")).unwrap(),
        steps,
        "reading repairs nothing"
    );
    let mut writer = run.writer().unwrap();
    assert_eq!(std::fs::read_to_string(run.path().join("steps.csv")).unwrap(), steps);
    writer.commit(&measured(&key("noop", 1))).unwrap();
    assert_eq!(run.read().unwrap().steps.len(), 6, "two of each build, none doubled");
}

#[test]
fn a_build_that_is_begun_again_gets_the_next_attempt() {
    let (_dir, run) = two_builds();
    let mut writer = run.writer().unwrap();
    assert_eq!(writer.begin(&key("noop", 1)).unwrap(), 1);
    drop(writer);
    let mut writer = run.writer().unwrap();
    assert_eq!(writer.begin(&key("noop", 1)).unwrap(), 2);
    assert_eq!(writer.begin(&key("noop", 1)).unwrap(), 3);
    assert_eq!(writer.begin(&key("cold", 2)).unwrap(), 1);
    assert!(writer.is_done(&key("cold", 1)) && !writer.is_done(&key("noop", 1)));
    assert!(message(&writer.begin(&key("cold", 1)).unwrap_err()).contains("already recorded"));
}

#[test]
fn a_build_is_recorded_once() {
    let (_dir, run) = two_builds();
    let error = run.writer().unwrap().commit(&measured(&key("cold", 1))).unwrap_err();
    assert!(message(&error).contains("layer-order, naive, cold, block 1 is already recorded"));

    let path = run.path().join("samples.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    append(&path, &format!("{}\n", text.lines().nth(1).unwrap()));
    let error = message(&run.read().unwrap_err());
    assert!(error.contains("samples.csv, line 4") && error.contains("already on line 2"), "{error}");
}

#[test]
fn one_process_writes_at_a_time() {
    let (_dir, run) = new_run();
    let writer = run.writer().unwrap();
    assert!(message(&run.writer().unwrap_err()).contains("another process is writing"));
    drop(writer);
    run.writer().unwrap();
}

#[test]
fn a_failed_build_has_no_timing() {
    let (_dir, run) = new_run();
    let mut writer = run.writer().unwrap();
    let mut build = measured(&key("cold", 1));
    build.sample.error = Some("exit code 7".to_owned());
    assert!(message(&writer.commit(&build).unwrap_err()).contains("failed and yet has a timing"));
    assert!(run.read().unwrap().samples.is_empty());
}

#[test]
fn rows_of_another_build_are_refused() {
    let (_dir, run) = new_run();
    let mut build = measured(&key("cold", 1));
    build.image = Some(testing::image("layer-order", Variant::Naive, 2));
    assert!(message(&run.writer().unwrap().commit(&build).unwrap_err()).contains("rows of another build"));
}

#[test]
fn times_carry_six_decimals() {
    let (_dir, run) = new_run();
    let mut build = measured(&key("cold", 1));
    build.sample.wall_s = Some(0.1 + 0.2);
    build.sample.cpu_s = Some(12.345_678_901);
    run.writer().unwrap().commit(&build).unwrap();
    let text = std::fs::read_to_string(run.path().join("samples.csv")).unwrap();
    assert!(text.contains(",0.3,") && text.contains(",12.345679,"), "{text}");
}

#[test]
fn a_bad_value_is_named_with_its_file_and_line() {
    let (_dir, run) = two_builds();
    let path = run.path().join("samples.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen(",10.0,", ",ten,", 1)).unwrap();
    let error = message(&run.read().unwrap_err());
    assert!(error.contains("samples.csv") && error.contains("line 2"), "{error}");

    std::fs::write(&path, text.replacen("wall_s", "seconds", 1)).unwrap();
    let error = message(&run.read().unwrap_err());
    assert!(error.contains("line 1") && error.contains("wall_s"), "{error}");
}

#[test]
fn a_newer_format_is_refused_even_with_keys_of_its_own() {
    let (_dir, run) = new_run();
    let path = run.path().join("run.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let version = |version| format!("\"format_version\": {version}");
    let newer = version(FORMAT_VERSION + 1) + ",\n\"mood\": \"good\"";
    std::fs::write(&path, text.replacen(&version(FORMAT_VERSION), &newer, 1)).unwrap();
    let error = RunDir::open(run.path()).unwrap_err();
    assert!(error.is::<BadInput>() && message(&error).contains("newer Tare"), "{error:#}");
    for (format, readable) in [(OLDEST_FORMAT - 1, false), (OLDEST_FORMAT, true)] {
        std::fs::write(&path, text.replacen(&version(FORMAT_VERSION), &version(format), 1)).unwrap();
        assert_eq!(RunDir::open(run.path()).is_ok(), readable, "{format}");
    }
}

#[test]
fn a_directory_that_is_no_run_or_is_in_use_is_bad_input() {
    let dir = tempfile::tempdir().unwrap();
    assert!(RunDir::open(dir.path()).unwrap_err().is::<BadInput>());
    std::fs::write(dir.path().join("notes.txt"), "").unwrap();
    let records = RunBuilder::new().build();
    let error = RunDir::create(dir.path(), &records.info, &records.plan).unwrap_err();
    assert!(error.is::<BadInput>() && message(&error).contains("not empty"));
}

#[test]
fn derived_files_are_replaced_whole_and_leave_nothing_beside_them() {
    let (_dir, run) = new_run();
    for text in ["a first text", "second"] {
        run.write_derived("plots/layer-order.svg", text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(run.path().join("plots/layer-order.svg")).unwrap(), "second");
    assert_eq!(std::fs::read_dir(run.path().join("plots")).unwrap().count(), 1);
}

/// A file system of 256 KiB at a directory, for as long as this lives. Needs root, as the managed
/// engine does.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(dir: &Path) -> Self {
        use rustix::mount::{MountFlags, mount};
        let size = std::ffi::CString::new("size=256k").unwrap();
        mount("tmpfs", dir, "tmpfs", MountFlags::empty(), size.as_c_str()).expect("root may mount a tmpfs");
        Self(dir.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::DETACH);
    }
}

#[test]
fn a_full_disk_is_an_error_and_what_was_measured_stays() {
    let dir = tempfile::tempdir().unwrap();
    let _disk = SmallDisk::mount(dir.path());
    let plan = RunBuilder::new().scenario("layer-order").build();
    let run = RunDir::create(dir.path().join("run"), &plan.info, &plan.plan).unwrap();
    let mut writer = run.writer().unwrap();
    // A disk fills in the middle of a row, not at its end.
    let long = |block: u32| {
        let mut build = measured(&key("cold", block));
        build.steps[0].name = "x".repeat(3_000).into();
        build
    };
    let full = (1..1_000).find_map(|block| writer.commit(&long(block)).err().map(|error| (block, error)));
    let (block, error) = full.expect("256 KiB are full before 1000 builds");
    assert!(
        message(&error).contains("cannot append to") && message(&error).contains("No space left"),
        "{error:#}"
    );
    let whole = run.read().unwrap();
    assert_eq!(whole.samples.len(), block as usize - 1);
    assert_eq!(whole.steps.len(), 2 * whole.samples.len(), "no step of the build that found no room");
    drop(writer);
    run.writer().unwrap();
    assert_eq!(run.read().unwrap(), whole);
}

const KILLED_RUN: &str = "TARE_TEST_KILLED_RUN";

#[test]
#[ignore = "the process that killed_writers_lose_and_double_nothing kills"]
fn writes_builds_until_killed() {
    let run = RunDir::open(std::env::var_os(KILLED_RUN).unwrap()).unwrap();
    let mut writer = run.writer().unwrap();
    println!("writing");
    for block in 1.. {
        let key = key("cold", block);
        if !writer.is_done(&key) {
            writer.begin(&key).unwrap();
            writer.commit(&measured(&key)).unwrap();
            println!("{block}");
        }
    }
}

#[test]
fn killed_writers_lose_and_double_nothing() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    let (_dir, run) = new_run();
    let mut promised = 0;
    for round in 0..5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["record::tests::writes_builds_until_killed", "--exact", "--ignored", "--nocapture"])
            .env(KILLED_RUN, run.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        // Each build that the child says is committed must be found again; then it dies somewhere in the next.
        let said = lines.by_ref().filter_map(|line| line.parse::<u32>().ok());
        promised = said.take(3 + round).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let records = run.read().unwrap();
        let blocks: Vec<u32> = records.samples.iter().map(|sample| sample.block).collect();
        assert_eq!(blocks, (1..=blocks.len() as u32).collect::<Vec<_>>());
        assert!(blocks.len() as u32 >= promised, "{promised} were promised: {blocks:?}");
        assert_eq!(records.steps.len(), 2 * blocks.len());
        assert_eq!(records.images.len(), blocks.len());
    }
    assert!(promised >= 20, "each writer went on where the last one died: {promised}");
}

/// Starts follow the first build of a block, whatever that is, and are believed if it is.
#[test]
fn starts_are_written_with_the_first_build_of_their_block() {
    let (_dir, run) = new_run();
    let start = |event| StartPhase {
        scenario: "layer-order".to_owned(),
        variant: Variant::Naive,
        event,
        block: 3,
        phase: "import".to_owned(),
        seconds: Some(0.5),
        error: None,
    };
    let starts = vec![start(Start::First), start(Start::Again)];
    let build = MeasuredBuild { starts: starts.clone(), ..measured(&key("noop", 3)) };
    run.writer().unwrap().commit(&build).unwrap();
    let elsewhere = MeasuredBuild { starts: starts.clone(), ..measured(&key("noop", 4)) };
    assert!(run.writer().unwrap().commit(&elsewhere).is_err(), "another block's");
    assert_eq!(run.read().unwrap().starts, starts);

    append(&run.path().join("startup.csv"), "layer-order,naive,first,4,import,0.5,\n");
    assert_eq!(run.read().unwrap().starts, starts, "no sample vouches for block 4");
    drop(run.writer().unwrap());
    assert_eq!(std::fs::read_to_string(run.path().join("startup.csv")).unwrap().lines().count(), 3);
}

#[test]
fn a_run_of_before_a_table_was_added_is_read_and_goes_on() {
    let (_dir, run) = two_builds();
    let file = run.path().join("layers.csv");
    std::fs::remove_file(&file).unwrap();
    let records = RunDir::open(run.path()).unwrap().read().unwrap();
    assert_eq!((records.samples.len(), records.layers.len()), (2, 0));
    let mut writer = run.writer().unwrap();
    writer.begin(&key("noop", 1)).unwrap();
    writer.commit(&measured(&key("noop", 1))).unwrap();
    assert!(file.is_file());
    // Any other table that is gone is a broken run.
    std::fs::remove_file(run.path().join("steps.csv")).unwrap();
    let error = message(&RunDir::open(run.path()).unwrap().read().unwrap_err());
    assert!(error.contains("steps.csv"), "{error}");
}

#[test]
fn what_was_seen_of_the_machine_is_noted_at_the_end_and_absent_keys_are_no_error() {
    let (_dir, run) = two_builds();
    let text = std::fs::read_to_string(run.path().join("run.json")).unwrap();
    for key in ["\"end\"", "\"aa\"", "\"precision_percent\"", "\"governor\""] {
        assert!(!text.contains(key), "{key} is left out where there is nothing to say: {text}");
    }
    let end = EndInfo { load_1m: 1.5, steal_share: Some(0.01) };
    run.note_end(end.clone()).unwrap();
    let again = RunDir::open(run.path()).unwrap();
    assert_eq!(again.info(), &RunInfo { end: Some(end), ..run.info().clone() });
    assert_eq!(again.read().unwrap().samples.len(), 2);
}
