//! A scenario's section.

use anyhow::Result;
use maud::{Markup, html};

use super::prose::prose;
use super::{effect_class, picture, scrolling, verdict_class};
use crate::metrics::{Comparison, less_or_more};
use crate::record::ClaimRow;
use crate::report::difference::{Line, difference};
use crate::report::{
    ScenarioReport, contents, development, labels, markdown, overlap, plots, rebuilds, startup,
};
use crate::scenario::{Claim, Event, Metric, SampleColumn};

/// Question, answers, plots, figures, what was found in the images, the Dockerfiles, and what it must not be read as.
pub(super) fn section(report: &ScenarioReport<'_>, anchor: &str) -> Result<Markup> {
    let plan = report.rows.plan;
    let measured: Vec<&Comparison> =
        report.comparisons.iter().filter(|row| !matches!(row.metric, Metric::Delta(..))).collect();
    Ok(html! {
        section aria-labelledby=(anchor) {
            h2 id=(anchor) { (plan.name) @if report.rows.on_stand_ins() { " *" } }
            p { strong { (plan.question) } }
            @let (headlines, failures) = (report.headlines(), report.rows.failures());
            @if !headlines.is_empty() || !failures.is_empty() {
                ul {
                    @for row in headlines { li { (unmarked(&labels::headline(row))) } }
                    @for failure in failures { li.bad { (failure) } }
                }
            }
            (prose(&plan.analysis))
            @if !report.claims.is_empty() {
                h3 { "Claims" }
                ul { @for (claim, row) in &report.claims { (settled(claim, row)) } }
            }
            (pictures(report)?)
            @if !measured.is_empty() {
                h3 { "Measured" }
                (metrics(&measured))
            }
            (prose(&overlap::section(&report.rows)))
            (prose(&markdown::ran_again(report)))
            (prose(&markdown::per_release(report)))
            (prose(&startup::section(&report.rows)))
            (prose(&contents::layers(&report.rows)))
            (prose(&contents::wasted(&report.rows)))
            (prose(&contents::leaks(&report.rows)))
            (prose(&development::section(&report.rows)))
            (prose(&rebuilds::section(&report.rows)))
            (dockerfiles(report))
            @if !plan.caveat.trim().is_empty() {
                h3 { "What this must not be read as" }
                (prose(&plan.caveat))
            }
            p { a href="#top" { "Back to the answers" } }
        }
    })
}

/// Labels mark names of steps by backticks.
fn unmarked(text: &str) -> String {
    text.replace('`', "")
}

fn settled(claim: &Claim, row: &ClaimRow) -> Markup {
    html! {
        li {
            "\u{201c}" (claim.text) "\u{201d} (" (claim.source) "): "
            span class=(effect_class(row.effect)) { (labels::effect(row.effect)) }
            "; the figure is "
            span class=(verdict_class(row.verdict)) { (labels::verdict(row.verdict)) }
            ": " (row.reason) "."
            @if let (Some(p), Some(adjusted)) = (row.p, row.p_holm) {
                " Sign-flip p " (labels::p(p)) ", adjusted for the number of claims " (labels::p(adjusted)) "."
            }
            @if !claim.field.is_empty() { " In the field: " (claim.field) "." }
            " " code { (row.metric) }
        }
    }
}

