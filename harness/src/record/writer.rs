//! Puts measured builds into a run directory, each on disk before the next begins.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::Sample;
use super::build::{Attempt, MeasuredBuild, describe};
use super::done::Done;
use super::records::{Tables, attempts};
use super::sides::SideTables;
use super::table::Table;
use crate::record::PlannedStep;

/// The one writer of a run directory; made by [`super::RunDir::writer`].
///
/// A build's rows go to the side tables first and to `samples.csv` last, each file synced to disk: the
/// sample is the mark that the build is complete. Whatever ends the process, a build is there whole or
/// not at all once the directory is opened again.
#[derive(Debug)]
pub struct Writer {
    samples: Table<Sample>,
    sides: SideTables,
    attempts: Table<Attempt>,
    begun: HashMap<PlannedStep, u32>,
    done: Done,
    /// Held for as long as the writer lives; the system lets go of it however the process ends.
    _lock: File,
}

impl Writer {
    /// Removes what a writer that was cut short left behind, and goes on where it stopped.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        // First the lock: what looks like the remains of a dead writer may be the work of a living one.
        let lock = lock(dir)?;
        let tables = Tables::read(dir)?;
        tables.sides.repair(dir)?;
        Ok(Self {
            samples: Table::append_to(dir)?,
            sides: SideTables::append_to(dir)?,
            attempts: Table::append_to(dir)?,
            begun: attempts(dir)?,
            done: tables.done,
            _lock: lock,
        })
    }

    /// Whether `build` is recorded, as a measurement or as a failure.
    pub fn is_done(&self, build: &PlannedStep) -> bool {
        self.done.has(&build.scenario, build.block, build.variant, &build.event)
    }

    /// Notes on disk that `build` begins, and returns how often it has begun, this time included: part
    /// of the token that makes its edits new to the engine.
    ///
    /// # Errors
    /// When the build is already recorded, or the note cannot be written.
    pub fn begin(&mut self, build: &PlannedStep) -> Result<u32> {
        ensure!(!self.is_done(build), "{} is already recorded", describe(build));
        let attempt = self.begun.get(build).copied().unwrap_or(0) + 1;
        self.attempts.append(&[Attempt {
            scenario: build.scenario.clone(),
            variant: build.variant,
            event: build.event.clone(),
            block: build.block,
            attempt,
        }])?;
        self.begun.insert(build.clone(), attempt);
        Ok(attempt)
    }

    /// Puts a measured build on disk; it is there when this returns.
    ///
    /// # Errors
    /// When the build is already recorded, its rows do not belong together, or the disk is full: then
    /// nothing of it stays.
    pub fn commit(&mut self, build: &MeasuredBuild) -> Result<()> {
        build.check()?;
        let key = build.sample.key();
        ensure!(!self.is_done(&key), "{} is already recorded", describe(&key));
        let before = self.sides.ends();
        let written =
            self.sides.append(build).and_then(|()| self.samples.append(std::slice::from_ref(&build.sample)));
        if written.is_err() {
            self.sides.cut(&before);
        } else {
            self.done.insert(key);
        }
        written
    }
}

/// How long a lock may be held by nobody: a process that a former writer's process is just starting has a
/// copy of its files until it becomes another program.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

fn lock(dir: &Path) -> Result<File> {
    let path = dir.join(super::dir::PLAN);
    let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_PATIENCE => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                bail!("another process is writing to {}: wait for it, or end it", dir.display())
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
    }
}
