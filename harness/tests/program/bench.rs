//! `bench` as a person runs it, on the managed engine: what it prints, what it records, what it leaves.

use std::collections::{BTreeMap, BTreeSet};

use harness::scenario::{Phase, Profile, Scenario, Start, builtin_dir, load_all};

use crate::support::{assert_nothing_left, engine_lock, rows, tare};

#[test]
fn smoke_measures_every_pair() {
    let _engine = engine_lock();
    let out = tempfile::tempdir().expect("a directory");
    let run = out.path().join("run");
    let output = tare()
        .args(["bench", "--profile", "smoke", "--engine", "managed", "--out"])
        .arg(&run)
        .output()
        .expect("it runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stdout}\n{stderr}");
    let all = load_all(&[builtin_dir().expect("the scenarios")], &[], Profile::Smoke).expect("they load");
    let said = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for scenario in &all {
        assert!(said.contains(&scenario.question), "there is no table of {}:\n{stdout}", scenario.name);
    }
    assert!(stdout.contains(&*run.to_string_lossy()), "the run directory is not named:\n{stdout}");

    for name in [
        "run.json",
        "plan.json",
        "samples.csv",
        "steps.csv",
        "images.csv",
        "deltas.csv",
        "claims.csv",
        "report.md",
        "report.html",
    ] {
        assert!(run.join(name).is_file(), "{name} is missing");
    }
    let samples = rows(&run.join("samples.csv"));
    assert!(samples.iter().all(|row| row["error"].is_empty()), "{samples:#?}");
    assert!(samples.iter().all(|row| row["wall_s"].parse::<f64>().is_ok_and(|s| s > 0.0)));
    let cells: BTreeSet<_> =
        samples.iter().map(|row| (&row["scenario"], &row["variant"], &row["event"], &row["block"])).collect();
    assert_eq!(cells.len(), samples.len(), "a sample is doubled");
    for scenario in &all {
        let events: BTreeSet<String> = scenario.events.iter().map(ToString::to_string).collect();
        for variant in ["naive", "optimized"] {
            let of = |row: &&BTreeMap<String, String>| {
                row["scenario"] == scenario.name && row["variant"] == variant
            };
            let built: BTreeSet<String> = samples.iter().filter(of).map(|row| row["event"].clone()).collect();
            assert_eq!(built, events, "{}, {variant}", scenario.name);
        }
    }
    each_phase_of_a_start_up_is_measured_or_says_why_not(&all, &rows(&run.join("startup.csv")));
    half_a_model_is_served_by_the_script_of_folklore_alone(&all, &rows(&run.join("fetches.csv")));
    every_claim_has_a_verdict_or_a_reason(&all, &rows(&run.join("claims.csv")));
    no_mirror_is_named(&run);
    assert_nothing_left();
}

/// Without a GPU its phases have a reason and never a zero; the others account for the total, which is measured apart.
fn each_phase_of_a_start_up_is_measured_or_says_why_not(
    all: &[Scenario],
    starts: &[BTreeMap<String, String>],
) {
    let started = all.iter().filter_map(|scenario| Some((scenario, scenario.startup.as_ref()?)));
    assert!(started.clone().count() >= 4, "gpu-startup, zstd-layers and both that fetch");
    for ((scenario, startup), variant) in started.flat_map(|one| ["naive", "optimized"].map(|v| (one, v))) {
        for start in [Start::First, Start::Again] {
            let event = start.to_string();
            let of = |row: &&BTreeMap<String, String>| {
                row["scenario"] == scenario.name && row["variant"] == variant && row["event"] == event
            };
            let rows: Vec<_> = starts.iter().filter(of).collect();
            let phases =
                Phase::ALL.iter().filter(|phase| phase.happens(start, startup.fetch.is_some())).count();
            assert_eq!(rows.len(), phases + 1, "{variant}, {event}: {rows:#?}");
            let mut sum = 0.0;
            let mut total = 0.0;
            for row in rows {
                let seconds = row["seconds"].parse::<f64>().ok();
                let reasoned = row["error"].starts_with("not measured: ");
                assert!(seconds.is_some_and(|seconds| seconds > 0.0) != reasoned, "{row:?}");
                match Phase::of(&row["phase"]) {
                    Some(phase) if phase.is_in_total() => sum += seconds.unwrap_or_default(),
                    Some(_) => {}
                    None => total = seconds.expect("the total"),
                }
            }
            let name = &scenario.name;
            assert!(
                sum / total >= 0.95,
                "{name}, {variant}, {event}: the phases account for {sum} of {total} s"
            );
        }
    }
}

