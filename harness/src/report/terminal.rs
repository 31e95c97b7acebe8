//! The report on a terminal: what a newcomer needs, at most 100 columns wide.

use std::fmt::Write as _;

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, Width, presets,
};

use super::gate::gate;
use super::power::power;
use super::{Report, ScenarioReport, aa, causes, cost, facts, labels, summary};
use crate::metrics::percent;
use crate::record::{Effect, Verdict};

const WIDTH: u16 = 100;
/// A blank on either side of a cell.
const PADDING: u16 = 2;
/// What the words of how sure a row is need at least, `95 %: 5.2 % more to` with its padding.
const LEAST_SURE: u16 = 22;
pub(super) const INDENT: &str = "  ";

/// The whole report; `colour` where it goes to a terminal that shows it.
pub fn terminal(report: &Report<'_>, colour: bool) -> String {
    let mut text = String::new();
    for part in &report.scenarios {
        text.push_str(&scenario(part, colour));
        text.push('\n');
    }
    let summary = summary(report, colour);
    if !summary.is_empty() {
        text.push_str(&summary);
        text.push('\n');
    }
    if let Some(since) = &report.since {
        text.push_str(&gate(since, &[]));
        text.push('\n');
    }
    text.push_str(&footer(report));
    text
}

/// One scenario of it, for when that is ready and others are still being measured.
pub fn scenario(report: &ScenarioReport<'_>, colour: bool) -> String {
    let plan = report.rows.plan;
    let mark = if report.rows.on_stand_ins() { " *" } else { "" };
    let title = format!("{}{mark}: {}", plan.name, plan.question);
    let mut text = paragraph(&bold(&title, colour), "");
    for row in report.headlines() {
        text.push_str(&paragraph(&labels::headline(row), INDENT));
    }
    for failure in report.rows.failures() {
        text.push_str(&paragraph(&failure, INDENT));
    }
    // Of what was not measured the claims say why.
    if report.essential().any(|row| row.naive.is_some() || row.optimized.is_some()) {
        text.push('\n');
        text.push_str(&metrics(report));
    }
    for cost in causes::costs(&report.rows) {
        text.push_str(&paragraph(&cost.sentence(), INDENT));
    }
    for (note, row) in report.essential().flat_map(|row| row.notes.iter().map(move |note| (note, row))) {
        text.push_str(&paragraph(&format!("{}: {note}", labels::metric(&row.metric)), INDENT));
    }
    if !report.claims.is_empty() {
        text.push('\n');
        text.push_str(&claims(report, colour));
    }
    text
}

/// What the first block says, in a few lines; from one block nothing follows yet.
pub fn first_look(report: &ScenarioReport<'_>) -> String {
    let mut text =
        format!("{}: a first look, from one block of {}", report.rows.plan.name, report.rows.plan.blocks);
    for row in report.headlines() {
        text.push('\n');
        text.push_str(paragraph(&labels::headline(row), INDENT).trim_end());
    }
    text
}

