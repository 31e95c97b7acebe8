//! `doctor`: what is there, what is missing, what to do.

use std::io::Write as _;

use anyhow::{Result, bail};

use super::session::interrupted;
use crate::cache::Cache;
use crate::doctor::{Report, State, examine};
use crate::engine::Choice;

/// Prints what a run would find on this machine, as one JSON document or for a person.
///
/// # Errors
/// If a run could not be made here; the report says why. If the user interrupts it.
pub async fn run(cache: &Cache, choice: &Choice, json: bool) -> Result<()> {
    let note = |line: &str| eprintln!("{line}");
    let report = tokio::select! {
        report = examine(cache, choice, &note) => report?,
        // An engine that was brought up for it goes down with it.
        () = interrupted() => bail!("interrupted before everything was looked at"),
    };
    let text = if json { serde_json::to_string_pretty(&report)? + "\n" } else { for_people(&report) };
    std::io::stdout().write_all(text.as_bytes())?;
    if !report.ready {
        bail!("this machine is not ready for `bench`: see what is missing above");
    }
    Ok(())
}

fn for_people(report: &Report) -> String {
    use std::fmt::Write as _;

    let mut text = String::new();
    for check in &report.checks {
        let mark = match check.state {
            State::Ok => "ok      ",
            State::Note => "note    ",
            State::Missing => "MISSING ",
        };
        let _ = writeln!(text, "{mark}{:<10} {}", check.name, check.finding);
        if let Some(remedy) = &check.remedy {
            let _ = writeln!(text, "{:>19}do: {remedy}", "");
        }
    }
    text
}
