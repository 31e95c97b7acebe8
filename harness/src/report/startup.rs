//! The start-up of both variants, phase by phase.

use std::fmt::Write as _;

use super::labels;
use super::markdown::plain;
use crate::metrics::{ScenarioRecords, Unit, percent};
use crate::record::AnswerKind;
use crate::scenario::{FetchStart, Metric, Phase, Start, TOTAL, Variant};
use crate::stats;

/// A smaller share of the total that no phase accounts for needs no word.
const GAP: f64 = 0.05;

/// A table for each kind of start, the phases in the order in which they happen; nothing where no start-up was measured.
/// Where the phases leave more than a twentieth of the total open, it says how much.
pub(super) fn section(rows: &ScenarioRecords<'_>) -> String {
    let mut text = String::new();
    for start in [Start::First, Start::Again] {
        text.push_str(&table(rows, start));
    }
    if text.is_empty() {
        return text;
    }
    text.push_str(&fetches(rows));
    format!(
        "### From pull to first result\n\n\
         Medians over the blocks. The total is measured on its own, up to the first result; the warm result comes after \
         it. Containers use the host's network: setting up a bridge is not in it. At a first start the image's files are in \
         memory, where unpacking has just put them; what is mounted comes from the disk.\n\n{text}"
    )
}

fn table(rows: &ScenarioRecords<'_>, start: Start) -> String {
    let of = |phase: &str, variant| median(rows, phase, start, variant);
    if Variant::BOTH.iter().all(|variant| of(TOTAL, *variant).is_none()) {
        return String::new();
    }
    let when = match start {
        Start::First => "first start, image not there",
        Start::Again => "started again",
    };
    let mut text = format!("| {when} | naive | optimized |\n|---|---:|---:|\n");
    for phase in Phase::ALL
        .iter()
        .filter(|phase| phase.happens(start, !rows.fetches.is_empty()))
        .map(|phase| phase.as_str())
    {
        let _ = writeln!(
            text,
            "| {phase} | {} | {} |",
            cell(rows, phase, start, Variant::Naive),
            cell(rows, phase, start, Variant::Optimized)
        );
    }
    let total =
        |variant| of(TOTAL, variant).map_or_else(|| "–".to_owned(), |seconds| Unit::Seconds.format(seconds));
    let _ = writeln!(text, "| **total** | {} | {} |\n", total(Variant::Naive), total(Variant::Optimized));
    for variant in Variant::BOTH {
        if let Some(gap) = gap(rows, start, variant).filter(|gap| *gap > GAP) {
            let _ = writeln!(text, "{variant}: no phase accounts for {} of the total.\n", percent(gap));
        }
    }
    text
}

/// What each start took from the store, and what it served then; nothing where no weights are fetched.
fn fetches(rows: &ScenarioRecords<'_>) -> String {
    if rows.fetches.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "Bytes by the store's own count, questions about files among them. A start is killed once half of the weights \
         were sent, and the next one finds the volume as it was left. An answer is held against that of the first \
         start.\n\n| weights fetched | naive | optimized |\n|---|---:|---:|\n",
    );
    for start in FetchStart::ALL {
        let of = |variant| fetched(rows, start, variant);
        let (naive, optimized) = (of(Variant::Naive), of(Variant::Optimized));
        let _ = writeln!(text, "| {} | {naive} | {optimized} |", labels::fetch_start(start));
    }
    text.push('\n');
    text
}

fn fetched(rows: &ScenarioRecords<'_>, start: FetchStart, variant: Variant) -> String {
    let starts = || rows.fetches.iter().filter(|row| row.variant == variant && row.event == start);
    // Also what a start that failed has taken.
    let bytes: Vec<f64> = starts().filter_map(|row| row.bytes).map(|bytes| bytes as f64).collect();
    let Some(median) = stats::median(&bytes) else { return "–".to_owned() };
    let bytes = Unit::Bytes.format(median);
    if start == FetchStart::Interrupted {
        let missed = starts().find_map(|row| row.error.as_deref());
        return missed.map_or(bytes, |why| format!("not interrupted: {}", plain(why)));
    }
    let wrong = starts().filter(|row| row.answer == Some(AnswerKind::Wrong)).count();
    let none = starts().filter(|row| row.answer.is_none()).count();
    match (wrong, none) {
        (0, 0) if start == FetchStart::First => format!("{bytes}, a model served"),
        (0, 0) => format!("{bytes}, the same model served"),
        (0, _) => format!("{bytes}, **no answer**"),
        _ => format!("{bytes}, **part of the model served**"),
    }
}

