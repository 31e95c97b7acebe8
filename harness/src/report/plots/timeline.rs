//! Where the time of a build goes: its steps along the clock.

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::{COMMON, GRID, INK, NAIVE, NARROW, OPTIMIZED, at, cut, failed, named};
use crate::metrics::{ScenarioRecords, Unit};
use crate::record::{Sample, Step};
use crate::report::labels;
use crate::scenario::{Event, Variant};

/// Steps that a picture has room for: the longest, in the order of the build.
const STEPS: usize = 14;
const TITLE: i32 = 24;
const ROW: i32 = 32;
const AXIS: i32 = 26;
const LEFT: i32 = 8;

/// The build of the median block after `event`, both variants to one scale. `None` where neither was built.
pub(in crate::report) fn timeline(scenario: &ScenarioRecords<'_>, event: &Event) -> Result<Option<String>> {
    let builds: Vec<(Variant, &Sample, Vec<&Step>)> = Variant::BOTH
        .iter()
        .filter_map(|variant| {
            let sample = median_build(scenario, event, *variant)?;
            let steps = shown(scenario, sample);
            (!steps.is_empty()).then_some((*variant, sample, steps))
        })
        .collect();
    if builds.is_empty() {
        return Ok(None);
    }
    let ends = builds.iter().flat_map(|(_, _, steps)| steps.iter().map(|step| end(step)));
    let longest = ends.fold(0.0, f64::max).max(0.001);
    let height: i32 = builds.iter().map(|(_, _, steps)| TITLE + ROW * steps.len() as i32).sum::<i32>() + AXIS;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (NARROW, height as u32)).into_drawing_area();
        let x =
            |seconds: f64| LEFT + (seconds / longest * f64::from(NARROW as i32 - 2 * LEFT)).round() as i32;
        for tick in 0..=4 {
            let seconds = longest * f64::from(tick) / 4.0;
            let line =
                PathElement::new(vec![(x(seconds), 2), (x(seconds), height - AXIS)], GRID.stroke_width(1));
            root.draw(&line).map_err(failed)?;
            let side = match tick {
                0 => HPos::Left,
                4 => HPos::Right,
                _ => HPos::Center,
            };
            let label = Unit::Seconds.format(seconds);
            root.draw(&Text::new(label, (x(seconds), height - AXIS + 6), at(12, side))).map_err(failed)?;
        }
        let mut top = 0;
        for (variant, sample, steps) in &builds {
            let took = sample.wall_s.map_or_else(String::new, |seconds| Unit::Seconds.format(seconds));
            let title = format!("{variant}, block {}: {took}", sample.block);
            root.draw(&Text::new(title, (LEFT, top + 5), at(14, HPos::Left))).map_err(failed)?;
            top += TITLE;
            for step in steps {
                let said = match (step.cached, step.seconds) {
                    (true, _) => "cached".to_owned(),
                    (false, Some(seconds)) => Unit::Seconds.format(seconds),
                    (false, None) => "not timed".to_owned(),
                };
                let text = format!("{}: {said}", cut(&step.name, 44));
                root.draw(&Text::new(text, (LEFT, top), at(12, HPos::Left))).map_err(failed)?;
                let start = x(step.start_s.unwrap_or_default());
                let corners = [(start, top + 16), (x(end(step)).max(start + 2), top + 27)];
                let colour = match (step.instruction, variant) {
                    (false, _) => COMMON,
                    (true, Variant::Naive) => NAIVE,
                    (true, Variant::Optimized) => OPTIMIZED,
                };
                if step.cached {
                    // Hollow, and as wide as a mark: it took no time that could be drawn.
                    let left = start.min(NARROW as i32 - LEFT - 11);
                    let mark = [(left, top + 16), (left + 11, top + 27)];
                    root.draw(&Rectangle::new(mark, INK.stroke_width(1))).map_err(failed)?;
                } else {
                    root.draw(&Rectangle::new(corners, colour.filled())).map_err(failed)?;
                }
                top += ROW;
            }
        }
        root.present().map_err(failed)?;
    }
    let name =
        format!("{}, {}: the steps of a build along the clock", scenario.plan.name, labels::event(event));
    Ok(Some(named(&svg, &name)))
}

fn end(step: &Step) -> f64 {
    step.start_s.unwrap_or_default() + step.seconds.unwrap_or_default()
}

/// The build whose time is the middle one; of two, the quicker.
fn median_build<'r>(scenario: &ScenarioRecords<'r>, event: &Event, variant: Variant) -> Option<&'r Sample> {
    let of = |row: &&&'r Sample| row.variant == variant && row.event == *event && row.wall_s.is_some();
    let mut builds: Vec<&'r Sample> = scenario.samples.iter().filter(of).copied().collect();
    builds.sort_by(|a, b| a.wall_s.unwrap_or_default().total_cmp(&b.wall_s.unwrap_or_default()));
    builds.get(builds.len().saturating_sub(1) / 2).copied()
}

/// The instructions, and what BuildKit itself does where it takes a fiftieth of the build or more.
fn shown<'r>(scenario: &ScenarioRecords<'r>, sample: &Sample) -> Vec<&'r Step> {
    let least = sample.wall_s.unwrap_or_default() / 50.0;
    let mut steps: Vec<&Step> = scenario
        .steps
        .iter()
        .filter(|row| row.variant == sample.variant && row.event == sample.event && row.block == sample.block)
        .filter(|row| row.instruction || row.seconds.is_some_and(|seconds| seconds >= least))
        .copied()
        .collect();
    steps.sort_by(|a, b| b.seconds.unwrap_or_default().total_cmp(&a.seconds.unwrap_or_default()));
    steps.truncate(STEPS);
    steps.sort_by_key(|row| row.step);
    steps
}
