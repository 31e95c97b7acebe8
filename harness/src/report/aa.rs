//! What an A/A run says: how often a difference was found where there is none.

use std::fmt::Write as _;

use super::labels;
use super::markdown::plain;
use crate::claims::FalsePositives;
use crate::metrics::{percent, percent_range};
use crate::scenario::SampleColumn;
use crate::stats::{LEAST_BLOCKS, clopper_pearson};

/// What kind of run it is and what it found, in words; nothing where `rows` is `None`: it is no A/A run.
pub(super) fn sentences(rows: Option<&[FalsePositives]>) -> Vec<String> {
    let Some(rows) = rows else { return Vec::new() };
    let mut sentences = vec![
        "This is an A/A run: the naive variant was measured against itself, with both sides labelled as usual. It says \
         nothing on the practice; each difference in it is chance, or a fault of the method."
            .to_owned(),
    ];
    if rows.is_empty() {
        sentences.push(format!("Nothing was compared: that takes {LEAST_BLOCKS} whole blocks of an event."));
        return sentences;
    }
    let of = |pick: fn(&FalsePositives) -> u32| rows.iter().map(pick).sum::<u32>();
    let comparisons = of(|row| row.comparisons);
    sentences.push(format!(
        "False positives: {comparisons} comparisons of {LEAST_BLOCKS} blocks each were judged as practices are. Called a \
         help or a hurt: {}. An interval without \u{201c}no difference\u{201d} in it, worth speaking of or not: {}; at six \
         blocks that happens to 3.1 % by design.",
        rate(of(|row| row.effects), comparisons),
        rate(of(|row| row.intervals), comparisons)
    ));
    sentences.push(
        "The intervals of these rates are those of Clopper and Pearson, for independent comparisons; wall and CPU \
         seconds of one build are not quite that."
            .to_owned(),
    );
    sentences
}

/// `2 of 60 (3.3 %, 95 % interval 0.4 to 12 %)`.
fn rate(hits: u32, of: u32) -> String {
    let share = percent(f64::from(hits) / f64::from(of.max(1)));
    let interval = clopper_pearson(hits, of).map_or(String::new(), |interval| {
        format!(", 95 % interval {}", percent_range(interval.low, interval.high))
    });
    format!("{hits} of {of} ({share}{interval})")
}

/// A row for each event: name, comparisons, help or hurt, interval without "no difference".
fn table(rows: &[FalsePositives]) -> impl Iterator<Item = [String; 3]> {
    rows.iter().map(|row| {
        let what = if row.column == SampleColumn::Cpu { "CPU time" } else { "time" };
        let name = format!("{}, {}: {what}", row.scenario, labels::event(&row.event));
        [name, rate(row.effects, row.comparisons), rate(row.intervals, row.comparisons)]
    })
}

/// The section of `report.md`, with a row an event; nothing where it is no A/A run.
pub(super) fn section(rows: Option<&[FalsePositives]>) -> String {
    let Some(rows) = rows else { return String::new() };
    let mut text = format!("## A/A run\n\n{}\n\n", sentences(Some(rows)).join("\n\n"));
    if !rows.is_empty() {
        text.push_str("| | called a help or a hurt | interval excludes no difference |\n|---|---|---|\n");
        for [name, effects, intervals] in table(rows) {
            let _ = writeln!(text, "| {} | {effects} | {intervals} |", plain(&name));
        }
        text.push('\n');
    }
    text
}
