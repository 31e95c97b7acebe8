//! How much less time the optimized variant takes, with the interval of each.

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::{GRID, INK, NARROW, OPTIMIZED, at, cut, failed, named};
use crate::metrics::{Comparison, percent};
use crate::report::{ScenarioReport, labels};
use crate::scenario::Evidence;
use crate::stats::Interval;

const ROW: i32 = 42;
const AXIS: i32 = 30;
const LEFT: i32 = 14;
/// More than twice the time lies outside the picture, and is drawn as an arrow at its edge.
const WORST: f64 = -1.0;

/// The change of every essential time that has an interval; `None` where none has.
pub(in crate::report) fn changes(report: &ScenarioReport<'_>) -> Result<Option<String>> {
    let rows: Vec<(&Comparison, f64, Interval)> = report
        .essential()
        .filter(|row| row.metric.evidence() == Evidence::Time)
        .filter_map(|row| {
            let estimate = row.reduction.as_ref().ok()?;
            Some((row, estimate.estimate, estimate.interval?))
        })
        .collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let least = rows.iter().map(|(_, _, interval)| interval.low).fold(-0.1, f64::min).max(WORST);
    let x = |reduction: f64| {
        let share = (reduction.clamp(least, 1.0) - least) / (1.0 - least);
        LEFT + (share * f64::from(NARROW as i32 - 2 * LEFT)).round() as i32
    };
    let height = ROW * rows.len() as i32 + AXIS;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (NARROW, height as u32)).into_drawing_area();
        for tick in [WORST, -0.5, 0.0, 0.5, 1.0].into_iter().filter(|tick| *tick >= least) {
            let (colour, width) = if tick == 0.0 { (INK, 2) } else { (GRID, 1) };
            for number in 0..rows.len() as i32 {
                // Below the row's words, not through them.
                let line = vec![(x(tick), number * ROW + 20), (x(tick), (number + 1) * ROW)];
                root.draw(&PathElement::new(line, colour.stroke_width(width))).map_err(failed)?;
            }
            let (label, side) = match tick {
                0.0 => ("the same".to_owned(), HPos::Center),
                1.0 => ("100 % less".to_owned(), HPos::Right),
                less if less > 0.0 => (percent(less), HPos::Center),
                more => (format!("{} more", percent(-more)), HPos::Left),
            };
            root.draw(&Text::new(label, (x(tick), height - AXIS + 8), at(12, side))).map_err(failed)?;
        }
        for (number, (row, estimate, interval)) in (0..).zip(&rows) {
            let top = number * ROW;
            let text = cut(&format!("{}: {}", labels::metric(&row.metric), labels::change(row)), 52);
            root.draw(&Text::new(text, (LEFT, top + 4), at(12, HPos::Left))).map_err(failed)?;
            let middle = top + 28;
            let ends = vec![(x(interval.low), middle), (x(interval.high), middle)];
            root.draw(&PathElement::new(ends, OPTIMIZED.stroke_width(3))).map_err(failed)?;
            for end in [interval.low, interval.high] {
                let cap = vec![(x(end), middle - 5), (x(end), middle + 5)];
                root.draw(&PathElement::new(cap, OPTIMIZED.stroke_width(2))).map_err(failed)?;
            }
            if interval.low < least {
                let arrow = vec![(x(least) + 8, middle - 6), (x(least), middle), (x(least) + 8, middle + 6)];
                root.draw(&PathElement::new(arrow, OPTIMIZED.stroke_width(2))).map_err(failed)?;
            }
            root.draw(&Circle::new((x(*estimate), middle), 5, OPTIMIZED.filled())).map_err(failed)?;
        }
        root.present().map_err(failed)?;
    }
    let name = format!("{}: change of time with its 95 % intervals", report.rows.plan.name);
    Ok(Some(named(&svg, &name)))
}
