//! How it was measured, on what, and where the data are.

use maud::{Markup, html};

use super::prose::prose;
use super::scrolling;
use crate::report::{Report, markdown};

/// Files of a run directory that hold what was recorded, and what was concluded from it.
const DATA: [&str; 15] = [
    "run.json",
    "plan.json",
    "samples.csv",
    "steps.csv",
    "images.csv",
    "deltas.csv",
    "layers.csv",
    "wasted.csv",
    "packages.csv",
    "secrets.csv",
    "startup.csv",
    "transfers.csv",
    "development.csv",
    "claims.csv",
    "report.md",
];

/// The same words as in `report.md`.
pub(super) fn method(report: &Report<'_>) -> Markup {
    let table = html! {
        table {
            tbody {
                @for (name, said) in markdown::machine(report) {
                    tr { th scope="row" { (name) } td { (said) } }
                }
            }
        }
    };
    html! {
        h2 id="method" { "Method" }
        (prose(&markdown::method(report)))
        h2 id="machine" { "Machine and versions" }
        (scrolling("Machine and versions", "", &table))
        h2 id="data" { "Data" }
        p {
            "This page is made from these files alone, which lie beside it: "
            @for (number, file) in DATA.iter().enumerate() {
                @if number > 0 { ", " }
                a href=(file) { (file) }
            }
            @if !report.records.fetches.is_empty() { ", " a href="fetches.csv" { "fetches.csv" } }
            @if !report.records.repro.is_empty() { ", " a href="repro.json" { "repro.json" } }
            ". Their columns are explained in results/README.md of Tare."
        }
    }
}
