//! What people develop in, held against what is shipped; and that looking at single stages changes nothing of
//! what is measured.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use harness::record::{RebuiltBy, RunDir};
use harness::scenario::create;

use crate::support::{engine_lock, package, replace, rows, tare};

fn numpy(version: &str) -> String {
    package("numpy", version)
}

/// A scenario whose naive development stage goes its own way, and whose optimized one is what is shipped and
/// more. Both take a planted secret along, which no shipped image has.
fn scenario(root: &Path) {
    const BASE: &str = "FROM python:3.11-slim";
    const SERVICE: &str = "USER 65534\nCMD [\"python\", \"service.py\"]\n";
    let dir = create(root, "agreeing").expect("a new scenario");
    let (own, shipped, tool, onnx) =
        (numpy("2.0"), numpy("2.1"), package("pytest", "9.0"), package("onnx", "1.20"));
    let naive = format!(
        "{BASE} AS dev\nCOPY .env /\n{own}{BASE}\nWORKDIR /app\nCOPY service.py assets.py ./\n\
         RUN python assets.py /assets\n{shipped}{onnx}{SERVICE}"
    );
    let optimized = format!(
        "{BASE} AS packages\n{shipped}{onnx}FROM packages AS dev\nCOPY .env /\n{tool}{BASE}\nWORKDIR /app\n\
         COPY assets.py ./\nRUN --mount=type=cache,target=/var/tmp/kept python assets.py /assets\n\
         COPY --from=packages /opt /opt\nCOPY service.py ./\n{SERVICE}"
    );
    for (name, text) in [("naive", naive), ("optimized", optimized)] {
        std::fs::write(dir.join(format!("{name}.Dockerfile")), text).expect("a Dockerfile");
    }
    std::fs::write(dir.join("context/.env"), "KEY=@TARE_CANARY:key@\n").expect("a file");
    let file = dir.join("scenario.toml");
    replace(&file, "optimized = \"RUN python assets.py\"", "optimized = \"python assets.py /assets\"");
    replace(&file, "\"edit-source\"]", "\"edit-source\", \"ci-edit-source\"]");
    replace(
        &file,
        "nonce_files = [\"service.py\"]",
        "nonce_files = [\"service.py\", \".env\"]\ncanaries = [\"key\"]\n\n[development]\nnaive = \"dev\"\noptimized = \"dev\"",
    );
    let mut text = std::fs::read_to_string(&file).expect("the scenario");
    text.push_str(
        "\n[[claims]]\nname = \"agrees\"\ntext = \"they agree\"\nsource = \"nobody\"\n\
         metric = \"development_differences@cold\"\nexpected_min = 1.0\nexpected_max = 1.0\nprofiles = [\"smoke\"]\n",
    );
    std::fs::write(&file, text).expect("the scenario is writable");
}

#[test]
fn another_version_in_development_is_found_and_equal_ones_are_none() {
    let _engine = engine_lock();
    let root = tempfile::tempdir().expect("a directory");
    scenario(root.path());
    let run = root.path().join("run");
    tare()
        .args([
            "bench",
            "agreeing",
            "--profile",
            "smoke",
            "--blocks",
            "2",
            "--engine",
            "managed",
            "--scenarios",
        ])
        .arg(root.path())
        .arg("--out")
        .arg(&run)
        .assert()
        .success();
    let held = rows(&run.join("development.csv"));
    for block in ["1", "2"] {
        let of = |variant: &str| -> Vec<&BTreeMap<String, String>> {
            held.iter().filter(|row| row["variant"] == variant && row["block"] == block).collect()
        };
        let unlike = |variant: &str| -> BTreeSet<[&str; 3]> {
            of(variant)
                .into_iter()
                .filter(|row| row["development"] != row["production"])
                .map(|row| ["name", "development", "production"].map(|column| row[column].as_str()))
                .collect()
        };
        assert_eq!(unlike("naive"), [["numpy", "2.0", "2.1"], ["onnx", "", "1.20"]].into(), "block {block}");
        assert!(unlike("optimized").is_empty(), "block {block}");
        // Python itself, the base's packages and the two of the image's own.
        for variant in ["naive", "optimized"] {
            let kinds: BTreeSet<&str> = of(variant).iter().map(|row| row["kind"].as_str()).collect();
            assert_eq!(kinds, ["distribution", "interpreter", "python"].into(), "{variant}, block {block}");
            assert!(of(variant).iter().all(|row| row["event"] == "cold"), "{variant}, block {block}");
        }
        let python = of("naive").into_iter().find(|row| row["kind"] == "interpreter").expect("Python");
        assert_eq!((&*python["development"], &*python["production"]), ("3.11", "3.11"));
    }
    let claims = rows(&run.join("claims.csv"));
    let agrees = claims.iter().find(|row| row["claim"] == "agrees").expect("the claim");
    assert_eq!((&*agrees["effect"], &*agrees["verdict"]), ("helps", "supported"), "{agrees:#?}");
    let report = std::fs::read_to_string(run.join("report.md")).expect("the report");
    assert!(report.contains("| numpy | 2.0 | 2.1 |") && report.contains("| onnx | not installed | 1.20 |"));

    // The cold builds of two blocks are rebuilds: a first look at whether the image is the same again.
    let rebuilt = RunDir::open(&run).expect("a run").read_repro().expect("repro.json");
    let found: Vec<_> = rebuilt.iter().map(|all| (all.made_by, all.rebuilds, all.identical)).collect();
    assert_eq!(found, [(RebuiltBy::Bench, 2, true); 2], "{rebuilt:#?}");

    // A stage to develop in is no part of the shipped image's build, in whichever block.
    let images = rows(&run.join("images.csv"));
    let secrets: Vec<&str> = images.iter().map(|row| row["secrets_found"].as_str()).collect();
    assert_eq!(secrets, ["0"; 4]);
    // Nothing that was looked at has changed what the next build must send.
    let samples = rows(&run.join("samples.csv"));
    let noops: Vec<&str> = samples
        .iter()
        .filter(|row| row["event"] == "noop")
        .map(|row| row["context_bytes"].as_str())
        .collect();
    assert_eq!(noops, ["0"; 4]);
    // A step with a cache mount is found in an imported cache like any other.
    let steps = rows(&run.join("steps.csv"));
    let cached: Vec<&str> = steps
        .iter()
        .filter(|row| {
            row["variant"] == "optimized"
                && row["event"] == "ci-edit-source"
                && row["name"].contains("assets.py /assets")
        })
        .map(|row| row["cached"].as_str())
        .collect();
    assert_eq!(cached, ["true"; 2]);
}
