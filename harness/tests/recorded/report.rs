//! `report` with what it may be told: a team's month, and an earlier run.

use std::path::Path;

use assert_cmd::Command;

use crate::support::{copy, copy_of, reference, references, said};

fn report(run: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tare"));
    command.arg("report").arg(run);
    command
}

/// The example of the README, so that it is true.
fn example() -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = std::fs::read_to_string(readme).expect("the README");
    let (_, section) = text.split_once("## What it comes to in a month").expect("the section");
    let lines = section.lines().skip_while(|line| !line.starts_with("    currency"));
    let lines = lines.take_while(|line| line.starts_with("    ") || line.is_empty());
    lines.map(|line| format!("{}\n", line.trim_start())).collect()
}

/// Who reads them in the repository reads what the program says today.
#[test]
fn committed_reports_are_what_is_made_of_their_records() {
    let runs = references();
    assert!(runs.len() > 2, "{runs:?}");
    for committed in runs {
        let root = tempfile::tempdir().expect("a directory");
        let made = copy_of(&committed, root.path());
        let mut derived = vec!["claims.csv".into(), "report.html".into(), "report.md".into()];
        for plot in std::fs::read_dir(committed.join("plots")).expect("plots").flatten() {
            derived.push(Path::new("plots").join(plot.file_name()));
        }
        for file in &derived {
            let _ = std::fs::remove_file(made.join(file));
        }
        said(&mut report(&made), 0);
        let plots = std::fs::read_dir(made.join("plots")).expect("plots").count();
        assert_eq!(plots + 3, derived.len(), "{}: plots that nobody makes any more", committed.display());
        for file in derived {
            let read = |run: &Path| std::fs::read(run.join(&file)).expect("a derived file");
            let same = read(&made) == read(&committed);
            let file = committed.join(&file);
            assert!(same, "{} is not what the program makes: cargo xtask report its folder", file.display());
        }
    }
}

#[test]
fn a_month_is_kept_with_the_run_and_shown_with_what_was_assumed() {
    let root = tempfile::tempdir().expect("a directory");
    let run = copy(root.path());
    let file = root.path().join("team.toml");
    std::fs::write(&file, example()).expect("a file");
    let (stdout, _) = said(report(&run).arg("--cost").arg(&file), 0);
    assert!(stdout.contains("8 developers who each build"), "{stdout}");
    assert!(stdout.contains("layer-order: developers wait "), "{stdout}");
    assert!(stdout.lines().all(|line| line.chars().count() <= 100), "{stdout}");
    let written =
        || ["report.md", "report.html"].map(|name| std::fs::read_to_string(run.join(name)).expect(name));
    let first = written();
    assert!(first.iter().all(|text| text.contains("What it comes to in a month")));
    // Made again from the directory alone, it is the same.
    said(&mut report(&run), 0);
    assert_eq!(first, written());
    let (json, _) = said(report(&run).args(["--format", "json"]), 0);
    let json: serde_json::Value = serde_json::from_str(&json).expect("one JSON document");
    assert_eq!(json["cost"]["developers"]["count"], 8.0);
    let months = json["scenarios"].as_array().expect("a list").iter().map(|scenario| &scenario["month"]);
    let saved = months.map(|month| &month["money"]["saved"]);
    assert!(saved.clone().all(|saved| saved.is_number() || saved.is_null()) && saved.count() > 10);
}

#[test]
fn a_month_that_cannot_be_read_is_bad_input_and_nothing_is_kept() {
    let root = tempfile::tempdir().expect("a directory");
    let run = copy(root.path());
    let file = root.path().join("team.toml");
    std::fs::write(&file, example().replace("cold = 2", "cold = -2")).expect("a file");
    let (_, stderr) = said(report(&run).arg("--cost").arg(&file), 2);
    assert!(stderr.contains("team.toml:") && stderr.contains("-2 is no amount"), "{stderr}");
    assert!(!run.join("cost.toml").exists());
}

#[test]
fn what_became_of_an_earlier_run_is_printed_and_not_kept() {
    let root = tempfile::tempdir().expect("a directory");
    let run = copy(root.path());
    for format in ["text", "md", "html", "json"] {
        let (stdout, _) = said(report(&run).args(["--format", format, "--baseline"]).arg(reference()), 0);
        let expected = match format {
            "text" => "held against run",
            "md" => "## Since run ",
            "html" => "Since run ",
            _ => "\"times_refused\"",
        };
        assert!(stdout.contains(expected), "{format}: {stdout}");
    }
    let kept = std::fs::read_to_string(run.join("report.md")).expect("report.md");
    assert!(!kept.contains("Since run"), "the files are made from the run directory alone");
    let (_, stderr) = said(report(&run).arg("--baseline").arg(root.path()), 2);
    assert!(stderr.contains("is not a run directory"), "{stderr}");
}
