//! How much of a build's steps ran side by side, where a Dockerfile has stages that could.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::labels;
use crate::metrics::{Overlap, ScenarioRecords, Unit, percent};
use crate::record::Step;
use crate::scenario::{Dockerfile, Event, Variant};
use crate::stats;

/// The overlap of one kind of build, medians over its blocks.
struct Row<'r> {
    event: &'r Event,
    variant: Variant,
    steps: f64,
    sum_s: f64,
    ran_s: f64,
    chain_s: f64,
    share: f64,
}

/// The section of `report.md`; empty where nothing could overlap.
pub(super) fn section(records: &ScenarioRecords<'_>) -> String {
    let rows = rows(records);
    if rows.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "### Steps side by side\n\n\
         *Steps* were executed, and *added up* they took so long; *took* is how long at least one of them ran, and \
         *overlap* the share that this is less. The *longest chain* of steps that wait for one another is what would be \
         left if all others ran beside it. Medians over the blocks. Steps that run side by side slow each other down \
         where they share processors, disk or link, and add up to more than they would alone: what the overlap is \
         worth is told by the two columns *took*, not by its share.\n\n\
         | | variant | steps | added up | took | overlap | longest chain |\n|---|---|---:|---:|---:|---:|---:|\n",
    );
    for row in &rows {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            labels::event(row.event),
            row.variant,
            Unit::Count.format(row.steps),
            Unit::Seconds.format(row.sum_s),
            Unit::Seconds.format(row.ran_s),
            percent(row.share),
            Unit::Seconds.format(row.chain_s),
        );
    }
    text.push('\n');
    text
}

/// Events after which a variant with more than one stage executed more than one step, with both variants.
fn rows<'r>(records: &ScenarioRecords<'r>) -> Vec<Row<'r>> {
    let dockerfiles = &records.plan.dockerfiles;
    if Variant::BOTH.iter().all(|variant| stages(dockerfiles.get(*variant)) < 2) {
        return Vec::new();
    }
    let mut rows = Vec::new();
    for event in &records.plan.events {
        let found: Vec<Row<'r>> =
            Variant::BOTH.iter().filter_map(|variant| row(records, event, *variant)).collect();
        if found.iter().any(|row| row.steps >= 2.0) {
            rows.extend(found);
        }
    }
    rows
}

fn row<'r>(records: &ScenarioRecords<'r>, event: &'r Event, variant: Variant) -> Option<Row<'r>> {
    let mut blocks: BTreeMap<u32, Vec<&Step>> = BTreeMap::new();
    let built = |block| {
        let is_it = |row: &&&crate::record::Sample| {
            row.block == block && row.variant == variant && row.event == *event && row.error.is_none()
        };
        records.samples.iter().any(|row| is_it(&row))
    };
    for step in records.steps.iter().filter(|step| step.event == *event && step.variant == variant) {
        blocks.entry(step.block).or_default().push(step);
    }
    blocks.retain(|block, _| built(*block));
    let found: Vec<Overlap> = blocks.values().filter_map(|steps| Overlap::of(steps)).collect();
    let median = |of: fn(&Overlap) -> f64| stats::median(&found.iter().map(of).collect::<Vec<_>>());
    Some(Row {
        event,
        variant,
        steps: median(|overlap| f64::from(overlap.steps))?,
        sum_s: median(|overlap| overlap.sum_s)?,
        ran_s: median(|overlap| overlap.ran_s)?,
        chain_s: median(|overlap| overlap.chain_s)?,
        share: median(Overlap::share)?,
    })
}

/// How many stages a Dockerfile has.
fn stages(dockerfile: &str) -> usize {
    Dockerfile::parse(dockerfile).with_keyword("FROM").count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Records;
    use crate::record::testing::RunBuilder;
    use crate::scenario::{Pair, SampleColumn};

    /// Two blocks in which the optimized stages of 4 s each run side by side.
    fn run(optimized: &str) -> Records {
        let seconds = [9.0, 9.0];
        let mut records = RunBuilder::new()
            .scenario("s")
            .event(Event::Noop)
            .with(|scenario| {
                scenario.dockerfiles = Pair { naive: "FROM a\n".to_owned(), optimized: optimized.to_owned() };
            })
            .samples(&Event::Cold, SampleColumn::Wall, &seconds, &seconds)
            .executed(&Event::Cold, "[a 1/1] RUN a", &[true; 2], &[true; 2])
            .executed(&Event::Cold, "[b 1/1] RUN b", &[true; 2], &[true; 2])
            .executed(&Event::Noop, "[a 1/1] RUN a", &[false; 2], &[false; 2])
            .build();
        for step in records.steps.iter_mut().filter(|step| step.event == Event::Cold) {
            let late = step.variant == Variant::Naive && step.name.contains("RUN b");
            step.start_s = Some(if late { 4.0 } else { 0.0 });
            step.seconds = Some(4.0);
        }
        records
    }

    #[test]
    fn stages_side_by_side_are_shown_beside_the_serial_ones() {
        let records = run("FROM a AS a\nRUN a\nfrom b\nRUN b\n");
        let text = section(&ScenarioRecords::split(&records).remove(0));
        assert!(text.contains("| cold build | naive | 2 | 8.00 s | 8.00 s | 0 % | 4.00 s |"), "{text}");
        assert!(text.contains("| cold build | optimized | 2 | 8.00 s | 4.00 s | 50 % | 4.00 s |"), "{text}");
        assert!(!text.contains("nothing changed"), "where nothing ran nothing overlapped: {text}");
    }

    #[test]
    fn where_there_are_no_stages_there_is_nothing_to_say() {
        let records = run("FROM a\nRUN a\n");
        assert_eq!(section(&ScenarioRecords::split(&records).remove(0)), "");
    }

    #[test]
    fn a_build_that_failed_is_no_sample() {
        let mut records = run("FROM a AS a\nRUN a\nFROM b\nRUN b\n");
        records.samples.iter_mut().for_each(|row| row.error = Some("broken".to_owned()));
        assert_eq!(section(&ScenarioRecords::split(&records).remove(0)), "");
    }
}
