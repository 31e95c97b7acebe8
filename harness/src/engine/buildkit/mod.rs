//! Builds over BuildKit's own control API, through the engine's `/grpc` and `/session`.

mod client;
mod context;
mod fault;
mod fold;
mod follow;
mod read;
mod request;
mod services;
mod session;
mod solve;
mod store;
pub mod tree;
mod wire;

pub use client::BuildKit;
pub use context::{Checkout, Context, Moved, OverlayContent, OverlayFile, Times};
pub use request::{BuildError, BuildOutcome, BuildRequest, CacheMode, Export, Progress, Vertex};
pub use store::{CacheRecord, GcRule};

/// The largest message taken or sent, in bytes: what BuildKit itself uses.
const MESSAGE_LIMIT: usize = 16 << 20;
