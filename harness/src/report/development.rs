//! What people develop in, held against what is shipped.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::labels;
use super::markdown::plain;
use crate::metrics::ScenarioRecords;
use crate::record::{Counterpart, CounterpartKind};
use crate::scenario::{Event, Variant};

/// Differences of one image that are listed; development.csv has all.
const LISTED: usize = 15;

/// The section of a scenario that names development stages; nothing for any other.
pub(super) fn section(scenario: &ScenarioRecords<'_>) -> String {
    let mut images: BTreeMap<(usize, Variant), Vec<&Counterpart>> = BTreeMap::new();
    let place = |event: &Event| scenario.plan.events.iter().position(|planned| planned == event);
    for row in &scenario.development {
        if let Some(place) = place(&row.event) {
            images.entry((place, row.variant)).or_default().push(row);
        }
    }
    if images.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "### Development against production\n\n\
         What is installed in the shipped image, held against the image of the development stage, which is built \
         after the cold build and not again. What development has besides is not counted. One block of each.\n\n\
         | shipped image | variant | held against | unlike | package | in development | in production |\n\
         |---|---|---:|---:|---|---|---|\n",
    );
    for ((place, variant), rows) in images {
        let block = rows.iter().map(|row| row.block).min();
        let rows: Vec<_> = rows.into_iter().filter(|row| Some(row.block) == block).collect();
        let unlike: Vec<_> = rows.iter().filter(|row| row.differs()).collect();
        let image = format!(
            "{} | {variant} | {} | {}",
            plain(&labels::event(&scenario.plan.events[place])),
            rows.len(),
            unlike.len()
        );
        if unlike.is_empty() {
            let _ = writeln!(text, "| {image} | | | |");
        }
        for (number, row) in unlike.iter().take(LISTED).enumerate() {
            let image = if number == 0 { image.as_str() } else { " | | |" };
            let _ = writeln!(
                text,
                "| {image} | {} | {} | {} |",
                plain(&called(row)),
                plain(row.development.as_deref().unwrap_or("not installed")),
                plain(&row.production)
            );
        }
        if unlike.len() > LISTED {
            let _ = writeln!(text, "|  | | | | {} more | | |", unlike.len() - LISTED);
        }
    }
    text.push('\n');
    text
}

fn called(row: &Counterpart) -> String {
    match row.kind {
        CounterpartKind::Interpreter => "Python itself".to_owned(),
        CounterpartKind::Python => row.name.clone(),
        CounterpartKind::Distribution => format!("{} (distribution)", row.name),
    }
}
