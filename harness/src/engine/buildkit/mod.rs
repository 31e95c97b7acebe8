//! Builds over BuildKit's own control API, through the engine's `/grpc` and `/session`.

mod context;
mod request;

pub use context::{Context, OverlayFile};
pub use request::{BuildError, BuildOutcome, BuildRequest, Export, Progress, Vertex};
