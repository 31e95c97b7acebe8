//! The Docker Engine: finding or bringing up one, building on it, running containers on it.

mod address;
pub mod buildkit;
pub mod containers;

pub use address::Address;
