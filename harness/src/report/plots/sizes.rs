//! What an image is made of, in bytes.

use anyhow::Result;

use super::bars::{Bar, Part, draw};
use super::{COMMON, HIDDEN, NAIVE, OPTIMIZED};
use crate::metrics::{ScenarioRecords, Unit};
use crate::scenario::{ImageColumn, Metric, Variant};
use crate::stats;

/// The layers of both images as stacked bars: the base's, their own, and what of these nobody sees. Medians
/// over the blocks. `None` where no image was measured.
pub(in crate::report) fn sizes(scenario: &ScenarioRecords<'_>) -> Result<Option<String>> {
    let median = |column, variant| {
        let values: Vec<f64> = scenario.values(&Metric::Image(column), variant).into_values().collect();
        stats::median(&values)
    };
    let mut bars = Vec::new();
    for variant in Variant::BOTH {
        let (Some(all), Some(own)) =
            (median(ImageColumn::Layer, variant), median(ImageColumn::Unique, variant))
        else {
            continue;
        };
        // A file of the base that a later layer hides is waste too, but lies in no layer of the image's own.
        let hidden = median(ImageColumn::Wasted, variant).unwrap_or_default().min(own);
        let (colour, label) = match variant {
            Variant::Naive => (NAIVE, "layers of naive's own"),
            Variant::Optimized => (OPTIMIZED, "layers of optimized's own"),
        };
        let part = |value, colour, label| Part { value, colour, label };
        bars.push(Bar {
            heading: variant.to_string(),
            parts: vec![
                part((all - own).max(0.0), COMMON, "layers of the base image"),
                part(own - hidden, colour, label),
                part(hidden, HIDDEN, "hidden by later layers, pulled all the same"),
            ],
        });
    }
    if bars.is_empty() {
        return Ok(None);
    }
    let name = format!("{}: size of the layers, uncompressed, naive against optimized", scenario.plan.name);
    draw(&bars, Unit::Bytes, &name).map(Some)
}
