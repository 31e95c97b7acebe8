//! `report.md`: the report for a job summary, a merge request or a folder of results.

use std::fmt::Write as _;

use super::answers::{Answers, answers as in_order, counted};
use super::difference::{Line, difference};
use super::power::power;
use super::price::price;
use super::{
    Report, ScenarioReport, aa, causes, contents, cost, development, facts, gate, labels, overlap, plots,
    rebuilds, releases, startup,
};
use crate::metrics::{Comparison, less_or_more, percent};
use crate::record::{ClaimRow, Records};
use crate::scenario::{Claim, DeltaColumn, Event, Metric};

/// The report as Markdown.
pub fn markdown(report: &Report<'_>) -> String {
    let info = &report.records.info;
    let mut text = format!("# What container image practices are worth: run {}\n\n", plain(&info.id));
    text.push_str(&aa::section(report.false_positives.as_deref()));
    text.push_str(&answers(report));
    text.push_str(&gate::section(report.since.as_ref()));
    text.push_str(&cost::section(report));
    for part in &report.scenarios {
        text.push_str(&scenario(part));
    }
    text.push_str(&ending(report));
    text
}

/// The answers first: a row a claim.
fn answers(report: &Report<'_>) -> String {
    let mut text = String::new();
    let headline = releases::headline(report);
    if !headline.is_empty() {
        let _ = writeln!(text, "**Bytes per release per node.** {}\n", plain(&headline.join(" ")));
    }
    let counted = counted(report);
    if !counted.is_empty() {
        let _ = writeln!(text, "{counted}\n");
        text.push_str(
            "| scenario | claim | who says so | does it pay? | does the figure hold? | found | at what price | others measured |\n\
             |---|---|---|---|---|---|---|---|\n",
        );
    }
    for Answers { scenario: part, claims, .. } in in_order(report) {
        for (number, (claim, row)) in claims.iter().enumerate() {
            // It is the practice's, and said once.
            let price = if number == 0 { price(part) } else { String::new() };
            let _ = writeln!(
                text,
                "| [{name}](#{name}) | {} | {} | **{}** | {} | {} | {} | {} |",
                plain(&claim.text),
                plain(&claim.source),
                labels::effect(row.effect),
                labels::verdict(row.verdict),
                plain(&row.reason),
                plain(&price),
                plain(&claim.field),
                name = plain(&row.scenario)
            );
        }
    }
    let rebuilt = rebuilds::summary(report);
    if !rebuilt.is_empty() {
        let _ = write!(text, "\n{rebuilt}");
    }
    if report.scenarios.iter().any(|scenario| scenario.rows.on_stand_ins()) {
        let _ = write!(
            text,
            "\n\\* Measured on local stand-ins for the base images: {}. Sizes that include the base are those of \
             the stand-in.\n",
            plain(&facts::stand_ins(&report.records.info).join("; "))
        );
    }
    text.push('\n');
    text
}

