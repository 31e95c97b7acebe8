//! What the differences come to in a month, for the team whose assumptions the run has.

use std::fmt::Write as _;

use super::Report;
use super::markdown::plain;
use crate::metrics::{Month, Monthly, Unit, three_digits};
use crate::record::{Amount, Assumptions};
use crate::scenario::Event;

/// A month of each scenario, in the order of the report; nothing where nothing was assumed.
fn months<'r>(report: &'r Report<'_>) -> impl Iterator<Item = (&'r str, &'r Month)> {
    report.scenarios.iter().filter_map(|part| Some((part.rows.plan.name.as_str(), part.month.as_ref()?)))
}

/// The section of `report.md`, a row a scenario; nothing where nothing was assumed.
pub(super) fn section(report: &Report<'_>) -> String {
    let Some(assumed) = &report.records.cost else { return String::new() };
    let mut text = String::from("## What it comes to in a month\n\n");
    let _ =
        writeln!(text, "Assumed, and none of it measured: {}.\n", plain(&assumptions(assumed).join("; ")));
    text.push_str("| |");
    for kind in KINDS {
        let _ = write!(text, " {} |", kind.name);
    }
    text.push_str(" not in these figures |\n|---|");
    text.push_str(&"---|".repeat(KINDS.len() + 1));
    text.push('\n');
    for (name, month) in months(report) {
        let _ = write!(text, "| {} |", plain(name));
        for kind in KINDS {
            let monthly = (kind.of)(month);
            let cell = monthly.map_or_else(String::new, |monthly| {
                let shown = |value| (kind.shown)(value, assumed);
                // Nothing is stressed of which it is not sure that it is there.
                let sure = monthly.interval.is_some_and(|interval| !interval.contains(0.0));
                let mark = if sure { "**" } else { "" };
                format!(
                    "{} → {}, {mark}{}{mark} ({})",
                    shown(monthly.naive),
                    shown(monthly.optimized),
                    less(monthly.saved, &shown),
                    certainty(monthly, &shown)
                )
            });
            let _ = write!(text, " {cell} |");
        }
        let _ = writeln!(text, " {} |", left_out(month));
    }
    let _ = writeln!(text, "\n{READ_AS}\n");
    text
}

/// For a terminal: a line a scenario, with what is saved.
pub(super) fn lines(report: &Report<'_>) -> Vec<String> {
    let Some(assumed) = &report.records.cost else { return Vec::new() };
    let mut lines = vec![format!("In a month, assumed that {}:", assumptions(assumed).join("; "))];
    for (name, month) in months(report) {
        let mut parts: Vec<String> = KINDS
            .iter()
            .filter_map(|kind| {
                let (monthly, shown) = ((kind.of)(month)?, |value| (kind.shown)(value, assumed));
                Some(format!(
                    "{} {} ({})",
                    kind.name,
                    less(monthly.saved, &shown),
                    certainty(monthly, &shown)
                ))
            })
            .collect();
        if !month.left_out.is_empty() {
            parts.push(format!("not in it, as it was not measured whole: {}", left_out(month)));
        }
        lines.push(format!("{name}: {}", parts.join("; ")));
    }
    lines.push(READ_AS.to_owned());
    lines
}

/// One of the quantities of a month.
struct Kind {
    name: &'static str,
    of: fn(&Month) -> Option<&Monthly>,
    shown: fn(f64, &Assumptions) -> String,
}

const KINDS: [Kind; 5] = [
    Kind { name: "developers wait", of: |month| month.waited_hours.as_ref(), shown: |value, _| hours(value) },
    Kind { name: "runners build", of: |month| month.runner_hours.as_ref(), shown: |value, _| hours(value) },
    Kind {
        name: "the registry keeps",
        of: |month| month.stored_bytes.as_ref(),
        shown: |value, _| Unit::Bytes.format(value),
    },
    Kind {
        name: "nodes pull",
        of: |month| month.pulled_bytes.as_ref(),
        shown: |value, _| Unit::Bytes.format(value),
    },
    Kind {
        name: "money",
        of: |month| month.money.as_ref(),
        shown: |value, assumed| format!("{} {}", three_digits(value), plain(&assumed.currency)),
    },
];

/// Two hours or more in hours, what is less in minutes or seconds.
fn hours(value: f64) -> String {
    if value.abs() >= 2.0 {
        format!("{} h", three_digits(value))
    } else {
        Unit::Seconds.format(value * 3600.0)
    }
}

