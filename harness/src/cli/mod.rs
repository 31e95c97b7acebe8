//! The command line: arguments, one file a verb, progress.

pub mod clean;
pub mod doctor;
pub mod engine;