fn scenario(report: &ScenarioReport<'_>) -> String {
    let plan = report.rows.plan;
    let mark = if report.rows.on_stand_ins() { " \\*" } else { "" };
    // The anchor is the name alone, so that links survive the mark.
    let mut text = format!("## {}\n\n**{}**{mark}\n\n", plain(&plan.name), plain(&plan.question));
    for row in report.headlines() {
        let _ = writeln!(text, "- {}", labels::headline(row));
    }
    for failure in report.rows.failures() {
        let _ = writeln!(text, "- {}", plain(&failure));
    }
    text.push('\n');
    text.push_str(&prose(&plan.analysis));
    if !report.claims.is_empty() {
        text.push_str("### Claims\n\n");
        report.claims.iter().for_each(|(claim, row)| text.push_str(&settled(claim, row)));
        text.push('\n');
    }
    if plots::has_build_times(&report.rows) {
        let _ = write!(
            text,
            "![Build times of {name}, block by block]({})\n\n",
            plots::file(&plan.name),
            name = plain(&plan.name)
        );
    }
    let measured = || report.comparisons.iter().filter(|row| !matches!(row.metric, Metric::Delta(..)));
    if measured().next().is_some() {
        text.push_str("### Measured\n\n");
        text.push_str(&metrics(measured()));
    }
    text.push_str(&overlap::section(&report.rows));
    text.push_str(&ran_again(report));
    text.push_str(&per_release(report));
    text.push_str(&startup::section(&report.rows));
    text.push_str(&contents::layers(&report.rows));
    text.push_str(&contents::wasted(&report.rows));
    text.push_str(&contents::leaks(&report.rows));
    text.push_str(&development::section(&report.rows));
    text.push_str(&rebuilds::section(&report.rows));
    text.push_str(&dockerfiles(report));
    if !plan.caveat.trim().is_empty() {
        text.push_str("### What this must not be read as\n\n");
        text.push_str(&prose(&plan.caveat));
    }
    text
}

fn settled(claim: &Claim, row: &ClaimRow) -> String {
    let mut text = format!(
        "- \u{201c}{}\u{201d} ({}): **{}**; the figure is **{}**: {}.",
        plain(&claim.text),
        plain(&claim.source),
        labels::effect(row.effect),
        labels::verdict(row.verdict),
        plain(&row.reason)
    );
    if let (Some(p), Some(adjusted)) = (row.p, row.p_holm) {
        let _ = write!(
            text,
            " Sign-flip p {}, adjusted for the number of claims {}.",
            labels::p(p),
            labels::p(adjusted)
        );
    }
    if !claim.field.is_empty() {
        let _ = write!(text, " In the field: {}", plain(&claim.field));
    }
    let _ = writeln!(text, " (`{}`)", row.metric);
    text
}

fn metrics<'c>(rows: impl Iterator<Item = &'c Comparison>) -> String {
    let mut text =
        String::from("| | naive | optimized | change | how sure | metric |\n|---|---:|---:|---|---|---|\n");
    let mut notes = String::new();
    for row in rows {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | `{}` |",
            plain(&labels::metric(&row.metric)),
            labels::value(row.naive.as_ref(), &row.metric),
            labels::value(row.optimized.as_ref(), &row.metric),
            labels::change(row),
            plain(&labels::certainty(row)),
            row.metric
        );
        for note in &row.notes {
            let _ = writeln!(notes, "- `{}`: {}", row.metric, plain(note));
        }
        if let Some(bootstrap) = row.reduction.as_ref().ok().and_then(|estimate| estimate.bootstrap) {
            let range = less_or_more(bootstrap);
            let _ = writeln!(notes, "- `{}`: bootstrap interval of the median: {range}", row.metric);
        }
    }
    if !notes.is_empty() {
        let _ = write!(text, "\n{notes}");
    }
    text.push('\n');
    text
}

/// Why steps were executed although a cache existed, and what that took.
pub(super) fn ran_again(report: &ScenarioReport<'_>) -> String {
    let costs = causes::costs(&report.rows);
    if costs.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "### Why steps ran again\n\n\
         The first thing upstream that had changed since the build before, and the steps that were executed for it: \
         how many, and their seconds added up, as medians over the blocks. Steps that run side by side take less.\n\n\
         | | variant | cause | steps | took |\n|---|---|---|---:|---:|\n",
    );
    for cost in &costs {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            plain(&labels::event(cost.event)),
            cost.variant,
            plain(cost.cause),
            cost.steps,
            cost.took()
        );
    }
    text.push('\n');
    text
}

