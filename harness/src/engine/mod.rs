//! The Docker Engine: finding or bringing up one, building on it, running containers on it.

pub mod buildkit;
