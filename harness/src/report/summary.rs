//! The answers of a whole run on one screen: a line a claim.

use comfy_table::{Cell, ColumnConstraint, Width};

use super::terminal::{coloured, effect_colour, indented, table, verdict_colour};
use super::{Report, labels};

/// Below this many scenarios their own tables are near enough to be read again.
const LEAST_SCENARIOS: usize = 4;

/// Every claim with its effect and verdict; empty where a run has too few scenarios to need it.
pub fn summary(report: &Report<'_>, colour: bool) -> String {
    if report.scenarios.len() < LEAST_SCENARIOS || report.claims().next().is_none() {
        return String::new();
    }
    let mut table = table(colour);
    table.set_header(["claim", "does it pay?", "does the figure hold?", "found"]);
    for scenario in report.scenarios.iter().filter(|scenario| !scenario.claims.is_empty()) {
        table.add_row([Cell::new(&scenario.rows.plan.name)]);
        for (_, row) in &scenario.claims {
            table.add_row([
                // Not a blank: the table would take it away.
                Cell::new(format!("\u{a0}\u{a0}{}", row.claim)),
                coloured(labels::effect(row.effect), effect_colour(row.effect)),
                coloured(labels::verdict(row.verdict), verdict_colour(row.verdict)),
                Cell::new(labels::found(row)),
            ]);
        }
    }
    for (column, width) in [(0, 36), (1, 14), (2, 20)] {
        if let Some(column) = table.column_mut(column) {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
        }
    }
    format!("All answers\n{}", indented(&table).replace('\u{a0}', " "))
}
