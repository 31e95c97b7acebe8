//! How it was measured, on what, and where the data are.

use maud::{Markup, html};

use super::prose::prose;
use super::scrolling;
use crate::report::{Report, markdown};

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
            @for (number, file) in markdown::data(report.records).enumerate() {
                @if number > 0 { ", " }
                a href=(file) { (file) }
            }
            ". So are " a href="claims.csv" { "claims.csv" } " and " a href="report.md" { "report.md" }
            ". Their columns are explained in results/README.md of Tare."
        }
    }
}
