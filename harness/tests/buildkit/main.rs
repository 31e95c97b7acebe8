//! The BuildKit client and the containers, on a real engine.

mod cache;
mod containers;
mod context;
mod ending;
mod export;
mod inputs;
mod support;
