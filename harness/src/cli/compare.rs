//! `compare BASE NEW`: the gate for CI.

use std::io::Write as _;

use anyhow::Result;
use serde::Serialize;

use super::args::Compare;
use crate::claims::settle;
use crate::error::GateFailed;
use crate::gate::{self, Budget, Outcome, Passed};
use crate::record::RunDir;
use crate::report;

#[derive(Serialize)]
struct Document<'o> {
    #[serde(flatten)]
    outcome: &'o Outcome,
    over_budget: &'o [Passed],
}

/// Compares two runs and prints what is worse.
///
/// # Errors
/// [`GateFailed`] where something is worse or a budget is passed; [`BadInput`](crate::error::BadInput) where the runs
/// or the budget cannot be used.
pub fn run(args: &Compare) -> Result<()> {
    let (base, new) = (RunDir::open(&args.base)?.read()?, RunDir::open(&args.new)?.read()?);
    let names: Vec<&str> = new.plan.scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
    let budget = args.budget.as_deref().map(|path| Budget::read(path, &names)).transpose()?;
    let outcome = gate::compare((&base, &settle(&base)), (&new, &settle(&new)))?;
    let passed = budget.map(|budget| budget.passed(&new, &outcome)).unwrap_or_default();
    let text = if args.json {
        serde_json::to_string_pretty(&Document { outcome: &outcome, over_budget: &passed })? + "\n"
    } else {
        report::gate(&outcome, &passed)
    };
    std::io::stdout().write_all(text.as_bytes())?;
    let counts = [
        (outcome.broken.len(), format!("failing that did not in {}", outcome.base)),
        (outcome.worse().count(), format!("worse than in {}", outcome.base)),
        (passed.len(), "over budget".to_owned()),
    ];
    let reasons: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if reasons.is_empty() { Ok(()) } else { Err(GateFailed(reasons.join(", ")).into()) }
}
