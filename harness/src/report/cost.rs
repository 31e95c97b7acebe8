//! What the differences come to in a month, for the team whose assumptions the run has.

use std::fmt::Write as _;

use super::Report;
use super::markdown::plain;
use crate::metrics::{Month, Monthly, Unit, three_digits};
use crate::record::{Amount, Assumptions};
use crate::scenario::Event;
use crate::stats::LEAST_BLOCKS;

/// A month of each scenario, in the order of the report; nothing where nothing was assumed.
pub(super) fn months<'r>(report: &'r Report<'_>) -> Vec<(&'r str, Month)> {
    let Some(assumed) = &report.records.cost else { return Vec::new() };
    let scenarios = report.scenarios.iter();
    scenarios.map(|part| (part.rows.plan.name.as_str(), Month::of(&part.rows, assumed))).collect()
}

/// The section of `report.md`; nothing where nothing was assumed.
pub(super) fn section(report: &Report<'_>) -> String {
    let Some(assumed) = &report.records.cost else { return String::new() };
    let mut text = String::from("## What it comes to in a month\n\n");
    let _ =
        writeln!(text, "Assumed, and none of it measured: {}.\n", plain(&assumptions(assumed).join("; ")));
    text.push_str("| | naive | optimized | saved | how sure |\n|---|---:|---:|---|---|\n");
    for (name, month) in months(report) {
        for row in rows(&month, assumed) {
            let [what, naive, optimized, saved, certainty] = row;
            let _ = writeln!(
                text,
                "| {}: {what} | {} | {} | {} | {certainty} |",
                plain(name),
                plain(&naive),
                plain(&optimized),
                plain(&saved)
            );
        }
        if !month.left_out.is_empty() {
            let _ = writeln!(text, "| {}: not in these figures | | | | {} |", plain(name), left_out(&month));
        }
    }
    text.push('\n');
    text.push_str(READ_AS);
    text.push_str("\n\n");
    text
}

/// For a terminal: a line a quantity.
pub(super) fn lines(report: &Report<'_>) -> Vec<String> {
    let Some(assumed) = &report.records.cost else { return Vec::new() };
    let mut lines = vec![format!("In a month, assumed that {}:", assumptions(assumed).join("; "))];
    for (name, month) in months(report) {
        for [what, naive, optimized, saved, certainty] in rows(&month, assumed) {
            lines.push(format!("{name}: {what}: {naive} → {optimized}, {saved} ({certainty})"));
        }
        if !month.left_out.is_empty() {
            lines.push(format!("{name}: not in these figures, as it was not measured: {}", left_out(&month)));
        }
    }
    lines.push(READ_AS.to_owned());
    lines
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

/// How a quantity is written.
type Shown<'a> = &'a dyn Fn(f64) -> String;

/// What, naive, optimized, saved, how sure.
fn rows(month: &Month, assumed: &Assumptions) -> Vec<[String; 5]> {
    let hours = |value: f64| format!("{} h", three_digits(value));
    let bytes = |value: f64| Unit::Bytes.format(value);
    let money = |value: f64| format!("{} {}", three_digits(value), assumed.currency);
    let parts: [(&str, &Option<Monthly>, Shown<'_>); 5] = [
        ("developers wait", &month.waited_hours, &hours),
        ("runners build", &month.runner_hours, &hours),
        ("the registry keeps", &month.stored_bytes, &bytes),
        ("nodes pull", &month.pulled_bytes, &bytes),
        ("money", &month.money, &money),
    ];
    let row = |what: &str, monthly: &Monthly, shown: Shown<'_>| {
        [
            what.to_owned(),
            shown(monthly.naive),
            shown(monthly.optimized),
            less(monthly.saved, shown),
            certainty(monthly, shown),
        ]
    };
    parts.iter().filter_map(|(what, monthly, shown)| Some(row(what, monthly.as_ref()?, shown))).collect()
}

/// `11.1 h less`, `2.00 EUR more`.
fn less(saved: f64, shown: Shown<'_>) -> String {
    format!("{} {}", shown(saved.abs()), if saved < 0.0 { "more" } else { "less" })
}

fn certainty(monthly: &Monthly, shown: Shown<'_>) -> String {
    match monthly.interval {
        Some(interval) if interval.low == interval.high => format!("in all {} blocks", monthly.blocks),
        Some(interval) => format!("{} to {}", less(interval.low, shown), less(interval.high, shown)),
        None => format!("{} of {LEAST_BLOCKS} blocks: no interval", monthly.blocks),
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
        assert!(
            text.contains(
                "| s: developers wait | 10.0 h | 10.3 h | 0.28 h more | 0.56 h more to 0.00 h less |"
            ),
            "{text}"
        );
        assert!(text.contains("| s: money | 600 EUR | 617 EUR | 16.7 EUR more |"), "{text}");
        assert!(text.contains("| s: not in these figures | | | | edit-source |"), "{text}");
        let lines = lines(&Report::of(&records));
        assert!(lines[1].starts_with("s: developers wait: 10.0 h → 10.3 h, 0.28 h more ("), "{lines:?}");
    }

    #[test]
    fn nothing_is_said_where_nothing_is_assumed() {
        let records = Records { cost: None, ..run() };
        let report = Report::of(&records);
        assert!(section(&report).is_empty() && lines(&report).is_empty() && months(&report).is_empty());
    }
}
