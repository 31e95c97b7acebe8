//! Everything that measures, records and reports; the binary `tare` is a thin shell around it.
//!
//! Data flows one way, and each arrow is a type:
//!
//! ```text
//! scenarios/*.toml → Scenario → plan → Plan → measure (engine, supply) → records on disk → metrics, claims → report
//! ```
//!
//! The run directory is the waist: only [`measure`] touches an engine, everything after it reads
//! files. The rooms, a floor a line; each reaches only downwards, which `tests/tidy.rs` checks:
//!
//! ```text
//! cli
//! measure   report   doctor
//! supply    claims    explain   gate
//! engine    plan     metrics   diff
//! oci       record
//! debian    scenario stats
//! cache     error    text      legible  hex
//! ```

pub mod cache;
pub mod claims;
pub mod cli;
pub mod debian;
pub mod diff;
pub mod doctor;
pub mod engine;
pub mod error;
pub mod explain;
pub mod gate;
mod hex;
pub mod legible;
pub mod measure;
pub mod metrics;
pub mod oci;
pub mod plan;
pub mod record;
pub mod report;
pub mod scenario;
pub mod stats;
pub mod supply;
pub mod text;
