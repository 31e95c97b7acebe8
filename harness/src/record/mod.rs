//! The run directory: every fact of a run as files that outlive the engine.
//!
//! Written by one process at a time through [`Writer`], one *measured build* after the other, each on
//! disk before the next begins; read by [`RunDir::read`], which never writes, so that a report can be
//! made of a directory that is read-only or still growing.

mod assumptions;
mod atomic;
mod build;
mod decimals;
mod dir;
mod done;
mod found;
pub mod machine;
mod plan;
mod records;
mod repro;
mod rows;
mod run;
mod sides;
mod table;
mod writer;

pub use assumptions::{Amount, Assumptions, Developers, Nodes, Registry, Runner};
pub use build::{Attempt, MeasuredBuild};
pub use dir::RunDir;
pub use found::{
    AnswerKind, Counterpart, CounterpartKind, Fetched, Hidden, LayerSize, Leak, LeakPlace, Package,
    PackageKind, StartPhase, Transfer, Wasted,
};
pub use plan::{Plan, PlannedScenario, PlannedStep};
pub use records::Records;
pub use repro::{Against, CauseCount, FixLeftOut, ImageDifference, ImageLayer, Rebuilds, RebuiltBy};
pub use rows::{
    ClaimRow, Delta, Effect, INTERRUPTED, Image, NOT_MEASURED, NOT_REACHED, Sample, Step, UNEQUAL, Verdict,
    is_failure,
};
pub use run::{
    BaseInfo, EndInfo, EngineInfo, FORMAT_VERSION, GpuInfo, LinkInfo, MachineInfo, OLDEST_FORMAT, RunInfo,
    ScannerInfo,
};
pub use writer::Writer;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
