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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::compare;
    use crate::record::Records;
    use crate::record::testing::RunBuilder;
    use crate::scenario::{Metric, SampleColumn};

    type Unlike<'a> = (Variant, u32, CounterpartKind, &'a str, Option<&'a str>, &'a str);

    /// Two blocks of two images; what is `unlike` is named with both versions, and numpy is alike.
    fn records(unlike: &[Unlike<'_>]) -> Records {
        let seconds = [1.0, 1.0];
        let run = RunBuilder::new().scenario("s");
        let mut records = run.samples(&Event::Cold, SampleColumn::Wall, &seconds, &seconds).build();
        let row =
            |variant, block, kind, name: &str, development: Option<&str>, production: &str| Counterpart {
                scenario: "s".to_owned(),
                variant,
                event: Event::Cold,
                block,
                kind,
                name: name.to_owned(),
                development: development.map(str::to_owned),
                production: production.to_owned(),
            };
        for variant in Variant::BOTH {
            for block in [1, 2] {
                let alike = row(variant, block, CounterpartKind::Python, "numpy", Some("2.1"), "2.1");
                records.development.push(alike);
            }
        }
        let unlike = unlike.iter();
        records.development.extend(unlike.map(|(variant, block, kind, name, development, production)| {
            row(*variant, *block, *kind, name, *development, production)
        }));
        records
    }

    #[test]
    fn what_is_unlike_is_counted_and_named() {
        let naive = Variant::Naive;
        let records = records(&[
            (naive, 1, CounterpartKind::Interpreter, "python", Some("3.12"), "3.11"),
            (naive, 1, CounterpartKind::Python, "fastapi", None, "0.165"),
            (naive, 2, CounterpartKind::Interpreter, "python", Some("3.12"), "3.11"),
            (naive, 2, CounterpartKind::Python, "fastapi", Some("0.136"), "0.165"),
        ]);
        let scenario = &ScenarioRecords::split(&records)[0];
        let text = section(scenario);
        assert!(text.contains("| cold build | naive | 3 | 2 | Python itself | 3.12 | 3.11 |\n"), "{text}");
        assert!(text.contains("|  | | | | fastapi | not installed | 0.165 |\n"), "{text}");
        assert!(text.contains("| cold build | optimized | 1 | 0 | | | |\n"), "{text}");
        let row = compare(scenario, &Metric::DevelopmentDifferences(Event::Cold));
        assert_eq!((row.naive.unwrap().max, row.optimized.unwrap().max, row.blocks), (2.0, 0.0, 2));
        assert_eq!(row.reduction.unwrap().estimate, 1.0);
    }

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let names: Vec<String> = (0..20).map(|number| format!("p{number}")).collect();
        let kind = CounterpartKind::Distribution;
        let unlike: Vec<_> = names.iter().map(|name| (Variant::Naive, 1, kind, &**name, None, "1")).collect();
        let records = records(&unlike);
        let text = section(&ScenarioRecords::split(&records)[0]);
        assert!(text.contains("p14 (distribution)") && !text.contains("p15 "), "{text}");
        assert!(text.contains("| 5 more |"), "{text}");
    }

    #[test]
    fn what_was_not_held_against_anything_is_not_measured() {
        let mut records = records(&[]);
        records.development.clear();
        let scenario = &ScenarioRecords::split(&records)[0];
        assert!(section(scenario).is_empty());
        let row = compare(scenario, &Metric::DevelopmentDifferences(Event::Cold));
        assert!(row.naive.is_none() && row.reduction.is_err());
    }
}
