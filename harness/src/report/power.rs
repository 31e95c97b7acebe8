//! How many blocks a difference takes to be seen, at the noise of the run.

use super::Report;
use crate::metrics::{Comparison, percent, percent_range};
use crate::scenario::{Metric, SampleColumn};
use crate::stats;

/// The differences for which it is said.
const REDUCTIONS: [f64; 3] = [0.05, 0.1, 0.2];
/// Builds that take less, in seconds, are left out: nobody asks for 5 % of them, and they vary more.
const LEAST_S: f64 = 1.0;

/// A sentence for wall and one for CPU seconds, each with the noise it goes by; none where no build was measured in
/// enough blocks.
pub(super) fn power(report: &Report<'_>) -> Vec<String> {
    let columns = [(SampleColumn::Wall, "time"), (SampleColumn::Cpu, "CPU time")];
    columns.into_iter().filter_map(|(column, name)| sentence(name, &noise(report, column))).collect()
}

/// The standard deviation of the blocks' log-ratios, of each event of each scenario.
fn noise(report: &Report<'_>, column: SampleColumn) -> Vec<f64> {
    let comparisons = report.scenarios.iter().flat_map(|scenario| &scenario.comparisons);
    comparisons
        .filter(|row| matches!(&row.metric, Metric::Sample(of, _) if *of == column))
        .filter_map(deviation)
        .collect()
}

fn deviation(row: &Comparison) -> Option<f64> {
    let (naive, optimized) = (row.naive.as_ref()?, row.optimized.as_ref()?);
    if naive.median.min(optimized.median) < LEAST_S || (row.blocks as usize) < stats::LEAST_BLOCKS {
        return None;
    }
    let pairs: Vec<(f64, f64)> = naive
        .values
        .iter()
        .filter_map(|(block, naive)| {
            let (_, optimized) = optimized.values.iter().find(|(other, _)| other == block)?;
            Some((*naive, *optimized))
        })
        .collect();
    stats::standard_deviation(&stats::log_ratios(&pairs))
}

fn sentence(name: &str, noise: &[f64]) -> Option<String> {
    let typical = stats::median(noise)?;
    let least = noise.iter().copied().fold(f64::INFINITY, f64::min);
    let most = noise.iter().copied().fold(0.0, f64::max);
    let blocks = REDUCTIONS.map(|reduction| stats::blocks_to_see(reduction, typical));
    let [five, ten, twenty] = REDUCTIONS.map(|reduction| format!("{:.0} %", reduction * 100.0));
    let from = match noise.len() {
        1 => "of one comparison".to_owned(),
        count => format!("the median of {count} comparisons, {}", percent_range(least, most)),
    };
    Some(format!(
        "To see a difference in {name} in eight of ten runs takes {} blocks for {five}, {} for {ten} and {} for {twenty}, \
         at the noise of this run: the ratio of a block varies by {} (standard deviation, {from}).",
        blocks[0],
        blocks[1],
        blocks[2],
        percent(typical)
    ))
}
