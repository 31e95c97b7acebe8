//! Stacked bars, one a row, all to one scale.

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::{INK, NARROW, at, cut, failed, named};

/// A bar with its heading; its parts from the left.
pub(super) struct Bar<'t> {
    /// With the figure that the bar stands for: parts need not add up to what was measured as a whole.
    pub(super) heading: String,
    pub(super) parts: Vec<Part<'t>>,
}

/// A part of a bar.
pub(super) struct Part<'t> {
    pub(super) value: f64,
    pub(super) colour: RGBColor,
    pub(super) label: &'t str,
}

const ROW: i32 = 50;
const LEGEND: i32 = 22;
const LEFT: i32 = 8;

/// The bars as a picture called `name`, with the legend below.
pub(super) fn draw(bars: &[Bar<'_>], name: &str) -> Result<String> {
    let total = |bar: &Bar<'_>| bar.parts.iter().map(|part| part.value).sum::<f64>();
    let longest = bars.iter().map(total).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let room = f64::from(NARROW as i32 - 2 * LEFT);
    let mut legend: Vec<&Part<'_>> = Vec::new();
    for part in bars.iter().flat_map(|bar| &bar.parts).filter(|part| part.value > 0.0) {
        if legend.iter().all(|other| other.label != part.label) {
            legend.push(part);
        }
    }
    let height = ROW * bars.len() as i32 + LEGEND * legend.len() as i32 + 8;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (NARROW, height as u32)).into_drawing_area();
        for (number, bar) in (0..).zip(bars) {
            let top = number * ROW + 4;
            root.draw(&Text::new(cut(&bar.heading, 48), (LEFT, top), at(14, HPos::Left))).map_err(failed)?;
            let mut from = 0.0;
            for part in bar.parts.iter().filter(|part| part.value > 0.0) {
                let x = |value: f64| LEFT + (value / longest * room).round() as i32;
                let corners = [(x(from), top + 20), (x(from + part.value).max(x(from) + 1), top + 40)];
                root.draw(&Rectangle::new(corners, part.colour.filled())).map_err(failed)?;
                root.draw(&Rectangle::new(corners, INK.stroke_width(1))).map_err(failed)?;
                from += part.value;
            }
        }
        for (number, part) in (0..).zip(&legend) {
            let top = ROW * bars.len() as i32 + LEGEND * number + 4;
            let corners = [(LEFT, top), (LEFT + 14, top + 14)];
            root.draw(&Rectangle::new(corners, part.colour.filled())).map_err(failed)?;
            root.draw(&Rectangle::new(corners, INK.stroke_width(1))).map_err(failed)?;
            root.draw(&Text::new(cut(part.label, 44), (LEFT + 22, top), at(13, HPos::Left)))
                .map_err(failed)?;
        }
        root.present().map_err(failed)?;
    }
    Ok(named(&svg, name))
}
