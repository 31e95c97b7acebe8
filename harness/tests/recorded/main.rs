//! What the program makes of runs that are on disk; no engine is needed.

mod compare;
mod rebuilt;
mod report;
mod support;
mod turned;
