//! `report DIR`: makes the report of a run anew and prints it.

use std::io::Write as _;

use anyhow::Result;

use super::args::{Format, Report as Args};
use super::colour;
use crate::record::{Assumptions, RunDir};
use crate::report::{self, Report};

/// Writes the derived files of a run and prints its report. What it is held against is printed alone: the files are
/// made from the run directory and from nothing else.
///
/// # Errors
/// [`BadInput`](crate::error::BadInput) where there is no run, or a file that is named cannot be used.
pub fn run(args: &Args) -> Result<()> {
    let dir = RunDir::open(&args.dir)?;
    let earlier = args.baseline.as_ref().map(|earlier| RunDir::open(earlier)?.read()).transpose()?;
    if let Some(path) = &args.cost {
        dir.write_cost(&Assumptions::text_of(path)?)?;
    }
    let records = dir.read()?;
    let mut report = Report::of(&records);
    report::write(&dir, &report)?;
    if let Some(earlier) = &earlier {
        report.since(earlier)?;
    }
    let text = match args.format {
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
