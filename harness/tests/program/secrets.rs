//! Planted secrets: all of them found where they were left, none where they were not, and none in a record.

use std::collections::BTreeSet;

use harness::scenario::{Canaries, Profile, builtin_dir, load_all};

use crate::support::{engine_lock, replace, rows, tare, workspace};

#[test]
fn every_canary_is_found_in_the_naive_image_and_none_in_the_optimized_one() {
    let _engine = engine_lock();
    let out = tempfile::tempdir().expect("a directory");
    let run = out.path().join("run");
    tare()
        .args(["bench", "secrets", "--profile", "smoke", "--engine", "managed", "--strict", "--out"])
        .arg(&run)
        .assert()
        .success();
    let leaks = rows(&run.join("secrets.csv"));
    let naive: BTreeSet<&str> = leaks.iter().map(|row| &*row["canary"]).collect();
    assert_eq!(naive, ["arg", "copied", "dotenv", "env", "index"].into(), "{leaks:#?}");
    assert!(leaks.iter().all(|row| row["variant"] == "naive"), "{leaks:#?}");
    let found = |canary: &str, place: &str, at: &str| {
        let is = |row: &&std::collections::BTreeMap<String, String>| {
            row["canary"] == canary && row["place"] == place && row["found_at"].contains(at)
        };
        assert!(leaks.iter().any(|row| is(&row)), "{canary}, {place}, {at}: {leaks:#?}");
    };
    found("copied", "layer", "/root/.netrc, hidden by a later layer");
    found("dotenv", "layer", "/app/.env");
    found("index", "layer", "pip.conf");
    found("env", "config", "API_KEY");
    for place in ["history", "provenance"] {
        found("arg", place, "");
    }
    let images = rows(&run.join("images.csv"));
    let counted = |variant: &str| -> BTreeSet<&str> {
        images.iter().filter(|row| row["variant"] == variant).map(|row| &*row["secrets_found"]).collect()
    };
    assert_eq!((counted("naive"), counted("optimized")), (["5"].into(), ["0"].into()));

    // A record may be published: no value stands in one.
    let info = std::fs::read_to_string(run.join("run.json")).expect("the file");
    let info: serde_json::Value = serde_json::from_str(&info).expect("JSON");
    let names = ["secrets".to_owned()];
    let scenarios = load_all(&[builtin_dir().expect("a folder")], &names, Profile::Smoke).expect("it loads");
    let canaries = Canaries::of(&scenarios[0], info["id"].as_str().expect("an id"));
    assert_eq!(canaries.values().len(), 5);
    for entry in walkdir::WalkDir::new(&run) {
        let entry = entry.expect("the run directory is readable");
        let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
        for value in canaries.values().values() {
            assert!(!text.contains(value.as_str()), "{}", entry.path().display());
        }
    }
}

/// A gate is worth something only if it closes: here the optimized image, too, copies what it should mount, in
/// a stage that is not shipped.
#[test]
fn strict_refuses_an_optimized_image_whose_cache_holds_a_secret() {
    let _engine = engine_lock();
    let out = tempfile::tempdir().expect("a directory");
    let root = out.path().join("scenarios");
    let dir = root.join("leaky");
    let from = workspace().join("scenarios/secrets");
    for entry in walkdir::WalkDir::new(&from) {
        let entry = entry.expect("the scenario is readable");
        let target = dir.join(entry.path().strip_prefix(&from).expect("a prefix"));
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(&target).expect("a folder");
        } else {
            std::fs::copy(entry.path(), &target).expect("a file");
        }
    }
    let dockerfile = dir.join("optimized.Dockerfile");
    replace(
        &dockerfile,
        "FROM python:3.11-slim\n",
        "FROM python:3.11-slim AS model\nCOPY netrc /netrc\nCOPY hub /hub\n\nFROM python:3.11-slim\n",
    );
    replace(&dockerfile, "COPY --chmod=755 hub hub\n", "COPY --from=model /hub hub\n");
    let run = out.path().join("run");
    let output = tare()
        .args(["bench", "leaky", "--profile", "smoke", "--engine", "managed", "--strict", "--scenarios"])
        .arg(&root)
        .arg("--out")
        .arg(&run)
        .output()
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("leaky") && stderr.contains("copied"), "{stderr}");
    let leaks = rows(&run.join("secrets.csv"));
    let optimized: Vec<_> = leaks.iter().filter(|row| row["variant"] == "optimized").collect();
    assert!(
        !optimized.is_empty() && optimized.iter().all(|row| row["place"] == "cache-export"),
        "{optimized:#?}"
    );
}