/// A second start fetches nothing, by the store's own count; after one that was killed half-way, the careful script
/// fetches the rest, and the other serves what there is.
fn half_a_model_is_served_by_the_script_of_folklore_alone(
    all: &[Scenario],
    fetches: &[BTreeMap<String, String>],
) {
    for name in ["weights-s3", "weights-hub"] {
        let whole =
            all.iter().find(|scenario| scenario.name == name).map(|s| s.generated.values().sum::<u64>());
        let whole = whole.expect("the scenario");
        for variant in ["naive", "optimized"] {
            let of = |row: &&BTreeMap<String, String>| row["scenario"] == name && row["variant"] == variant;
            let told: Vec<_> = fetches.iter().filter(of).collect();
            let events: Vec<&str> = told.iter().map(|row| row["event"].as_str()).collect();
            assert_eq!(events, ["first", "again", "interrupted", "resumed"], "{name}, {variant}: {told:#?}");
            let bytes: Vec<u64> = told.iter().map(|row| row["bytes"].parse().expect("bytes")).collect();
            let answers: Vec<&str> = told.iter().map(|row| row["answer"].as_str()).collect();
            assert!(
                (whole..whole + whole / 10).contains(&bytes[0]),
                "{name}, {variant}: {bytes:?} of {whole}"
            );
            assert_eq!(bytes[1], 0, "{name}, {variant}: started again");
            assert!((whole / 3..=whole / 2).contains(&bytes[2]), "{name}, {variant}: {bytes:?} of {whole}");
            if variant == "naive" {
                assert_eq!((answers, bytes[3]), (vec!["right", "right", "", "wrong"], 0), "{name}");
            } else {
                assert_eq!(answers, ["right", "right", "", "right"], "{name}");
                assert!(
                    (whole / 3..whole).contains(&bytes[3]),
                    "{name}: what was whole is not fetched again: {bytes:?}"
                );
            }
        }
    }
}

/// One block and small payloads decide nothing, and each claim says so, and why.
fn every_claim_has_a_verdict_or_a_reason(all: &[Scenario], claims: &[BTreeMap<String, String>]) {
    let claimed: Vec<(&str, &str)> = all
        .iter()
        .flat_map(|scenario| scenario.claims.iter().map(|claim| (&*scenario.name, &*claim.name)))
        .collect();
    let mut settled: Vec<_> = claims.iter().map(|row| (&*row["scenario"], &*row["claim"])).collect();
    let mut expected = claimed.clone();
    settled.sort_unstable();
    expected.sort_unstable();
    assert_eq!(settled, expected, "a row a claim");
    for row in claims {
        let reason = match &*row["verdict"] {
            "inconclusive" => "1 block",
            "not-measured" => "needs --profile",
            verdict => panic!("one block cannot give {verdict}: {row:#?}"),
        };
        assert!(row["reason"].contains(reason), "{row:#?}");
        assert_eq!(row["effect"], "unclear", "{row:#?}");
    }
}

/// The records may be published: no host of this machine's package mirrors stands in them.
fn no_mirror_is_named(run: &std::path::Path) {
    let archive =
        harness::debian::Archive::open(&crate::support::cache().join("debian")).expect("the archive");
    let hosts: Vec<String> = archive
        .sources()
        .expect("sources")
        .iter()
        .filter_map(|source| source.host().map(str::to_owned))
        .collect();
    assert!(!hosts.is_empty(), "this machine has no mirror, so the test shows nothing");
    for entry in walkdir::WalkDir::new(run) {
        let entry = entry.expect("the run directory is readable");
        let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
        for host in &hosts {
            assert!(!text.contains(host.as_str()), "{} names {host}", entry.path().display());
        }
    }
}

#[test]
fn layer_order_runs_and_skips_the_install_step_as_it_should_in_every_block() {
    let _engine = engine_lock();
    let out = tempfile::tempdir().expect("a directory");
    let run = out.path().join("run");
    tare()
        .args(["bench", "layer-order", "--profile", "smoke", "--engine", "managed", "--blocks", "3", "--out"])
        .arg(&run)
        .assert()
        .success();
    let steps = rows(&run.join("steps.csv"));
    let install_ran = |variant: &str, event: &str, block: u32| {
        let found: Vec<_> = steps
            .iter()
            .filter(|row| {
                row["variant"] == variant
                    && row["event"] == event
                    && row["block"] == block.to_string()
                    && row["instruction"] == "true"
                    && row["name"].contains("pip install")
            })
            .collect();
        assert_eq!(found.len(), 1, "{variant} {event} {block}: {found:#?}");
        found[0]["cached"] == "false"
    };
    for block in 1..=3 {
        for variant in ["naive", "optimized"] {
            assert!(install_ran(variant, "cold", block), "cold is cold, {variant}, block {block}");
            assert!(install_ran(variant, "edit-deps", block), "{variant}, block {block}");
        }
        assert!(install_ran("naive", "edit-source", block), "block {block}");
        assert!(!install_ran("optimized", "edit-source", block), "block {block}");
        assert!(install_ran("naive", "ci-edit-source", block), "block {block}");
        assert!(!install_ran("optimized", "ci-edit-source", block), "imported, block {block}");
    }
    let transfers = rows(&run.join("transfers.csv"));
    let bytes = |variant: &str, what: &str| -> Vec<u64> {
        let found = transfers.iter().filter(|row| row["variant"] == variant && row["what"] == what);
        found.map(|row| row["bytes"].parse().expect("bytes")).collect()
    };
    for mode in ["min", "max"] {
        let exported = bytes("optimized", &format!("cache-export-{mode}"));
        let imported = bytes("optimized", &format!("cache-import-{mode}"));
        let (naive, installed) = (bytes("naive", &format!("cache-import-{mode}")), 1_000_000);
        assert_eq!((exported.len(), imported.len(), naive.len()), (3, 3, 3), "{mode}");
        // What is not installed is pulled; where it is installed, there is nothing to pull.
        assert!(imported.iter().all(|bytes| *bytes > installed), "{mode}: {imported:?}");
        assert!(naive.iter().all(|bytes| *bytes < installed), "{mode}: {naive:?}");
        assert!(
            imported.iter().zip(&exported).all(|(down, up)| down < up),
            "{mode}: {imported:?} {exported:?}"
        );
    }
    let why = |variant: &str, event: &str| -> BTreeSet<&str> {
        let of_event = |row: &&BTreeMap<String, String>| {
            row["variant"] == variant && row["event"] == event && row["instruction"] == "true"
        };
        let ran = steps.iter().filter(of_event).filter(|row| row["cached"] == "false");
        ran.map(|row| row["cause"].as_str()).collect()
    };
    assert_eq!(
        why("naive", "edit-source"),
        BTreeSet::from(["[2/4] COPY --chmod=755 . .: service.py changed"])
    );
    assert_eq!(
        why("optimized", "edit-source"),
        BTreeSet::from(["[4/5] COPY --chmod=755 . .: service.py changed"])
    );
    assert_eq!(why("naive", "cold"), BTreeSet::from([""]), "where there is no cache, nothing misses it");
    let ran_in_noop: Vec<_> = steps
        .iter()
        .filter(|row| row["event"] == "noop" && row["instruction"] == "true" && row["cached"] == "false")
        .collect();
    assert!(ran_in_noop.is_empty(), "{ran_in_noop:#?}");
}

