//! The run directory: every fact of a run as files that outlive the engine.

mod rows;
mod run;

pub use rows::{ClaimRow, Delta, Effect, Image, Sample, Step, Verdict};
pub use run::{BaseInfo, EngineInfo, FORMAT_VERSION, LinkInfo, MachineInfo, RunInfo};