/// What each edit makes a node pull again.
pub(super) fn per_release(report: &ScenarioReport<'_>) -> String {
    let side = |event: &Event, column| report.comparison(&Metric::Delta(column, event.clone()));
    let mut rows = String::new();
    for event in &report.rows.plan.events {
        let (Some(bytes), Some(same)) =
            (side(event, DeltaColumn::NewCompressed), side(event, DeltaColumn::SameContent))
        else {
            continue;
        };
        let _ = writeln!(
            rows,
            "| {} | {} | {} | {} | {} | {} |",
            plain(&releases::heading(report.rows.plan, event)),
            labels::value(bytes.naive.as_ref(), &bytes.metric),
            labels::value(bytes.optimized.as_ref(), &bytes.metric),
            labels::change(bytes),
            labels::value(same.naive.as_ref(), &same.metric),
            labels::value(same.optimized.as_ref(), &same.metric),
        );
    }
    if rows.is_empty() {
        return rows;
    }
    format!(
        "### Bytes per release per node\n\n\
         What a node that has the image from before the edit must pull: the compressed bytes of the layers that \
         it lacks, and how much of their content (uncompressed) is unchanged files under a new digest.\n\n\
         | | naive | optimized | change | unchanged, naive | unchanged, optimized |\n\
         |---|---:|---:|---|---:|---:|\n{rows}\n"
    )
}

fn dockerfiles(report: &ScenarioReport<'_>) -> String {
    let files = &report.rows.plan.dockerfiles;
    let fence = fence(&[&files.naive, &files.optimized]);
    let mut text = format!("### The Dockerfiles\n\n`-` naive alone, `+` optimized alone.\n\n{fence}diff\n");
    for line in difference(&files.naive, &files.optimized) {
        let _ = match line {
            Line::Same(line) => writeln!(text, " {line}"),
            Line::Removed(line) => writeln!(text, "-{line}"),
            Line::Added(line) => writeln!(text, "+{line}"),
        };
    }
    let _ = write!(text, "{fence}\n\n");
    text
}

/// How it was measured, as a list.
pub(super) fn method(report: &Report<'_>) -> String {
    let tested = facts::tested(report);
    let mut text = String::from(
        "- A block is one build of each variant, side by side in time, in alternating order from a recorded random \
         start. Its datum is the log-ratio of the two.\n\
         - Times: the Hodges–Lehmann estimate with the exact 95 % interval of the signed-rank test, from 6 blocks; \
         below that there is no such interval, and nothing is decided. From 20 blocks a BCa bootstrap of the median \
         stands beside it.\n\
         - Sizes and counts must repeat in 2 blocks. Sizes that vary by more than 0.1 % or 64 KiB are named.\n\
         - *Does it pay?* A difference that is there (significant) and worth speaking of (relevant: more than 2 % and \
         0.1 s of a time, more than 1 % and 64 KiB of a size). *Does the figure hold?* Only if the interval lies \
         wholly inside the claimed one.\n\
         - A value in a table is the median over the blocks. 1 MB is a million bytes. A failed build is a row with \
         its error, never a timing.\n",
    );
    if let Some(stopping) = facts::stopping(&report.records.info) {
        let _ = writeln!(text, "- {stopping}");
    }
    if !report.records.repro.is_empty() {
        text.push_str(
            "- Rebuilt: each build is clean, without any step from a cache and with empty cache mounts. Two images are \
             one if their manifest digests are. An axis is blamed for what differs with it alone, and neither by itself \
             nor for a cause that is at work by itself.\n",
        );
    }
    let _ =
        writeln!(text, "- Claims on time that were tested: {tested}; p is Holm-adjusted for that number.");
    for sentence in power(report) {
        let _ = writeln!(text, "- {sentence}");
    }
    if let Some((seconds, share)) = facts::overhead(report.records) {
        let _ = writeln!(
            text,
            "- The harness's own time in a build: median {:.0} ms, {} of the build.",
            seconds * 1e3,
            percent(share)
        );
    }
    text
}