#[test]
fn weights_in_the_image_go_with_every_release_and_mounted_ones_with_none() {
    let _engine = engine_lock();
    let out = tempfile::tempdir().expect("a directory");
    let run = out.path().join("run");
    let mut bench = tare();
    bench.args(["bench", "weights", "--profile", "smoke", "--engine", "managed", "--out"]);
    bench.arg(&run).assert().success();
    let transfers = rows(&run.join("transfers.csv"));
    let bytes = |variant: &str, event: &str, what: &str| -> u64 {
        let is = |row: &&BTreeMap<String, String>| {
            row["variant"] == variant && row["event"] == event && row["what"] == what
        };
        let found: Vec<_> = transfers.iter().filter(is).collect();
        assert_eq!(found.len(), 1, "{variant}, {event}, {what}: {transfers:#?}");
        found[0]["bytes"].parse().expect("bytes")
    };
    let (weights, little) = (12_000_000, 100_000);
    for what in ["push", "pull"] {
        for event in ["edit-source", "edit-weights"] {
            assert!(bytes("naive", event, what) > weights, "{event}, {what}");
            assert!(bytes("optimized", event, what) < little, "{event}, {what}");
        }
        assert!(bytes("optimized", "cold", what) > little, "a first {what} moves the image");
    }
    // The first image and twelve releases; without the weights the first image and next to nothing.
    let stored = |variant| bytes(variant, "edit-weights", "stored") - bytes("optimized", "cold", "push");
    assert!(stored("naive") > 13 * weights && stored("optimized") < 13 * little);
}

#[test]
fn two_folders_with_a_dockerfile_each_are_a_pair() {
    let _engine = engine_lock();
    let root = tempfile::tempdir().expect("a directory");
    let folder = |name: &str, dockerfile: &str| {
        let dir = root.path().join(name);
        std::fs::create_dir(&dir).expect("a folder");
        std::fs::write(dir.join("Dockerfile"), dockerfile).expect("a file");
        std::fs::write(dir.join("requirements.txt"), "# none\n").expect("a file");
        std::fs::write(dir.join("app.py"), "print('hello')\n").expect("a file");
        dir
    };
    let install = "RUN pip install --no-cache-dir -r requirements.txt";
    let naive = folder("before", &format!("FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\n{install}\n"));
    let optimized = folder(
        "after",
        &format!("FROM python:3.11-slim\nWORKDIR /app\nCOPY requirements.txt .\n{install}\nCOPY app.py .\n"),
    );
    let run = root.path().join("run");
    let output = tare()
        .args(["bench", "--profile", "smoke", "--engine", "managed", "--out"])
        .arg(&run)
        .arg("--pair")
        .args([&naive, &optimized])
        .output()
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("app.py"), "it does not say what it edits: {stderr}");
    let steps = rows(&run.join("steps.csv"));
    let cached = |variant: &str| -> Vec<&str> {
        let install = |row: &&BTreeMap<String, String>| {
            row["variant"] == variant && row["event"] == "edit-source" && row["name"].contains("pip install")
        };
        steps.iter().filter(install).map(|row| &*row["cached"]).collect()
    };
    assert_eq!((cached("naive"), cached("optimized")), (vec!["false"], vec!["true"]));
    let untouched = std::fs::read_to_string(naive.join("app.py")).expect("the file");
    assert_eq!(untouched, "print('hello')\n", "the user's folder was changed");
}
