//! `new`: the skeleton of a scenario.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::scenario::{Profile, Scenario, create};

/// Makes the scenario `name` in the folder `root`, and says what to do with it.
///
/// # Errors
///
/// A name that is taken or cannot be used: [`BadInput`](crate::error::BadInput).
pub fn run(root: &Path, name: &str) -> Result<()> {
    let dir = create(root, name)?;
    // What is handed out must be usable: better an error here than at the first `bench`.
    Scenario::load(&dir, Profile::Smoke)?;
    let here = std::env::current_dir().unwrap_or_default();
    let dir = dir.strip_prefix(&here).unwrap_or(&dir).display();
    writeln!(
        std::io::stdout(),
        "Made {dir}. It measures as it is: cargo xtask bench {name} --profile smoke\n\
         Then write into it what you want to know: the two Dockerfiles, the context, the edits, and the\n\
         question and claims in scenario.toml (scenarios/README.md explains every key)."
    )?;
    Ok(())
}