/// The machine and all versions, name and value, in plain text.
pub(super) fn machine(report: &Report<'_>) -> Vec<(&'static str, String)> {
    let info = &report.records.info;
    let mut rows = vec![
        ("run", format!("{}, begun {}, {} profile, seed {}", info.id, info.started, info.profile, info.seed)),
        ("machine", facts::machine(info)),
        ("engine", facts::engine(info)),
        ("engine packages", or_none(&info.engine.packages.join(", "))),
        ("supply", facts::link(info)),
        ("scanner", facts::scanner(info)),
        ("Tare", format!("{}, scenarios at {}", info.tare, or_none(&info.git_revision))),
    ];
    rows.extend(info.bases.iter().map(|base| {
        let made_of = if base.made_of.is_empty() { String::new() } else { format!(", {}", base.made_of) };
        ("base image", format!("{}: {}, {}{made_of}", base.reference, base.kind, base.digest))
    }));
    rows
}

/// The files of the run directory that a report is made from, by name. What a run need not have, among it the tables
/// that older runs lack, is named where something is in it.
pub(super) fn data(records: &Records) -> impl Iterator<Item = &'static str> {
    let files = [
        ("run.json", true),
        ("plan.json", true),
        ("samples.csv", true),
        ("steps.csv", true),
        ("images.csv", true),
        ("deltas.csv", true),
        ("layers.csv", !records.layers.is_empty()),
        ("wasted.csv", true),
        ("packages.csv", true),
        ("secrets.csv", true),
        ("startup.csv", true),
        ("fetches.csv", !records.fetches.is_empty()),
        ("transfers.csv", true),
        ("development.csv", true),
        ("repro.json", !records.repro.is_empty()),
        ("cost.toml", records.cost.is_some()),
    ];
    files.into_iter().filter_map(|(name, there)| there.then_some(name))
}

/// Method, machine and data.
fn ending(report: &Report<'_>) -> String {
    let mut text = format!("## Method\n\n{}\n## Machine and versions\n\n| | |\n|---|---|\n", method(report));
    for (name, said) in machine(report) {
        let _ = writeln!(text, "| {name} | {} |", plain(&said));
    }
    let files: Vec<String> = data(report.records).map(|name| format!("[{name}]({name})")).collect();
    let _ = write!(
        text,
        "\n## Data\n\n{}. This file and [claims.csv](claims.csv) are made from them alone.\n",
        files.join(", ")
    );
    text
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "none".to_owned() } else { text.to_owned() }
}

/// A scenario's own Markdown, with a blank line after it; nothing for nothing.
fn prose(text: &str) -> String {
    if text.trim().is_empty() { String::new() } else { format!("{}\n\n", text.trim()) }
}

/// Text that is not Markdown, made safe for a table cell: logs and names may hold anything.
pub(super) fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.split_whitespace().collect::<Vec<_>>().join(" ").chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '|' | '*' | '[' | ']' | '\\' => safe.extend(['\\', letter]),
            _ => safe.push(letter),
        }
    }
    safe
}

/// A code fence longer than any run of backticks in `texts`.
fn fence(texts: &[&str]) -> String {
    let longest = texts.iter().flat_map(|text| text.split(|letter| letter != '`')).map(str::len).max();
    "`".repeat(longest.unwrap_or(0).max(2) + 1)
}

#[cfg(test)]
mod tests {
    use super::data;
    use crate::record::RunDir;
    use crate::record::testing::RunBuilder;

    #[test]
    fn no_file_that_a_report_is_made_from_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let records = RunBuilder::new().scenario("layer-order").build();
        let run = RunDir::create(dir.path().join("run"), &records.info, &records.plan).unwrap();
        let mut named: Vec<&str> = data(&records).collect();
        // Nothing is in the first two; the third is for who goes on with a run.
        named.extend(["layers.csv", "fetches.csv", "attempts.csv"]);
        named.sort_unstable();
        let entries = std::fs::read_dir(run.path()).unwrap();
        let mut there: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        there.sort_unstable();
        assert_eq!(named, there);
    }
}
