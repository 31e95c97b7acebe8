//! `compare` as CI calls it: what it prints, and its exit code.

use std::path::{Path, PathBuf};

use assert_cmd::Command;

use crate::support::{copy, reference, said};

fn compare(base: &Path, new: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tare"));
    command.arg("compare").args([base, new]);
    command
}

/// A copy of the reference run in which the optimized image of `weights` weighs a megabyte more.
fn heavier(root: &Path) -> PathBuf {
    let run = copy(root);
    let mut reader = csv::Reader::from_path(run.join("images.csv")).expect("images.csv");
    let headers = reader.headers().expect("a header").clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    let mut writer = csv::Writer::from_path(run.join("images.csv")).expect("it is writable");
    writer.write_record(&headers).expect("a header");
    for row in rows {
        let planted = &row[0] == "weights" && &row[1] == "optimized";
        let fields = row.iter().enumerate().map(|(column, field)| {
            if planted && column == 2 {
                (field.parse::<u64>().expect("bytes") + 1_000_000).to_string()
            } else {
                field.to_owned()
            }
        });
        writer.write_record(fields).expect("a row");
    }
    run
}

#[test]
fn a_run_held_against_itself_passes() {
    let (stdout, _) = said(&mut compare(&reference(), &reference()), 0);
    assert!(stdout.contains("0 worse, 0 better, 0 other"), "{stdout}");
}

#[test]
fn a_megabyte_more_fails_the_gate_and_is_named() {
    let root = tempfile::tempdir().expect("a directory");
    let run = heavier(root.path());
    let (stdout, stderr) = said(&mut compare(&reference(), &run), 3);
    assert!(stdout.contains("worse: weights, optimized: image: compressed, as pulled:"), "{stdout}");
    assert!(stdout.lines().all(|line| line.chars().count() <= 100), "{stdout}");
    assert!(stderr.contains("1 worse than in"), "{stderr}");
    let (json, _) = said(compare(&reference(), &run).arg("--json"), 3);
    let json: serde_json::Value = serde_json::from_str(&json).expect("one JSON document");
    assert_eq!(json["findings"][0]["metric"], "compressed_bytes");
    assert_eq!(json["findings"][0]["direction"], "worse");
    assert_eq!(json["over_budget"], serde_json::json!([]));
}

#[test]
fn a_budget_fails_the_gate_and_a_bad_one_is_bad_input() {
    let root = tempfile::tempdir().expect("a directory");
    let file = root.path().join("budget.toml");
    let with = |text: &str| {
        std::fs::write(&file, text).expect("a file");
        let mut command = compare(&reference(), &reference());
        command.arg("--budget").arg(&file);
        command
    };
    let limit = "[[limit]]\nmetric = \"secrets_found\"\nmax = 0\nscenario = \"secrets\"\n";
    said(&mut with(limit), 0);
    let (stdout, stderr) = said(&mut with(&format!("{limit}variant = \"naive\"\n")), 3);
    assert!(stdout.contains("over budget: secrets: secrets_found of naive is 5"), "{stdout}");
    assert!(stderr.contains("1 over budget"), "{stderr}");
    let (_, stderr) = said(&mut with("[[limit]]\nmetric = \"secrets\"\nmax = 0\n"), 2);
    assert!(stderr.contains("budget.toml:2: "), "{stderr}");
    let (_, stderr) = said(&mut compare(&reference(), root.path()), 2);
    assert!(stderr.contains("is not a run directory"), "{stderr}");
}
