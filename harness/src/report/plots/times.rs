//! Build times, block by block.

use anyhow::Result;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{GRID, INK, JOIN, NAIVE, OPTIMIZED, failed, font, named};
use crate::metrics::{ScenarioRecords, Unit};
use crate::report::labels;
use crate::scenario::{Event, Metric, SampleColumn, Variant};
use crate::stats;

/// Of one panel, in pixels.
const PANEL: (u32, u32) = (300, 320);
/// Panels side by side.
const PER_ROW: usize = 4;
/// Room for the title and for the legend.
const TITLE: u32 = 40;
const LEGEND: u32 = 36;

/// The file of a scenario's plot, within the run directory.
pub(in crate::report) fn file(scenario: &str) -> String {
    format!("plots/{scenario}.svg")
}

/// Whether there is anything to plot.
pub(in crate::report) fn has_build_times(scenario: &ScenarioRecords<'_>) -> bool {
    !panels(scenario).is_empty()
}

/// The build times of a scenario, a panel an event: each block's two samples joined, so that it can be
/// seen whether *every* block says the same; the medians marked. `None` if nothing was measured.
pub(in crate::report) fn build_times(scenario: &ScenarioRecords<'_>) -> Result<Option<String>> {
    let panels = panels(scenario);
    if panels.is_empty() {
        return Ok(None);
    }
    let columns = panels.len().min(PER_ROW);
    let rows = panels.len().div_ceil(PER_ROW);
    // A single panel is as wide as two, or its title would not fit.
    let width = PANEL.0 * columns.max(2) as u32;
    let height = TITLE + PANEL.1 * rows as u32 + LEGEND;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        let (title, rest) = root.split_vertically(TITLE);
        let (body, legend) = rest.split_vertically(height - TITLE - LEGEND);
        let text = format!("{}: build time, block by block", scenario.plan.name);
        title.draw(&Text::new(text, (16, 12), font(18))).map_err(failed)?;
        for (area, panel) in body.split_evenly((rows, columns)).iter().zip(&panels) {
            draw_panel(area, panel)?;
        }
        draw_legend(&legend)?;
        root.present().map_err(failed)?;
    }
    Ok(Some(named(&svg, &format!("Build times of {}, block by block", scenario.plan.name))))
}

/// One panel a picture, without a background, for pages that lay them out themselves: with the event of each.
pub(in crate::report) fn each_event(scenario: &ScenarioRecords<'_>) -> Result<Vec<(Event, String)>> {
    let drawn = panels(scenario).into_iter().map(|panel| {
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, PANEL).into_drawing_area();
            draw_panel(&root, &panel)?;
            root.present().map_err(failed)?;
        }
        let name = format!(
            "{}, {}: build time of each block, in seconds",
            scenario.plan.name,
            labels::event(&panel.event)
        );
        Ok((panel.event, named(&svg, &name)))
    });
    drawn.collect()
}

/// The samples of one event.
struct Panel {
    event: Event,
    naive: Vec<(u32, f64)>,
    optimized: Vec<(u32, f64)>,
}

fn panels(scenario: &ScenarioRecords<'_>) -> Vec<Panel> {
    let values = |event: &Event, variant| {
        scenario.values(&Metric::Sample(SampleColumn::Wall, event.clone()), variant).into_iter().collect()
    };
    let events = scenario.plan.events.iter();
    events
        .map(|event| Panel {
            event: event.clone(),
            naive: values(event, Variant::Naive),
            optimized: values(event, Variant::Optimized),
        })
        .filter(|panel| !panel.naive.is_empty() || !panel.optimized.is_empty())
        .collect()
}

