//! The answers, before everything else.

use maud::{Markup, html};

use super::prose::prose;
use super::{effect_class, scrolling, verdict_class};
use crate::report::answers::{Answers, answers as in_order, counted};
use crate::report::price::price;
use crate::report::{Report, facts, labels, rebuilds, releases};

/// A row a claim: does it pay, at what price, does the figure hold, what did others see.
pub(super) fn answers(report: &Report<'_>, anchors: &[String]) -> Markup {
    let counted = counted(report);
    let table = html! {
        table {
            thead {
                tr {
                    th scope="col" { "scenario" }
                    th scope="col" { "claim" }
                    th scope="col" { "does it pay?" }
                    th scope="col" { "does the figure hold?" }
                    th scope="col" { "found" }
                    th scope="col" { "at what price" }
                    th scope="col" { "others measured" }
                }
            }
            @for Answers { place, scenario: part, claims } in in_order(report) {
                tbody {
                    @for (number, (claim, row)) in claims.iter().enumerate() {
                        tr {
                            @if number == 0 {
                                th scope="rowgroup" rowspan=(claims.len()) {
                                    a href={ "#" (anchors[place]) } { (row.scenario) }
                                    @if part.rows.on_stand_ins() { " *" }
                                }
                            }
                            td data-label="claim" { "\u{201c}" (claim.text) "\u{201d}" }
                            td data-label="does it pay?" {
                                span class=(effect_class(row.effect)) { (labels::effect(row.effect)) }
                            }
                            td data-label="does the figure hold?" {
                                span class=(verdict_class(row.verdict)) { (labels::verdict(row.verdict)) }
                            }
                            td data-label="found" { (row.reason) }
                            @if number == 0 {
                                td data-label="at what price" rowspan=(claims.len()) { (price(part)) }
                            }
                            td data-label="others measured" {
                                @if claim.field.is_empty() { "nothing known" } @else { (claim.field) }
                            }
                        }
                    }
                }
            }
        }
    };
    let stand_ins = report.scenarios.iter().any(|part| part.rows.on_stand_ins());
    html! {
        h2 id="answers" { "Answers" }
        (headline(report))
        @if counted.is_empty() {
            p { "No scenario of this run makes a claim." }
        } @else {
            p { (counted) }
            (scrolling("Answers", "answers", &table))
        }
        @if stand_ins {
            p.soft {
                "* Measured on local stand-ins for the base images: "
                (facts::stand_ins(&report.records.info).join("; "))
                ". Sizes that include the base are those of the stand-in."
            }
        }
    }
}

/// Before any table.
fn headline(report: &Report<'_>) -> Markup {
    let said = releases::headline(report);
    html! {
        @if !said.is_empty() {
            p.headline {
                a href="#releases" { "Bytes per release per node" } ". "
                @for sentence in said { strong { (sentence) } " " }
            }
        }
    }
}

/// What each edit makes a node pull again, of all scenarios.
pub(super) fn per_release(report: &Report<'_>, anchors: &[String]) -> Markup {
    let rows = releases::releases(report);
    if rows.is_empty() {
        return html! {};
    }
    let table = html! {
        table {
            thead {
                tr {
                    th scope="col" { "scenario" }
                    th scope="col" { "release" }
                    th.n scope="col" { "naive" }
                    th.n scope="col" { "optimized" }
                    th scope="col" { "change" }
                    th scope="col" { "how sure" }
                }
            }
            tbody {
                @for release in rows {
                    @let row = release.bytes;
                    tr {
                        th scope="row" { a href={ "#" (anchors[release.place]) } { (release.plan.name) } }
                        td { (release.heading()) }
                        td.n { (labels::value(row.naive.as_ref(), &row.metric)) }
                        td.n { (labels::value(row.optimized.as_ref(), &row.metric)) }
                        td { (labels::change(row)) }
                        td { (labels::certainty(row)) }
                    }
                }
            }
        }
    };
    html! {
        h2 id="releases" { "Bytes per release per node" }
        p {
            "What each node that has the image from before the edit must pull: the compressed bytes of the layers \
            that it lacks."
        }
        (scrolling("Bytes per release per node", "", &table))
    }
}

/// Which images are the same when they are built again.
pub(super) fn rebuilt(report: &Report<'_>, anchors: &[String]) -> Markup {
    let all: Vec<_> =
        report.scenarios.iter().zip(anchors).filter(|(part, _)| !part.rows.rebuilds.is_empty()).collect();
    if all.is_empty() {
        return html! {};
    }
    let table = html! {
        table {
            thead { tr { th scope="col" { "scenario" } th scope="col" { "naive" } th scope="col" { "optimized" } } }
            tbody {
                @for (part, anchor) in all {
                    tr {
                        th scope="row" { a href={ "#" (anchor) } { (part.rows.plan.name) } }
                        @for said in rebuilds::both_in_short(&part.rows) { td { (prose(&said)) } }
                    }
                }
            }
        }
    };
    html! {
        h2 id="rebuilt" { "Is it the same image when it is built again?" }
        (scrolling("Rebuilt", "", &table))
    }
}
