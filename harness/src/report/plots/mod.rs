//! Plots of a run, as SVG.

mod bars;
mod changes;
mod sizes;
mod starts;
mod timeline;
mod times;

use std::fmt::Display;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

pub(super) use changes::changes;
pub(super) use sizes::sizes;
pub(super) use starts::starts;
pub(super) use timeline::timeline;
pub(super) use times::{build_times, each_event, file, has_build_times};

// Okabe and Ito, *Color Universal Design* (2008): told apart with any colour vision, and in grey by
// their lightness; the shape of the mark says the same once more. A page that has a dark side gives other
// values to these by name (`html/style.css`): whoever changes one changes it there too.
const NAIVE: RGBColor = RGBColor(213, 94, 0);
const OPTIMIZED: RGBColor = RGBColor(0, 114, 178);
const JOIN: RGBColor = RGBColor(150, 150, 150);
const INK: RGBColor = RGBColor(40, 40, 40);
const GRID: RGBColor = RGBColor(225, 225, 225);
/// What is the same for both variants, or is nobody's own work.
const COMMON: RGBColor = RGBColor(170, 170, 170);
/// What is paid for and never seen.
const HIDDEN: RGBColor = RGBColor(204, 121, 167);

/// The width of a picture that a phone shows without shrinking its letters, in pixels.
const NARROW: u32 = 360;

fn font(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}

/// Text that begins (`HPos::Left`), is centred or ends at a point, with the point at its top.
fn at(size: u32, side: HPos) -> TextStyle<'static> {
    font(size).pos(Pos::new(side, VPos::Top))
}

/// At most `letters` of `text`, so that it does not leave the picture.
fn cut(text: &str, letters: usize) -> String {
    match text.char_indices().nth(letters) {
        Some(_) => format!("{}…", text.chars().take(letters - 1).collect::<String>().trim_end()),
        None => text.to_owned(),
    }
}

/// The picture with a name for those who cannot see it.
fn named(svg: &str, name: &str) -> String {
    let name = name.replace('&', "&amp;").replace('<', "&lt;");
    match svg.split_once('>') {
        Some((head, rest)) => format!("{head} role=\"img\"><title>{name}</title>{rest}\n"),
        None => svg.to_owned(),
    }
}

/// A backend's error need not be `Sync`, as anyhow asks of a source.
fn failed(error: impl Display) -> anyhow::Error {
    anyhow::anyhow!("cannot draw the plot: {error}")
}