fn draw_panel<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>, panel: &Panel) -> Result<()>
where
    DB::ErrorType: 'static,
{
    let all = panel.naive.iter().chain(&panel.optimized).map(|(_, seconds)| *seconds);
    let top = all.fold(0.0, f64::max) * 1.12;
    let mut chart = ChartBuilder::on(area)
        .caption(labels::event(&panel.event), font(15))
        .margin(10)
        .x_label_area_size(28)
        .y_label_area_size(52)
        .build_cartesian_2d(0.4..2.6_f64, 0.0..top.max(0.01))
        .map_err(failed)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .x_labels(0)
        .y_labels(6)
        .y_desc("seconds")
        .label_style(font(13))
        .y_label_formatter(&|seconds| axis_label(*seconds, top))
        .draw()
        .map_err(failed)?;
    for (block, naive) in &panel.naive {
        if let Some((_, optimized)) = panel.optimized.iter().find(|(other, _)| other == block) {
            let line = PathElement::new(vec![(1.0, *naive), (2.0, *optimized)], JOIN.stroke_width(1));
            chart.draw_series([line]).map_err(failed)?;
        }
    }
    let circles = panel.naive.iter().map(|(_, seconds)| Circle::new((1.0, *seconds), 5, NAIVE.filled()));
    chart.draw_series(circles).map_err(failed)?;
    let triangles = panel
        .optimized
        .iter()
        .map(|(_, seconds)| TriangleMarker::new((2.0, *seconds), 6, OPTIMIZED.filled()));
    chart.draw_series(triangles).map_err(failed)?;
    for (x, values) in [(1.0, &panel.naive), (2.0, &panel.optimized)] {
        let seconds: Vec<f64> = values.iter().map(|(_, seconds)| *seconds).collect();
        let Some(median) = stats::median(&seconds) else { continue };
        let bar = PathElement::new(vec![(x - 0.2, median), (x + 0.2, median)], INK.stroke_width(3));
        chart.draw_series([bar]).map_err(failed)?;
        // Beside the bar and away from the joining lines.
        let (at, side) = if x < 1.5 { (x - 0.1, HPos::Right) } else { (x + 0.1, HPos::Left) };
        let style = font(13).pos(Pos::new(side, VPos::Bottom));
        chart
            .draw_series([Text::new(Unit::Seconds.format(median), (at, median + top * 0.015), style)])
            .map_err(failed)?;
    }
    for (x, variant) in [(1.0, Variant::Naive), (2.0, Variant::Optimized)] {
        let (column, bottom) = chart.backend_coord(&(x, 0.0));
        let (left, up) = area.get_base_pixel();
        let style = font(14).pos(Pos::new(HPos::Center, VPos::Top));
        area.draw(&Text::new(variant.as_str(), (column - left, bottom - up + 8), style)).map_err(failed)?;
    }
    Ok(())
}

fn draw_legend<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>) -> Result<()>
where
    DB::ErrorType: 'static,
{
    area.draw(&Circle::new((24, 14), 5, NAIVE.filled())).map_err(failed)?;
    area.draw(&Text::new("naive", (36, 8), font(13))).map_err(failed)?;
    area.draw(&TriangleMarker::new((100, 14), 6, OPTIMIZED.filled())).map_err(failed)?;
    area.draw(&Text::new("optimized", (112, 8), font(13))).map_err(failed)?;
    area.draw(&PathElement::new(vec![(200, 14), (226, 14)], JOIN.stroke_width(1))).map_err(failed)?;
    area.draw(&Text::new("one block", (234, 8), font(13))).map_err(failed)?;
    area.draw(&PathElement::new(vec![(320, 14), (346, 14)], INK.stroke_width(3))).map_err(failed)?;
    area.draw(&Text::new("median", (354, 8), font(13))).map_err(failed)?;
    Ok(())
}

/// As many decimals as the axis needs, no more.
fn axis_label(seconds: f64, top: f64) -> String {
    let decimals = if top < 0.1 {
        3
    } else if top < 1.0 {
        2
    } else if top < 10.0 {
        1
    } else {
        0
    };
    format!("{seconds:.decimals$}")
}
