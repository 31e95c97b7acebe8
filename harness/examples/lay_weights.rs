//! Lays the files that a scenario generates into its contexts, for whoever builds its images with `docker build`.
//!
//! ```text
//! lay_weights SCENARIO_DIR PROFILE
//! ```
//!
//! They are the same to the byte as those that the harness makes. Remove them afterwards: the harness refuses a context
//! that holds them already.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::ValueEnum as _;
use harness::cache::Cache;
use harness::scenario::{Profile, Scenario, Variant};
use harness::supply::Weights;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let dir = PathBuf::from(args.next().context("SCENARIO_DIR is missing")?);
    let profile = args.next().context("PROFILE is missing")?;
    let profile = Profile::from_str(&profile, false).map_err(anyhow::Error::msg)?;
    let scenario = Scenario::load(&dir, profile)?;
    let weights = Weights::open(&Cache::open()?)?;
    for (path, bytes) in &scenario.generated {
        let made = weights.first(path, *bytes)?;
        for variant in Variant::BOTH {
            let to = scenario.variants.get(variant).context.join(path);
            // Both variants may have one context.
            if to.exists() {
                continue;
            }
            fs::create_dir_all(to.parent().context("a context has a parent")?)?;
            fs::copy(made.path(), &to).with_context(|| format!("cannot write {}", to.display()))?;
            println!("{}", to.display());
        }
    }
    Ok(())
}