const READ_AS: &str = "Seconds are those of the machine that measured; a build after an edit is one on a builder that \
                       keeps its cache, unless the event is a `ci-edit`. Where a row has several events, its interval is \
                       that of their sum, block by block.";

/// What is assumed, a part each.
fn assumptions(assumed: &Assumptions) -> Vec<String> {
    let currency = &assumed.currency;
    let price = |price: Option<Amount>, what: &str| {
        price.map_or_else(
            || format!("{what} without a price"),
            |price| format!("{what} at {} {currency}", f64::from(price)),
        )
    };
    let often = |often: &std::collections::BTreeMap<Event, Amount>| {
        let parts = often.iter().map(|(event, times)| format!("{} {event}", f64::from(*times)));
        parts.collect::<Vec<_>>().join(", ")
    };
    let mut parts = vec![format!("{} days", f64::from(assumed.days))];
    if let Some(developers) = &assumed.developers {
        parts.push(format!(
            "{} developers who each build {} a day, {}",
            f64::from(developers.count),
            often(&developers.builds_a_day),
            price(developers.hour, "an hour of waiting")
        ));
    }
    if let Some(runner) = &assumed.runner {
        let (builds, hour) = (often(&runner.builds_a_day), price(runner.hour, "an hour"));
        parts.push(format!("runners that build {builds} a day, {hour}"));
    }
    if let Some(registry) = &assumed.registry {
        let kept = often(&registry.releases_kept);
        let price = price(registry.gigabyte_month, "a gigabyte");
        parts.push(format!("a registry that keeps one image and the releases {kept}, {price}"));
    }
    if let Some(nodes) = &assumed.nodes {
        let (pulls, price) = (often(&nodes.pulls_a_day), price(nodes.gigabyte, "a gigabyte"));
        parts.push(format!("nodes that pull {pulls} a day, {price}"));
    }
    parts
}

/// `11.1 h less`, `2.00 EUR more`.
fn less(saved: f64, shown: &dyn Fn(f64) -> String) -> String {
    format!("{} {}", shown(saved.abs()), if saved < 0.0 { "more" } else { "less" })
}

fn certainty(monthly: &Monthly, shown: &dyn Fn(f64) -> String) -> String {
    match monthly.interval {
        Some(interval) => match [interval.low, interval.high].map(|end| less(end, shown)) {
            [low, high] if low == high => format!("in all {} blocks", monthly.blocks),
            [low, high] => format!("{low} to {high}"),
        },
        None if monthly.blocks == 1 => "1 block: no interval".to_owned(),
        None => format!("{} blocks: no interval", monthly.blocks),
    }
}

fn left_out(month: &Month) -> String {
    month.left_out.iter().map(|event| plain(&event.to_string())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Records;
    use crate::record::testing::RunBuilder;
    use crate::scenario::SampleColumn;

    fn run() -> Records {
        let mut records = RunBuilder::new()
            .scenario("s")
            .samples(&Event::Cold, SampleColumn::Wall, &[36.0; 6], &[37.0, 37.0, 37.0, 36.0, 38.0, 37.0])
            .build();
        let text = "currency = 'EUR'\ndays = 20\n[developers]\ncount = 5\nhour = 60\n\
                    builds_a_day = { cold = 10, edit-source = 1 }\n";
        records.cost = Some(toml::from_str(text).unwrap());
        records
    }

    #[test]
    fn what_is_assumed_stands_beside_what_follows() {
        let records = run();
        let text = section(&Report::of(&records));
        let assumed =
            "20 days; 5 developers who each build 10 cold, 1 edit-source a day, an hour of waiting at 60 EUR";
        assert!(text.contains(assumed), "{text}");
        let waiting = "| s | 10.0 h → 10.3 h, 16.7 min more (33.3 min more to 0.00 s less) |";
        assert!(text.contains(waiting), "{text}");
        assert!(text.contains("| 600 EUR → 617 EUR, 16.7 EUR more ("), "{text}");
        assert!(text.contains(" | edit-source |"), "{text}");
        let lines = lines(&Report::of(&records));
        assert!(lines[1].starts_with("s: developers wait 16.7 min more (33.3 min more to "), "{lines:?}");
        assert!(lines[1].ends_with("; not in it, as it was not measured whole: edit-source"), "{lines:?}");
    }

    #[test]
    fn nothing_is_said_where_nothing_is_assumed() {
        let records = Records { cost: None, ..run() };
        let report = Report::of(&records);
        assert!(section(&report).is_empty() && lines(&report).is_empty() && months(&report).next().is_none());
    }
}
