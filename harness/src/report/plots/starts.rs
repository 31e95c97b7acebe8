//! Where the time of a start goes.

use anyhow::Result;
use plotters::prelude::RGBColor;

use super::bars::{Bar, Part, draw};
use crate::metrics::{ScenarioRecords, Unit};
use crate::scenario::{Metric, Start, Variant};
use crate::stats;

/// Measured on its own: it is no phase, and not the sum of them.
const TOTAL: &str = "total";

// Okabe and Ito once more, without the two that stand for the variants.
const PHASES: [RGBColor; 6] = [
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(240, 228, 66),
    RGBColor(204, 121, 167),
    RGBColor(170, 170, 170),
];

/// The phases of the starts as stacked bars, medians over the blocks. `None` where nothing was started.
pub(in crate::report) fn starts<'r>(scenario: &ScenarioRecords<'r>) -> Result<Option<String>> {
    let mut phases: Vec<&'r str> = Vec::new();
    for row in &scenario.starts {
        if row.phase != TOTAL && !phases.contains(&row.phase.as_str()) {
            phases.push(&row.phase);
        }
    }
    let mut bars = Vec::new();
    for start in [Start::First, Start::Again] {
        for variant in Variant::BOTH {
            let parts: Vec<Part<'r>> = phases
                .iter()
                .zip(PHASES.iter().cycle())
                .filter_map(|(phase, colour)| {
                    let values = scenario.values(&Metric::StartPhase((*phase).to_owned(), start), variant);
                    let seconds: Vec<f64> = values.into_values().collect();
                    Some(Part { value: stats::median(&seconds)?, colour: *colour, label: phase })
                })
                .collect();
            if !parts.is_empty() {
                let heading = match start {
                    Start::First => format!("first start, {variant}"),
                    Start::Again => format!("started again, {variant}"),
                };
                bars.push(Bar { heading, parts });
            }
        }
    }
    if bars.is_empty() {
        return Ok(None);
    }
    let name = format!("{}: phases of a start, naive against optimized", scenario.plan.name);
    draw(&bars, Unit::Seconds, &name).map(Some)
}
