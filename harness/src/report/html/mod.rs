//! `report.html`: the report for readers who will never run anything. One file, nothing fetched, no script.

mod answers;
mod method;
mod prose;
mod scenario;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use anyhow::Result;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Report, aa, cost, gate};
use crate::record::{Effect, Verdict};

/// The report as one self-contained HTML document.
///
/// # Errors
/// When a plot cannot be drawn.
pub fn html(report: &Report<'_>) -> Result<String> {
    let info = &report.records.info;
    let anchors = anchors(report);
    let sections: Vec<Markup> = report
        .scenarios
        .iter()
        .zip(&anchors)
        .map(|(part, anchor)| scenario::section(part, anchor))
        .collect::<Result<_>>()?;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "What container image practices are worth: run " (info.id) }
                // Without it a browser asks for an icon.
                link rel="icon" href="data:,";
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body id="top" {
                header {
                    h1 { "What container image practices are worth" }
                    p.soft { "Run " (info.id) ", begun " (minute(&info.started)) ", " (info.profile) " profile." }
                }
                main {
                    (prose::prose(&aa::section(report.false_positives.as_deref())))
                    (answers::answers(report, &anchors))
                    (answers::per_release(report, &anchors))
                    (answers::rebuilt(report, &anchors))
                    (prose::prose(&gate::section(report.since.as_ref())))
                    (prose::prose(&cost::section(report)))
                    @if report.scenarios.len() > 1 {
                        nav aria-label="Scenarios" {
                            h2 id="scenarios" { "Scenarios" }
                            ul {
                                @for (part, anchor) in report.scenarios.iter().zip(&anchors) {
                                    li { a href={ "#" (anchor) } { (part.rows.plan.name) } }
                                }
                                li { a href="#method" { "Method" } }
                                li { a href="#machine" { "Machine and versions" } }
                                li { a href="#data" { "Data" } }
                            }
                        }
                    }
                    @for section in sections { (section) }
                    (method::method(report))
                }
            }
        }
    };
    Ok(page.into_string())
}

/// `2026-11-24 19:34 UTC` of a time as the records write it.
fn minute(time: &str) -> String {
    time.get(..16).map_or_else(|| time.to_owned(), |minute| format!("{} UTC", minute.replace('T', " ")))
}

/// An anchor for each scenario: its name, so that a link holds from run to run, with a number where two are one.
fn anchors(report: &Report<'_>) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::new();
    let names = report.scenarios.iter().map(|part| &part.rows.plan.name);
    (1..)
        .zip(names)
        .map(|(number, name)| {
            let safe = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
            let mut anchor = format!("scenario-{}", name.chars().map(safe).collect::<String>());
            if !taken.insert(anchor.clone()) {
                anchor = format!("{anchor}-{number}");
                taken.insert(anchor.clone());
            }
            anchor
        })
        .collect()
}

/// A picture of our own making.
fn picture(svg: &str, caption: &Markup) -> Markup {
    html! { figure { (PreEscaped(svg.trim_end())) figcaption { (caption) } } }
}

/// A table that scrolls by itself where the page is narrow.
fn scrolling(label: &str, class: &str, table: &Markup) -> Markup {
    html! { div class={ "scroll " (class) } tabindex="0" role="group" aria-label=(label) { (table) } }
}

fn effect_class(effect: Effect) -> &'static str {
    match effect {
        Effect::Helps => "good",
        Effect::Hurts => "bad",
        Effect::NoEffect | Effect::Unclear => "even",
    }
}

fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Supported | Verdict::BetterThanClaimed => "good",
        Verdict::Contradicted => "bad",
        Verdict::Inconclusive | Verdict::NotMeasured => "even",
    }
}
