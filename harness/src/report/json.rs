//! The report for programs: one JSON document.

use serde::Serialize;

use super::Report;
use crate::claims::FalsePositives;
use crate::gate::Outcome;
use crate::metrics::{Comparison, Estimate, Month, Summary, Unit};
use crate::record::{Assumptions, ClaimRow, RunInfo};

/// The whole report. Every key is always there; `null` is "not measured".
#[derive(Serialize)]
struct Document<'r> {
    run: &'r RunInfo,
    /// Of an A/A run; `null` of any other.
    false_positives: Option<&'r [FalsePositives]>,
    /// What became of it since an earlier run; `null` where it is held against none.
    since: Option<&'r Outcome>,
    /// What the months of the scenarios rest on; `null` where nothing was assumed.
    cost: Option<&'r Assumptions>,
    scenarios: Vec<Scenario<'r>>,
}

#[derive(Serialize)]
struct Scenario<'r> {
    name: &'r str,
    question: &'r str,
    stand_in_bases: bool,
    metrics: Vec<MetricRow<'r>>,
    claims: Vec<&'r ClaimRow>,
    /// `null` where nothing was assumed.
    month: Option<&'r Month>,
}

#[derive(Serialize)]
struct MetricRow<'r> {
    metric: String,
    unit: &'static str,
    naive: Option<&'r Summary>,
    optimized: Option<&'r Summary>,
    blocks: u32,
    estimate: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    bootstrap_low: Option<f64>,
    bootstrap_high: Option<f64>,
    p: Option<f64>,
    not_measured: Option<&'r str>,
    inconclusive: Option<&'r str>,
    notes: &'r [String],
}

/// The report as JSON, with a line break at its end.
pub fn json(report: &Report<'_>) -> String {
    let document = Document {
        run: &report.records.info,
        false_positives: report.false_positives.as_deref(),
        since: report.since.as_ref(),
        cost: report.records.cost.as_ref(),
        scenarios: report
            .scenarios
            .iter()
            .map(|scenario| Scenario {
                name: &scenario.rows.plan.name,
                question: &scenario.rows.plan.question,
                stand_in_bases: scenario.rows.on_stand_ins(),
                metrics: scenario.comparisons.iter().map(metric_row).collect(),
                claims: scenario.claims.iter().map(|(_, row)| row).collect(),
                month: scenario.month.as_ref(),
            })
            .collect(),
    };
    let mut text = serde_json::to_string_pretty(&document).expect("numbers, texts and lists are JSON");
    text.push('\n');
    text
}

fn metric_row(row: &Comparison) -> MetricRow<'_> {
    let estimate = row.reduction.as_ref().ok();
    let interval = estimate.and_then(|estimate| estimate.interval);
    let bootstrap = estimate.and_then(|estimate| estimate.bootstrap);
    MetricRow {
        metric: row.metric.to_string(),
        unit: match Unit::of(&row.metric) {
            Unit::Bytes => "bytes",
            Unit::Seconds => "seconds",
            Unit::Count => "count",
        },
        naive: row.naive.as_ref(),
        optimized: row.optimized.as_ref(),
        blocks: row.blocks,
        estimate: estimate.map(|estimate| estimate.estimate),
        low: interval.map(|interval| interval.low),
        high: interval.map(|interval| interval.high),
        bootstrap_low: bootstrap.map(|interval| interval.low),
        bootstrap_high: bootstrap.map(|interval| interval.high),
        p: estimate.and_then(Estimate::p),
        not_measured: row.reduction.as_ref().err().map(String::as_str),
        inconclusive: estimate.and_then(|estimate| estimate.lacking.as_deref()),
        notes: &row.notes,
    }
}
