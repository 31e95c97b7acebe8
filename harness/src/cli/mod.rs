//! The command line: arguments, one file a verb, progress.

pub mod report;
