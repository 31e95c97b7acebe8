//! What builds consume, for real: the machine's own pip and apt, real builds on the managed engine.

mod bases;
mod builds;
mod cuda;
mod link;
mod packages;
mod registry;
mod updates;

use std::path::{Path, PathBuf};

use harness::supply::{Bases, Needs};

/// The repository's `bases.toml`.
fn known_bases() -> Bases {
    Bases::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/bases.toml")).unwrap()
}

fn lock() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/supply/lock.txt")
}

fn needs(scenario: &str) -> Needs {
    Needs { scenario: scenario.into(), ..Needs::default() }
}
