//! The report in at most 30 lines, for the comment on a merge request: the verdicts, and where to read on.

use std::fmt::Write as _;

use super::answers::order;
use super::markdown::plain;
use super::{Report, facts, labels, releases};
use crate::record::{ClaimRow, Effect, RebuiltBy, Verdict};

/// Lines that it never exceeds.
const LINES: usize = 30;
/// Lines beside the rows of the table.
const OTHERS: usize = 15;

/// The report as a short piece of Markdown.
pub fn brief(report: &Report<'_>) -> String {
    let mut rows: Vec<&ClaimRow> = report.claims().map(|(_, row)| row).collect();
    let effects = |effect| rows.iter().filter(|row| row.effect == effect).count();
    let verdicts = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let mut text = format!("**Tare, run {}: ", plain(&report.records.info.id));
    if report.false_positives.is_some() {
        text.push_str("an A/A run, a variant against itself; report.md has its false positives.**\n\n");
    } else if rows.is_empty() {
        text.push_str("no claims.**\n\n");
    } else {
        let _ = writeln!(
            text,
            "of {} claims {} help, {} hurt, {} change nothing, {} are unclear.**\n",
            rows.len(),
            effects(Effect::Helps),
            effects(Effect::Hurts),
            effects(Effect::NoEffect),
            effects(Effect::Unclear),
        );
        let _ = writeln!(
            text,
            "The quoted figure: {} supported, {} better than claimed, {} contradicted, {} inconclusive, {} not \
             measured.\n",
            verdicts(Verdict::Supported),
            verdicts(Verdict::BetterThanClaimed),
            verdicts(Verdict::Contradicted),
            verdicts(Verdict::Inconclusive),
            verdicts(Verdict::NotMeasured),
        );
    }
    let headline = releases::headline(report);
    if !headline.is_empty() {
        let _ = writeln!(text, "Bytes per release per node. {}\n", plain(&headline.join(" ")));
    }
    rows.sort_by_key(|row| order(row));
    let room = LINES - OTHERS;
    if !rows.is_empty() {
        text.push_str(
            "| scenario | claim | does it pay? | does the figure hold? | found |\n|---|---|---|---|---|\n",
        );
    }
    for row in rows.iter().take(room) {
        let _ = writeln!(
            text,
            "| {} | {} | **{}** | {} | {} |",
            plain(&row.scenario),
            plain(&row.claim),
            labels::effect(row.effect),
            labels::verdict(row.verdict),
            plain(labels::found(row)),
        );
    }
    if !rows.is_empty() {
        text.push('\n');
    }
    if rows.len() > room {
        let _ = writeln!(text, "{} more claims stand in `report.md` and `report.html`.", rows.len() - room);
    }
    let failures = report.scenarios.iter().map(|part| part.rows.failures().len()).sum::<usize>();
    if failures > 0 {
        let _ = writeln!(text, "Failed builds and starts: {failures}.");
    }
    text.push_str(&rebuilt(report));
    let info = &report.records.info;
    let stand_ins = report.scenarios.iter().any(|part| part.rows.on_stand_ins());
    let _ = writeln!(
        text,
        "{} profile; {}{}.",
        info.profile,
        plain(&facts::engine(info)),
        if stand_ins { "; on local stand-ins for base images" } else { "" }
    );
    text
}

/// How many images are the same when they are built again, in one line; nothing where none was.
fn rebuilt(report: &Report<'_>) -> String {
    let all = || report.records.repro.iter().filter(|all| all.rebuilds > 1);
    if all().next().is_none() {
        return String::new();
    }
    let broken: Vec<String> = all()
        .filter(|all| !all.identical)
        .map(|all| format!("{} ({})", plain(&all.scenario), all.variant))
        .collect();
    let same = all().count() - broken.len();
    let varied = all().any(|all| all.made_by == RebuiltBy::Repro);
    let how = if varied { "" } else { " in cold builds of which nothing was varied" };
    match &broken[..] {
        [] => format!("Rebuilt: {same} images, each the same again{how}.\n\n"),
        broken => format!(
            "Rebuilt: {same} images are the same again{how}, these are not: {}.\n\n",
            broken.join(", ")
        ),
    }
}
