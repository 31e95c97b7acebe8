//! `diff` as it is called: what it prints, and with which exit code.

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::{contains, starts_with};
use serde_json::{Value, json};

fn diff() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tare"));
    command.arg("diff");
    command
}

/// A docker archive with one layer in which lie these files, each with a time of last change.
fn saved(path: &Path, files: &[(&str, &str, u64)]) {
    let mut layer = tar::Builder::new(Vec::new());
    let append = |tar: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8], mtime: u64| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(mtime);
        tar.append_data(&mut header, name, bytes).unwrap();
    };
    for (name, text, mtime) in files {
        append(&mut layer, name, text.as_bytes(), *mtime);
    }
    let layer = layer.into_inner().unwrap();
    let diff_id = harness::oci::Digest::of(&layer).to_string();
    let config =
        json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [diff_id]}});
    let mut archive = tar::Builder::new(Vec::new());
    append(&mut archive, "config.json", config.to_string().as_bytes(), 0);
    append(&mut archive, "layer.tar", &layer, 0);
    let manifest = json!([{"Config": "config.json", "Layers": ["layer.tar"]}]).to_string();
    append(&mut archive, "manifest.json", manifest.as_bytes(), 0);
    std::fs::write(path, archive.into_inner().unwrap()).unwrap();
}

#[test]
fn a_difference_is_a_result_and_comes_as_one_document() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a.tar"), dir.path().join("b.tar"));
    saved(&a, &[("var/log/dpkg.log", "monday", 1), ("x", "x", 1)]);
    saved(&b, &[("var/log/dpkg.log", "tuesday", 1), ("x", "x", 2)]);
    diff().args([&a, &b]).assert().code(0).stdout(starts_with("The images differ.\n"));
    diff().args([&a, &a]).assert().code(0).stdout(starts_with("The images are identical.\n"));
    let document = |more: &[&str]| -> Value {
        let output =
            diff().args([&a, &b]).arg("--json").args(more).assert().code(0).get_output().stdout.clone();
        serde_json::from_slice(&output).unwrap()
    };
    assert_eq!(
        document(&[]),
        json!({"identical": false, "differences": [
            {"path": "/var/log/dpkg.log", "layer": 1, "kind": "content", "cause": "dpkg-log",
             "fix": "rm /var/log/dpkg.log /var/log/alternatives.log in the same RUN", "a": "6 bytes", "b": "7 bytes"},
            {"path": "/x", "layer": 1, "kind": "metadata", "cause": "mtime",
             "fix": "set SOURCE_DATE_EPOCH and export with rewrite-timestamp=true",
             "a": "1970-01-01T00:00:01Z", "b": "1970-01-01T00:00:02Z"},
        ]})
    );
    assert_eq!(
        document(&["--assume-fixed", "dpkg-log", "mtime"]),
        json!({"identical": false, "differences": [], "assumed_fixed": ["mtime", "dpkg-log"], "identical_if_fixed": true})
    );
}

#[test]
fn bad_input_is_named_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let (good, bad) = (dir.path().join("good.tar"), dir.path().join("bad.tar"));
    saved(&good, &[("x", "x", 1)]);
    let refused = |b: &Path, word: &str| {
        let name = b.display().to_string();
        diff().args([&good, b]).assert().code(2).stderr(contains(name).and(contains(word)));
    };
    refused(&dir.path().join("nowhere.tar"), "docker save -o FILE IMAGE");
    std::fs::write(&bad, "no archive").unwrap();
    refused(&bad, "not a proper tar");
    refused(dir.path(), "neither index.json");
    // A layer that is not what the configuration says.
    saved(&bad, &[("x", "y", 1)]);
    let damaged = String::from_utf8_lossy(&std::fs::read(&bad).unwrap()).replace("y\0", "z\0");
    std::fs::write(&bad, damaged).unwrap();
    refused(&bad, "where the image's configuration names");
    diff()
        .args([&good, &good])
        .args(["--assume-fixed", "pyc-mtimes"])
        .assert()
        .code(2)
        .stderr(contains("`pyc-mtime`"));
}