fn pictures(report: &ScenarioReport<'_>) -> Result<Markup> {
    let rows = &report.rows;
    let times = plots::each_event(rows)?;
    let changes = plots::changes(report)?;
    let mut timelines = Vec::new();
    for event in &rows.plan.events {
        if let Some(svg) = plots::timeline(rows, event)? {
            timelines.push((event, svg));
        }
    }
    let (sizes, starts) = (plots::sizes(rows)?, plots::starts(rows)?);
    Ok(html! {
        @if !times.is_empty() {
            h3 { "Build time, block by block" }
            p.soft {
                "A line joins the two builds of one block (circle: naive, triangle: optimized); a bar is the median."
            }
            div.plots {
                @for (event, svg) in &times { (picture(svg, &time_caption(report, event))) }
                @if let Some(svg) = &changes {
                    (picture(svg, &html! { "Change of time: the estimate (dot) and its exact 95 % interval (bar)." }))
                }
            }
        }
        @if !timelines.is_empty() {
            h3 { "Where the build time goes" }
            p.soft {
                "The build of the median block. Filled: executed; hollow: from the cache; grey: BuildKit's own work."
            }
            div.plots {
                @for (event, svg) in &timelines { (picture(svg, &html! { (labels::event(event)) })) }
            }
        }
        @if sizes.is_some() || starts.is_some() {
            h3 {
                @match (&sizes, &starts) {
                    (Some(_), Some(_)) => "Size of the image, and its start",
                    (Some(_), None) => "Size of the image",
                    _ => "Start",
                }
            }
            div.plots {
                @if let Some(svg) = &sizes {
                    (picture(svg, &html! { "Layers, uncompressed; medians over the blocks." }))
                }
                @if let Some(svg) = &starts {
                    (picture(svg, &html! { "Seconds of a start; medians over the blocks." }))
                }
            }
        }
    })
}

fn time_caption(report: &ScenarioReport<'_>, event: &Event) -> Markup {
    let row = report.comparison(&Metric::Sample(SampleColumn::Wall, event.clone()));
    html! {
        (labels::event(event))
        @if let Some(row) = row { ": " (labels::change(row)) " (" (labels::certainty(row)) ")" }
    }
}

fn metrics(rows: &[&Comparison]) -> Markup {
    let table = html! {
        table {
            thead {
                tr {
                    th scope="col" { "quantity" }
                    th.n scope="col" { "naive" }
                    th.n scope="col" { "optimized" }
                    th scope="col" { "change" }
                    th scope="col" { "how sure" }
                    th scope="col" { "metric" }
                }
            }
            tbody {
                @for row in rows {
                    tr {
                        th scope="row" { (unmarked(&labels::metric(&row.metric))) }
                        td.n { (labels::value(row.naive.as_ref(), &row.metric)) }
                        td.n { (labels::value(row.optimized.as_ref(), &row.metric)) }
                        td { (labels::change(row)) }
                        td { (labels::certainty(row)) }
                        td { code { (row.metric) } }
                    }
                }
            }
        }
    };
    let bootstraps = rows.iter().filter_map(|row| {
        let bootstrap = row.reduction.as_ref().ok()?.bootstrap?;
        Some((&row.metric, format!("bootstrap interval of the median: {}", less_or_more(bootstrap))))
    });
    let notes = rows.iter().flat_map(|row| row.notes.iter().map(|note| (&row.metric, note.clone())));
    let notes: Vec<_> = notes.chain(bootstraps).collect();
    html! {
        (scrolling("Measured", "", &table))
        @if !notes.is_empty() {
            ul { @for (metric, note) in notes { li { code { (metric) } ": " (note) } } }
        }
    }
}

/// Both files side by side, what only one of them has marked; a screen reader hears it as deleted and inserted.
fn dockerfiles(report: &ScenarioReport<'_>) -> Markup {
    let files = &report.rows.plan.dockerfiles;
    let lines = difference(&files.naive, &files.optimized);
    html! {
        h3 { "The Dockerfiles" }
        div.files {
            div {
                p { "naive" }
                pre tabindex="0" {
                    @for line in &lines {
                        @match line {
                            Line::Same(line) => { (line) "\n" }
                            Line::Removed(line) => { del { (line) } "\n" }
                            Line::Added(_) => {}
                        }
                    }
                }
            }
            div {
                p { "optimized" }
                pre tabindex="0" {
                    @for line in &lines {
                        @match line {
                            Line::Same(line) => { (line) "\n" }
                            Line::Added(line) => { ins { (line) } "\n" }
                            Line::Removed(_) => {}
                        }
                    }
                }
            }
        }
    }
}
