//! What an image is made of, in bytes.

use anyhow::Result;

use super::bars::{Bar, Part, draw};
use super::{COMMON, HIDDEN, NAIVE, OPTIMIZED};
use crate::metrics::{ScenarioRecords, Unit};
use crate::record::LayerSize;
use crate::scenario::{ImageColumn, Metric, Variant};
use crate::stats;

const BASE: &str = "layers of the base image";

/// The layers of both images as stacked bars, the lowest at the left, the base's and their own; and below each what
/// of them nobody sees. A part is a layer of the first block; in a run that does not tell them apart, all of a kind,
/// by the median. `None` if no image was measured.
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
            parts: match layers(scenario, variant) {
                layers if layers.is_empty() => {
                    vec![part((all - own).max(0.0), COMMON, BASE), part(own, colour, label)]
                }
                layers => layers
                    .iter()
                    .map(|layer| {
                        let (colour, label) = if layer.in_base { (COMMON, BASE) } else { (colour, label) };
                        part(layer.tar_bytes as f64, colour, label)
                    })
                    .collect(),
            },
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

/// The layers of the variant's image in the first block that has any, from the lowest up.
fn layers<'r>(scenario: &ScenarioRecords<'r>, variant: Variant) -> Vec<&'r LayerSize> {
    let of_it = || scenario.layers.iter().copied().filter(|row| row.variant == variant);
    let first = of_it().map(|row| row.block).min();
    let mut layers: Vec<&LayerSize> = of_it().filter(|row| Some(row.block) == first).collect();
    layers.sort_unstable_by_key(|row| row.layer);
    layers
}
