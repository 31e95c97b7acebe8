//! Where the time of a start goes.

use anyhow::Result;
use plotters::prelude::RGBColor;

use super::bars::{Bar, Part, draw};
use super::{NAIVE, OPTIMIZED};
use crate::metrics::{ScenarioRecords, Unit};
use crate::scenario::{Metric, Phase, Start, TOTAL, Variant};
use crate::stats;

// Okabe and Ito once more, without the two that stand for the variants, and then the same darker: a start has more
// phases than there are colours that everybody can tell apart, and neighbours never share one.
const PHASES: [RGBColor; 12] = [
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(240, 228, 66),
    RGBColor(204, 121, 167),
    RGBColor(170, 170, 170),
    RGBColor(43, 90, 116),
    RGBColor(115, 80, 0),
    RGBColor(0, 79, 58),
    RGBColor(120, 114, 33),
    RGBColor(102, 60, 83),
    RGBColor(85, 85, 85),
];

/// The starts as bars, medians over the blocks; `None` if nothing was started. Where the whole was measured, its
/// phases are stacked under its figure. Without it they may be starts of different kinds: each has a bar of its own,
/// and nothing is added up.
pub(in crate::report) fn starts(scenario: &ScenarioRecords<'_>) -> Result<Option<String>> {
    let mut phases: Vec<&str> = Vec::new();
    for row in &scenario.starts {
        let within = row.phase != TOTAL && Phase::of(&row.phase).is_none_or(Phase::is_in_total);
        if within && row.seconds.is_some() && !phases.contains(&row.phase.as_str()) {
            phases.push(&row.phase);
        }
    }
    let median = |phase: &str, start, variant| {
        let values = scenario.values(&Metric::StartPhase(phase.to_owned(), start), variant);
        stats::median(&values.into_values().collect::<Vec<f64>>())
    };
    let mut bars = Vec::new();
    for start in [Start::First, Start::Again] {
        let when = match start {
            Start::First => "first start",
            Start::Again => "started again",
        };
        let whole = Variant::BOTH.map(|variant| (variant, median(TOTAL, start, variant)));
        if whole.iter().any(|(_, total)| total.is_some()) {
            for (variant, total) in whole {
                let Some(total) = total else { continue };
                let parts = phases.iter().zip(PHASES.iter().cycle()).filter_map(|(phase, colour)| {
                    Some(Part { value: median(phase, start, variant)?, colour: *colour, label: phase })
                });
                let heading = format!("{when}, {variant}: {}", Unit::Seconds.format(total));
                bars.push(Bar { heading, parts: parts.collect() });
            }
            continue;
        }
        for phase in &phases {
            for (variant, colour) in [(Variant::Naive, NAIVE), (Variant::Optimized, OPTIMIZED)] {
                let Some(seconds) = median(phase, start, variant) else { continue };
                bars.push(Bar {
                    heading: format!("{when}, {phase}, {variant}: {}", Unit::Seconds.format(seconds)),
                    parts: vec![Part { value: seconds, colour, label: variant.as_str() }],
                });
            }
        }
    }
    if bars.is_empty() {
        return Ok(None);
    }
    let name = format!("{}: seconds of a start, naive against optimized", scenario.plan.name);
    draw(&bars, &name).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::RunBuilder;

    fn drawn(phases: &[(&str, f64)]) -> String {
        let run = phases.iter().fold(RunBuilder::new().scenario("s"), |run, (phase, seconds)| {
            run.starts(phase, Start::First, &[Some(*seconds)], &[Some(*seconds)])
        });
        starts(&ScenarioRecords::split(&run.build())[0]).unwrap().unwrap()
    }

    #[test]
    fn what_was_not_measured_as_a_whole_is_not_added_up() {
        let svg = drawn(&[("import", 1.0), ("import-read-only", 2.0)]);
        assert!(svg.contains("first start, import, naive: 1.00 s"), "{svg}");
        assert!(!svg.contains("3.00 s"), "{svg}");
    }

    #[test]
    fn a_whole_has_its_own_figure_and_not_the_sum() {
        let svg = drawn(&[("pull", 1.0), ("import", 2.0), ("total", 3.5)]);
        assert!(svg.contains("first start, optimized: 3.50 s") && svg.contains("pull"), "{svg}");
        assert!(!svg.contains("3.00 s"), "{svg}");
    }
}
