//! `report DIR`: makes the report of a run anew and prints it.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;

use super::args::Format;
use super::colour;
use crate::record::RunDir;
use crate::report::{self, Report};

/// Writes the derived files of the run at `dir` and prints its report as `format`.
///
/// # Errors
/// [`BadInput`](crate::error::BadInput) when there is no run at `dir`.
pub fn run(dir: &Path, format: Format) -> Result<()> {
    let dir = RunDir::open(dir)?;
    let records = dir.read()?;
    let report = Report::of(&records);
    report::write(&dir, &report)?;
    let text = match format {
        Format::Text => report::terminal(&report, colour::on_stdout()),
        Format::Md => report::markdown(&report),
        Format::Html => report::html(&report)?,
        Format::Brief => report::brief(&report),
        Format::Json => report::json(&report),
        Format::Bencher => report::bencher(&report),
        Format::GithubActionBenchmark => report::github_action_benchmark(&report),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
