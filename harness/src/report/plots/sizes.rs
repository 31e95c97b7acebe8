//! What an image is made of, in bytes.

use anyhow::Result;

use super::bars::{Bar, Part, draw};
use super::{COMMON, HIDDEN, NAIVE, OPTIMIZED};
use crate::metrics::{ScenarioRecords, Unit};
use crate::scenario::{ImageColumn, Metric, Variant};
use crate::stats;

/// The layers of both images as stacked bars, the base's and their own, and below each what of them nobody sees.
/// Medians over the blocks. `None` if no image was measured.
pub(in crate::report) fn sizes(scenario: &ScenarioRecords<'_>) -> Result<Option<String>> {
    let median = |column, variant| {
        let values: Vec<f64> = scenario.values(&Metric::Image(column), variant).into_values().collect();
        stats::median(&values)
    };
    let part = |value, colour, label| Part { value, colour, label };
    let mut bars = Vec::new();
    for variant in Variant::BOTH {
        let (Some(all), Some(own)) =
            (median(ImageColumn::Layer, variant), median(ImageColumn::Unique, variant))
        else {
            continue;
        };
        let (colour, label) = match variant {
            Variant::Naive => (NAIVE, "layers of naive's own"),
            Variant::Optimized => (OPTIMIZED, "layers of optimized's own"),
        };
        bars.push(Bar {
            heading: format!("{variant}: {}", Unit::Bytes.format(all)),
            parts: vec![
                part((all - own).max(0.0), COMMON, "layers of the base image"),
                part(own, colour, label),
            ],
        });
        // A bar of its own: hidden files lie in the base's layers or in later ones, and the sum does not tell.
        if let Some(hidden) = median(ImageColumn::Wasted, variant).filter(|hidden| *hidden > 0.0) {
            bars.push(Bar {
                heading: format!("{variant}, of that hidden: {}", Unit::Bytes.format(hidden)),
                parts: vec![part(hidden, HIDDEN, "hidden by later layers, pulled all the same")],
            });
        }
    }
    if bars.is_empty() {
        return Ok(None);
    }
    let name = format!("{}: size of the layers, uncompressed, naive against optimized", scenario.plan.name);
    draw(&bars, &name).map(Some)
}