/// Seconds, or why there are none.
fn cell(rows: &ScenarioRecords<'_>, phase: &str, start: Start, variant: Variant) -> String {
    if let Some(seconds) = median(rows, phase, start, variant) {
        return Unit::Seconds.format(seconds);
    }
    let why =
        rows.starts.iter().find(|row| row.variant == variant && row.event == start && row.phase == phase);
    why.and_then(|row| row.error.as_deref()).map_or_else(|| "–".to_owned(), plain)
}

/// The share of the total that the phases up to the first result leave open.
fn gap(rows: &ScenarioRecords<'_>, start: Start, variant: Variant) -> Option<f64> {
    let total = median(rows, TOTAL, start, variant).filter(|total| *total > 0.0)?;
    let within = Phase::ALL.iter().filter(|phase| phase.is_in_total());
    let sum: f64 = within.filter_map(|phase| median(rows, phase.as_str(), start, variant)).sum();
    Some(1.0 - sum / total)
}

fn median(rows: &ScenarioRecords<'_>, phase: &str, start: Start, variant: Variant) -> Option<f64> {
    let values = rows.values(&Metric::StartPhase(phase.to_owned(), start), variant);
    stats::median(&values.into_values().collect::<Vec<f64>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Fetched;
    use crate::record::testing::RunBuilder;

    fn told(phases: &[(&str, f64)]) -> String {
        let run = phases.iter().fold(RunBuilder::new().scenario("s"), |run, (phase, seconds)| {
            run.starts(phase, Start::First, &[Some(*seconds)], &[Some(seconds / 2.0)])
        });
        section(&ScenarioRecords::split(&run.build())[0])
    }

    #[test]
    fn phases_stand_side_by_side_and_a_gap_is_named() {
        let text = told(&[("pull-fetch", 8.0), ("imports", 1.9), ("warm-result", 5.0), ("total", 10.0)]);
        assert!(text.contains("| pull-fetch | 8.00 s | 4.00 s |"), "{text}");
        assert!(text.contains("| **total** | 10.0 s | 5.00 s |"), "{text}");
        assert!(!text.contains("accounts"), "a hundredth is no gap: {text}");
        let text = told(&[("pull-fetch", 8.0), ("total", 10.0)]);
        assert!(text.contains("naive: no phase accounts for 20 % of the total."), "{text}");
    }

    #[test]
    fn what_starts_fetch_stands_beside_what_they_serve() {
        let run = RunBuilder::new().scenario("s").starts(TOTAL, Start::First, &[Some(2.0)], &[Some(2.0)]);
        let mut records = run.build();
        let row = |variant, event, bytes, answer| Fetched {
            scenario: "s".to_owned(),
            variant,
            event,
            block: 1,
            bytes: Some(bytes),
            answer,
            error: None,
        };
        let (right, wrong) = (Some(AnswerKind::Right), Some(AnswerKind::Wrong));
        records.fetches = vec![
            row(Variant::Naive, FetchStart::First, 48_000_000, right),
            row(Variant::Naive, FetchStart::Resumed, 0, wrong),
            row(Variant::Optimized, FetchStart::Interrupted, 24_000_000, None),
            row(Variant::Optimized, FetchStart::Resumed, 26_000_000, None),
        ];
        let text = section(&ScenarioRecords::split(&records)[0]);
        for line in [
            "| first start, volume empty | 48.0 MB, a model served | – |",
            "| killed half-way | – | 24.0 MB |",
            "| the start after one killed half-way | 0 B, **part of the model served** | 26.0 MB, **no answer** |",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn starts_of_another_kind_have_no_section() {
        assert_eq!(told(&[("import", 1.0)]), "");
    }
}
