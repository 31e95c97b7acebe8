//! A run in memory.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::build::{Attempt, BuildRow as _, Row as _, describe};
use super::done::Done;
use super::sides::Sides;
use super::table::Table;
use super::{
    Assumptions, Counterpart, Delta, Fetched, Image, LayerSize, Leak, Package, Rebuilds, RunInfo, Sample,
    StartPhase, Step, Transfer, Wasted,
};
use crate::record::{Plan, PlannedStep};

/// Everything that a run recorded, and that a report needs. Side rows of a build that has no sample
/// (it was cut short) are left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Records {
    /// `run.json`.
    pub info: RunInfo,
    /// `plan.json`.
    pub plan: Plan,
    /// `samples.csv`, in the order in which they were measured.
    pub samples: Vec<Sample>,
    /// `steps.csv`.
    pub steps: Vec<Step>,
    /// `images.csv`.
    pub images: Vec<Image>,
    /// `deltas.csv`.
    pub deltas: Vec<Delta>,
    /// `layers.csv`; empty in older runs.
    pub layers: Vec<LayerSize>,
    /// `wasted.csv`.
    pub wasted: Vec<Wasted>,
    /// `packages.csv`.
    pub packages: Vec<Package>,
    /// `secrets.csv`.
    pub leaks: Vec<Leak>,
    /// `startup.csv`.
    pub starts: Vec<StartPhase>,
    /// `fetches.csv`; empty in older runs.
    pub fetches: Vec<Fetched>,
    /// `transfers.csv`.
    pub transfers: Vec<Transfer>,
    /// `development.csv`.
    pub development: Vec<Counterpart>,
    /// `repro.json`; empty where nothing was rebuilt.
    pub repro: Vec<Rebuilds>,
    /// `cost.toml`; `None` where nothing was assumed.
    pub cost: Option<Assumptions>,
}

/// The growing tables of a run directory, made consistent.
pub(super) struct Tables {
    pub(super) samples: Vec<Sample>,
    pub(super) sides: Sides,
    /// The builds that have a sample.
    pub(super) done: Done,
}

impl Tables {
    pub(super) fn read(dir: &Path) -> Result<Self> {
        let (samples, done, sides) = Sides::beside(dir, || samples(dir))?;
        Ok(Self { samples, sides, done })
    }
}

/// The samples, and the builds that they are of.
fn samples(dir: &Path) -> Result<(Vec<Sample>, Done)> {
    let mut lines: HashMap<PlannedStep, u64> = HashMap::new();
    let mut samples = Vec::new();
    Table::read(dir, |line, sample: Sample| {
        let place = |line: u64| format!("{}, line {line}", dir.join(Sample::FILE).display());
        sample.check().with_context(|| place(line))?;
        if let Some(first) = lines.insert(sample.key(), line) {
            bail!("{}: {} is already on line {first}", place(line), describe(&sample.key()));
        }
        samples.push(sample);
        Ok(())
    })?;
    Ok((samples, lines.into_keys().collect()))
}

/// How often each build was begun.
pub(super) fn attempts(dir: &Path) -> Result<HashMap<PlannedStep, u32>> {
    let mut attempts = HashMap::new();
    Table::read(dir, |_, row: Attempt| {
        let count = attempts.entry(row.key()).or_insert(0);
        *count = row.attempt.max(*count);
        Ok(())
    })?;
    Ok(attempts)
}
