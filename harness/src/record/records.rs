//! A run in memory.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::build::{Attempt, BuildRow, Row as _, describe};
use super::table::{Numbered, Table};
use super::{Delta, Image, RunInfo, Sample, Step};
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
}

/// The growing tables of a run directory, made consistent.
pub(super) struct Tables {
    pub(super) samples: Vec<Sample>,
    pub(super) steps: Side<Step>,
    pub(super) images: Side<Image>,
    pub(super) deltas: Side<Delta>,
    /// The builds that have a sample.
    pub(super) done: HashSet<PlannedStep>,
}

/// A table that is believed only where a sample vouches for it.
pub(super) struct Side<R> {
    pub(super) rows: Vec<R>,
    /// Whether the file holds rows of builds that were cut short.
    pub(super) orphans: bool,
}

impl Tables {
    pub(super) fn read(dir: &Path) -> Result<Self> {
        let mut lines: HashMap<PlannedStep, u64> = HashMap::new();
        let mut samples = Vec::new();
        for (line, sample) in Table::<Sample>::read(dir)? {
            let place = |line: u64| format!("{}, line {line}", dir.join(Sample::FILE).display());
            sample.check().with_context(|| place(line))?;
            if let Some(first) = lines.insert(sample.key(), line) {
                bail!("{}: {} is already on line {first}", place(line), describe(&sample.key()));
            }
            samples.push(sample);
        }
        let done: HashSet<PlannedStep> = lines.into_keys().collect();
        Ok(Self {
            samples,
            steps: Side::of(Table::read(dir)?, &done),
            images: Side::of(Table::read(dir)?, &done),
            deltas: Side::of(Table::read(dir)?, &done),
            done,
        })
    }
}

impl<R: BuildRow> Side<R> {
    fn of(numbered: Numbered<R>, done: &HashSet<PlannedStep>) -> Self {
        let all = numbered.len();
        let rows: Vec<R> =
            numbered.into_iter().map(|(_, row)| row).filter(|row| done.contains(&row.key())).collect();
        Self { orphans: rows.len() < all, rows }
    }

    /// Removes from the file what was left out here.
    pub(super) fn repair(&self, dir: &Path) -> Result<()> {
        if self.orphans { Table::rewrite(dir, &self.rows) } else { Ok(()) }
    }
}

/// How often each build was begun.
pub(super) fn attempts(dir: &Path) -> Result<HashMap<PlannedStep, u32>> {
    let mut attempts = HashMap::new();
    for (_, row) in Table::<Attempt>::read(dir)? {
        let count = attempts.entry(row.key()).or_insert(0);
        *count = row.attempt.max(*count);
    }
    Ok(attempts)
}
