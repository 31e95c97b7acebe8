//! The tables beside `samples.csv`: one list of them, from which reading, writing and repair are made.

use std::path::Path;

use anyhow::Result;

use super::build::{BuildRow, MeasuredBuild};
use super::done::Done;
use super::table::Table;
use super::{
    Assumptions, Counterpart, Delta, Fetched, Image, LayerSize, Leak, Package, PlannedStep, Rebuilds,
    Records, RunInfo, Sample, StartPhase, Step, Transfer, Wasted,
};
use crate::record::Plan;

/// A table that is believed only where a sample vouches for it.
pub(super) struct Side<R> {
    rows: Vec<R>,
    /// Whether the file holds rows of builds that were cut short.
    orphans: bool,
}

impl<R: BuildRow> Side<R> {
    /// Of the rows, those of builds that are `done`.
    fn of(mut rows: Vec<R>, done: &Done) -> Self {
        let all = rows.len();
        rows.retain(|row| row.is_vouched_for(done));
        let orphans = rows.len() < all;
        Self { rows, orphans }
    }

    /// Removes from the file what was left out here.
    fn repair(&self, dir: &Path) -> Result<()> {
        if self.orphans { Table::rewrite(dir, &self.rows) } else { Ok(()) }
    }
}

fn rows<R: BuildRow>(dir: &Path) -> Result<Vec<R>> {
    let mut rows = Vec::new();
    Table::read(dir, |_, row: R| {
        rows.push(row);
        Ok(())
    })?;
    Ok(rows)
}

macro_rules! sides {
    ($($table:ident of $row:ident, of a build $field:ident;)+) => {
        /// The side tables of a run directory, made consistent.
        pub(super) struct Sides { $($table: Side<$row>,)+ }

        /// The side tables, open to append to.
        #[derive(Debug)]
        pub(super) struct SideTables { $($table: Table<$row>,)+ }

        /// Where each table ended.
        pub(super) struct Ends { $($table: u64,)+ }

        /// Makes every file with its header alone.
        pub(super) fn create(dir: &Path) -> Result<()> {
            $(Table::<$row>::create(dir)?;)+
            Ok(())
        }

        /// Whether all side rows of a build are its own.
        pub(super) fn belong_to(build: &MeasuredBuild, key: &PlannedStep) -> bool {
            $(build.$field.iter().all(|row| row.belongs_to(key)))&&+
        }

        impl Sides {
            /// Reads them, side by side with the samples, which `read` does and which say what builds are done; rows of
            /// others are left out.
            pub(super) fn beside<T>(
                dir: &Path,
                read: impl FnOnce() -> Result<(T, Done)>,
            ) -> Result<(T, Done, Self)> {
                std::thread::scope(|scope| {
                    $(let $table = scope.spawn(|| rows::<$row>(dir));)+
                    let (samples, done) = read()?;
                    $(
                        let rows = $table.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                        let $table = Side::of(rows, &done);
                    )+
                    Ok((samples, done, Self { $($table,)+ }))
                })
            }

            /// Removes from the files what was left out here.
            pub(super) fn repair(&self, dir: &Path) -> Result<()> {
                $(self.$table.repair(dir)?;)+
                Ok(())
            }

            pub(super) fn into_records(
                self,
                info: RunInfo,
                plan: Plan,
                samples: Vec<Sample>,
                repro: Vec<Rebuilds>,
                cost: Option<Assumptions>,
            ) -> Records {
                Records { info, plan, samples, $($table: self.$table.rows,)+ repro, cost }
            }
        }

        impl SideTables {
            pub(super) fn append_to(dir: &Path) -> Result<Self> {
                Ok(Self { $($table: Table::append_to(dir)?,)+ })
            }

            pub(super) fn append(&mut self, build: &MeasuredBuild) -> Result<()> {
                $(self.$table.append(build.$field.as_slice())?;)+
                Ok(())
            }

            pub(super) fn ends(&self) -> Ends {
                Ends { $($table: self.$table.len(),)+ }
            }

            /// Forgets everything behind `ends`.
            pub(super) fn cut(&mut self, ends: &Ends) {
                $(self.$table.cut(ends.$table);)+
            }
        }

        #[cfg(test)]
        impl Records {
            /// A run of which nothing was measured yet.
            pub(crate) fn empty(info: RunInfo, plan: Plan) -> Self {
                Self { info, plan, samples: Vec::new(), $($table: Vec::new(),)+ repro: Vec::new(), cost: None }
            }
        }
    };
}

sides! {
    steps of Step, of a build steps;
    images of Image, of a build image;
    deltas of Delta, of a build delta;
    layers of LayerSize, of a build layers;
    wasted of Wasted, of a build wasted;
    packages of Package, of a build packages;
    leaks of Leak, of a build leaks;
    starts of StartPhase, of a build starts;
    fetches of Fetched, of a build fetches;
    transfers of Transfer, of a build transfers;
    development of Counterpart, of a build development;
}
