//! The BuildKit client and the containers, on a real engine that the tests bring up. Needs root.

mod buildx;
mod cache;
mod containers;
mod context;
mod ending;
mod explain;
mod export;
mod graph;
mod inputs;
mod support;