fn metrics(report: &ScenarioReport<'_>) -> String {
    let mut table = table(false);
    table.set_header(["measured", "naive", "optimized", "change", "how sure"]);
    for row in report.essential() {
        table.add_row([
            labels::metric(&row.metric),
            labels::value(row.naive.as_ref(), &row.metric),
            labels::value(row.optimized.as_ref(), &row.metric),
            labels::change(row),
            labels::certainty(row),
        ]);
    }
    // Only how sure a row is breaks into lines, and a name where too little room would be left for that.
    for column in 0..4 {
        if let Some(column) = table.column_mut(column) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let widths: Vec<u16> = table.column_max_content_widths().iter().map(|width| width + PADDING).collect();
    let room = (WIDTH - INDENT.len() as u16).saturating_sub(widths[1..4].iter().sum::<u16>() + LEAST_SURE);
    if widths[0] > room
        && let Some(names) = table.column_mut(0)
    {
        names.set_constraint(ColumnConstraint::Absolute(Width::Fixed(room)));
    }
    for column in [1, 2] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    indented(&table)
}

fn claims(report: &ScenarioReport<'_>, colour: bool) -> String {
    let mut table = table(colour);
    table.set_header(["does it pay?", "does the figure hold?", "claim, and what was found"]);
    for (claim, row) in &report.claims {
        table.add_row([
            coloured(labels::effect(row.effect), effect_colour(row.effect)),
            coloured(labels::verdict(row.verdict), verdict_colour(row.verdict)),
            Cell::new(format!("\u{201c}{}\u{201d}\n{}", claim.text, row.reason)),
        ]);
    }
    for (column, width) in [(0, 14), (1, 23)] {
        if let Some(column) = table.column_mut(column) {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
        }
    }
    indented(&table)
}

/// What holds for the whole run, below its scenarios.
pub fn footer(report: &Report<'_>) -> String {
    let info = &report.records.info;
    let mut text = String::new();
    for sentence in aa::sentences(report.false_positives.as_deref()) {
        text.push_str(&paragraph(&sentence, ""));
    }
    for line in cost::lines(report) {
        text.push_str(&paragraph(&line, ""));
    }
    if report.scenarios.iter().any(|scenario| scenario.rows.on_stand_ins()) {
        let bases = facts::stand_ins(info).join("; ");
        text.push_str(&paragraph(
            &format!(
                "* Built on local stand-ins, as no registry was used: {bases}. Sizes that include the base are \
                 those of the stand-in."
            ),
            "",
        ));
    }
    text.push_str(&paragraph(
        "Values are medians over the blocks; a block is one build of each variant, side by side. 1 MB is \
         a million bytes. \u{201c}95 %\u{201d} is the exact interval of the change; on time it needs 6 blocks. \
         What is measured as a size or a count must repeat in 2.",
        "",
    ));
    if let Some(stopping) = facts::stopping(info) {
        text.push_str(&paragraph(&stopping, ""));
    }
    let tested = facts::tested(report);
    if tested > 0 {
        let _ = writeln!(
            text,
            "Claims on time that were tested: {tested}; claims.csv has p adjusted for their number."
        );
    }
    for sentence in power(report) {
        text.push_str(&paragraph(&sentence, ""));
    }
    if let Some((seconds, share)) = facts::overhead(report.records) {
        let _ = writeln!(
            text,
            "The harness's own time in a build: median {:.0} ms, {} of the build.",
            seconds * 1e3,
            percent(share)
        );
    }
    text.push_str(&paragraph(&format!("Profile {}; {}.", info.profile, facts::engine(info)), ""));
    text.push_str(&paragraph(&format!("{}.", facts::machine(info)), ""));
    text
}

pub(super) fn table(colour: bool) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH - INDENT.len() as u16);
    if colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

pub(super) fn indented(table: &Table) -> String {
    table.lines().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{INDENT}{}", line.strip_prefix(' ').unwrap_or(&line).trim_end());
        text
    })
}

pub(super) fn coloured(text: &str, colour: Option<Color>) -> Cell {
    match colour {
        Some(colour) => Cell::new(text).fg(colour).add_attribute(Attribute::Bold),
        None => Cell::new(text),
    }
}

pub(super) fn effect_colour(effect: Effect) -> Option<Color> {
    match effect {
        Effect::Helps => Some(Color::Green),
        Effect::Hurts => Some(Color::Red),
        Effect::NoEffect | Effect::Unclear => None,
    }
}

pub(super) fn verdict_colour(verdict: Verdict) -> Option<Color> {
    match verdict {
        Verdict::Supported | Verdict::BetterThanClaimed => Some(Color::Green),
        Verdict::Contradicted => Some(Color::Red),
        Verdict::Inconclusive | Verdict::NotMeasured => None,
    }
}

pub(super) fn bold(text: &str, colour: bool) -> String {
    if colour { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Text broken at blanks into lines of at most [`WIDTH`] columns.
pub(super) fn paragraph(text: &str, indent: &str) -> String {
    let mut lines = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let length = indent.len() + line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && length > WIDTH as usize {
            let _ = writeln!(lines, "{indent}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(lines, "{indent}{line}");
    lines
}
