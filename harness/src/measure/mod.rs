//! Measuring: the only room that makes records, and the only one that touches an engine for a figure.
//!
//! `runner` walks the plan; for each step `block` stages what the builder sees (`context`, what lies `around`
//! it, `ci` for an empty builder), `build` builds and times it, `timing` splits the time by what BuildKit says
//! of its vertexes, and `look` looks at the result: `image` reads it, `contents`, `secrets` and `scan` say what
//! is in it, `development` what else people work in. `start` starts it, `startup` measures all that
//! passes from its pull to its first result, `releases` pushes and pulls it, and the rows are on disk before the next step begins.
//!
//! `repro` walks another way: it builds the same again, and holds the images against each other.

pub mod answer;
mod around;
mod block;
mod build;
mod cause;
mod ci;
mod contents;
mod context;
pub mod development;
pub mod export;
mod image;
mod look;
mod observer;
mod rehearsal;
mod releases;
mod remaining;
pub mod repro;
mod runner;
mod scan;
mod secrets;
mod side;
pub mod start;
mod startup;
mod timing;

pub use build::{Forward, SOURCE_DATE_EPOCH};
pub use observer::Observer;
pub use runner::{Bench, Earlier, Outcome, Stage, run};
pub use scan::Scanner;
pub use secrets::needles;
pub use startup::Node;
