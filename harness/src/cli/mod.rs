//! The verbs, one file each, and what a person sees while they run.
//!
//! Results go to stdout, everything else to stderr.

mod alone;
mod args;
pub mod bench;
mod chosen;
pub mod clean;
mod colour;
pub mod compare;
pub mod diff;
pub mod doctor;
pub mod engine;
pub mod list;
pub mod new;
mod progress;
pub mod report;
pub mod repro;
mod session;

pub use args::{Bench, Cli, Compare, Diff, EngineAction, GpuChoice, Report, Repro, Verb};
