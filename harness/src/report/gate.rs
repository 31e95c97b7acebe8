//! What became of a run since another one.

use super::labels;
use super::markdown::plain;
use super::terminal::paragraph;
use crate::gate::{ClaimChange, Direction, Finding, Outcome, Passed};
use crate::metrics::{Unit, less_or_more};
use crate::scenario::Evidence;
use crate::stats::Interval;

/// On a terminal: the worst first, one paragraph a finding; then what else is known, and a line that sums it up.
pub fn gate(outcome: &Outcome, passed: &[Passed]) -> String {
    let heading = format!("Run {} held against run {}:", outcome.new, outcome.base);
    let lines = [heading].into_iter().chain(lines(outcome, passed));
    lines.map(|line| paragraph(&line, "")).collect()
}

/// The same as a section of `report.md`; nothing where the run is not held against another.
pub(super) fn section(outcome: Option<&Outcome>) -> String {
    let Some(outcome) = outcome else { return String::new() };
    let lines: String = lines(outcome, &[]).iter().map(|line| format!("- {}\n", plain(line))).collect();
    format!("## Since run {}\n\n{lines}\n", plain(&outcome.base))
}

fn lines(outcome: &Outcome, passed: &[Passed]) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(passed.iter().map(|limit| format!("over budget: {}: {}", limit.scenario, limit.what)));
    let broken = outcome.broken.iter();
    lines.extend(broken.map(|broken| format!("fails now: {}: {}", broken.scenario, broken.what)));
    lines.extend(outcome.findings.iter().map(finding));
    for change in &outcome.digests {
        lines.push(format!(
            "another image: {}, {}: the digest of the cold build changed",
            change.scenario, change.variant
        ));
    }
    lines.extend(outcome.claims.iter().map(claim));
    if let Some(why) = &outcome.times_refused {
        lines.push(format!("times are not compared, since the runs were not made alike: {why}"));
    }
    lines.extend(outcome.notes.iter().cloned());
    let count = |direction| outcome.findings.iter().filter(|finding| finding.direction == direction).count();
    lines.push(format!(
        "{} worse, {} better, {} other; {} the same, or too little apart to tell{}{}{}",
        count(Direction::Worse),
        count(Direction::Better),
        count(Direction::Other),
        outcome.same,
        match outcome.untested {
            0 => String::new(),
            untested => format!("; {untested} times of too few blocks to be compared"),
        },
        match outcome.broken.len() {
            0 => String::new(),
            broken => format!("; {broken} fail now"),
        },
        if passed.is_empty() { String::new() } else { format!("; {} over budget", passed.len()) },
    ));
    lines
}

fn finding(finding: &Finding) -> String {
    let unit = Unit::of(&finding.quantity);
    let direction = match finding.direction {
        Direction::Worse => "worse",
        Direction::Better => "better",
        Direction::Other => "other",
    };
    let change = finding.change.map_or_else(|| "from nothing".to_owned(), |change| unit.change(-change));
    let mut text = format!(
        "{direction}: {}, {}: {}: {} → {}, {change}",
        finding.scenario,
        finding.variant,
        labels::metric(&finding.quantity),
        unit.format(finding.base),
        unit.format(finding.new),
    );
    if let (Evidence::Time, Some(low), Some(high), Some(p)) =
        (finding.quantity.evidence(), finding.low, finding.high, finding.p_holm)
    {
        let range = less_or_more(Interval { low: -high, high: -low });
        text.push_str(&format!(" (95 %: {range}; p {} for all tests together)", labels::p(p)));
    }
    text
}

fn claim(change: &ClaimChange) -> String {
    let words = |(effect, verdict)| format!("{}, {}", labels::effect(effect), labels::verdict(verdict));
    format!(
        "another answer: {}, {}: {} → {}",
        change.scenario,
        change.claim,
        words(change.base),
        words(change.new)
    )
}
