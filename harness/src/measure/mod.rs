//! Measuring: the only room that makes records, and the only one that touches an engine for a figure.
//!
//! `runner` walks the plan; for each step `block` and `context` say what the builder sees, `build`
//! builds and times it, `timing` splits the time by what BuildKit says of its vertexes, `image` looks
//! at the result, `contents`, `secrets` and `scan` say what is in it, `development` what else people work in, `start` starts it, and the rows are on
//! disk before the next step begins.

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
mod observer;
mod rehearsal;
mod releases;
mod remaining;
mod runner;
mod scan;
mod secrets;
pub mod start;
mod timing;

pub use build::Forward;
pub use observer::Observer;
pub use runner::{Bench, Earlier, Outcome, Stage, run};
pub use scan::Scanner;
pub use secrets::needles;
