//! A run directory: its fixed files, and the way to its tables.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::build::Attempt;
use super::records::Tables;
use super::table::{Table, damaged, unreadable};
use super::{
    Assumptions, ClaimRow, EndInfo, FORMAT_VERSION, OLDEST_FORMAT, Rebuilds, Records, RunInfo, Sample,
    Writer, atomic, sides,
};
use crate::error::BadInput;
use crate::record::Plan;

const RUN: &str = "run.json";
pub(super) const PLAN: &str = "plan.json";
const REPRO: &str = "repro.json";

/// One run on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct RunDir {
    path: PathBuf,
    info: RunInfo,
    plan: Plan,
}

impl RunDir {
    /// Makes the directory of a new run at `path`, with empty tables.
    ///
    /// # Errors
    /// [`BadInput`] when there is something at `path` already.
    pub fn create(path: impl Into<PathBuf>, info: &RunInfo, plan: &Plan) -> Result<Self> {
        let path = path.into();
        Self::check_new(&path)?;
        let cannot = || format!("cannot create the run directory {}", path.display());
        std::fs::create_dir_all(&path).with_context(cannot)?;
        Table::<Sample>::create(&path)?;
        sides::create(&path)?;
        Table::<Attempt>::create(&path)?;
        atomic::write(&path.join(PLAN), &json(plan)?)?;
        // Last: what has a run.json is a run.
        atomic::write(&path.join(RUN), &json(info)?)?;
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            atomic::sync_dir(parent)?;
        }
        Ok(Self { path, info: info.clone(), plan: plan.clone() })
    }

    /// Whether a new run can have its directory at `path`; to be asked before anything is brought up for it.
    ///
    /// # Errors
    /// [`BadInput`] when there is something at `path` already.
    pub fn check_new(path: &Path) -> Result<()> {
        let found = match std::fs::read_dir(path) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => {
                return Err(BadInput(format!("{}: {error}; name another directory", path.display())).into());
            }
        };
        if !found {
            return Ok(());
        }
        let how = if path.join(RUN).is_file() {
            "is a run already: go on with it by --resume, or name another directory"
        } else {
            "is not empty: name another directory"
        };
        Err(BadInput(format!("{} {how}", path.display())).into())
    }

    /// Opens the run at `path`. Nothing is written: a directory may be read-only, or still growing.
    ///
    /// # Errors
    /// [`BadInput`] when there is no run at `path`, another version of Tare wrote it, or it is damaged.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        if !path.join(RUN).is_file() {
            return Err(
                BadInput(format!("{} is not a run directory: it has no {RUN}", path.display())).into()
            );
        }
        check_version(&path.join(RUN))?;
        Ok(Self { info: read_json(&path.join(RUN))?, plan: read_json(&path.join(PLAN))?, path })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `run.json`.
    pub fn info(&self) -> &RunInfo {
        &self.info
    }

    /// `plan.json`.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Opens the tables to add to them; what an interrupted writer left half-done is removed.
    ///
    /// # Errors
    /// When another process is writing to the directory, or a table cannot be read.
    pub fn writer(&self) -> Result<Writer> {
        Writer::open(&self.path)
    }

    /// Everything recorded so far.
    ///
    /// # Errors
    /// [`BadInput`] when a table is missing, a row cannot be read, or a build is in `samples.csv` twice; the message
    /// names file and line.
    pub fn read(&self) -> Result<Records> {
        let tables = Tables::read(&self.path)?;
        let (repro, cost) = (self.read_repro()?, Assumptions::of_run(&self.path)?);
        Ok(tables.sides.into_records(self.info.clone(), self.plan.clone(), tables.samples, repro, cost))
    }

    /// `repro.json`; nothing where nothing was rebuilt yet.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_repro(&self) -> Result<Vec<Rebuilds>> {
        let path = self.path.join(REPRO);
        if path.exists() { read_json(&path) } else { Ok(Vec::new()) }
    }

    /// Notes in `run.json` what was seen of the machine while it measured.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note_end(&self, end: EndInfo) -> Result<()> {
        let info = RunInfo { end: Some(end), ..self.info.clone() };
        atomic::write(&self.path.join(RUN), &json(&info)?)
    }

    /// Replaces `cost.toml` by a text that [`Assumptions::text_of`] gave.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_cost(&self, text: &str) -> Result<()> {
        atomic::write(&self.path.join(Assumptions::FILE), text.as_bytes())
    }

    /// Replaces `repro.json`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_repro(&self, rebuilds: &[Rebuilds]) -> Result<()> {
        atomic::write(&self.path.join(REPRO), &json(&rebuilds)?)
    }

    /// Replaces `claims.csv`.
    pub fn write_claims(&self, rows: &[ClaimRow]) -> Result<()> {
        Table::rewrite(&self.path, rows)
    }

    /// Replaces a derived file, such as `report.md` or `plots/layer-order.svg`.
    pub fn write_derived(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path.join(name);
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        }
        atomic::write(&path, text.as_bytes())
    }
}

/// The format alone is read first: a newer one may have keys that this one would call unknown.
fn check_version(path: &Path) -> Result<()> {
    #[derive(serde::Deserialize)]
    struct Version {
        format_version: u32,
    }
    let Version { format_version } = read_json(path)?;
    let advice = match format_version {
        OLDEST_FORMAT..=FORMAT_VERSION => return Ok(()),
        version if version > FORMAT_VERSION => "it was written by a newer Tare: update yours",
        _ => "it was written by an older Tare: read it with that one, or measure again",
    };
    Err(BadInput(format!(
        "{}: format version {format_version}, and this Tare reads {OLDEST_FORMAT} to {FORMAT_VERSION}: {advice}",
        path.display()
    ))
    .into())
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
    serde_json::from_str(&text).map_err(|error| damaged(path, error).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::RunBuilder;

    #[test]
    fn a_damaged_run_is_bad_input_with_file_and_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let records = RunBuilder::new().scenario("layer-order").build();
        let run = RunDir::create(dir.path().join("run"), &records.info, &records.plan).unwrap();
        let read = || RunDir::open(run.path()).and_then(|run| run.read());
        run.write_repro(&[]).unwrap();
        read().unwrap();
        for (file, text) in [
            (RUN, "{"),
            (PLAN, "{}"),
            (REPRO, "[{}]"),
            ("samples.csv", "scenario\n"),
            ("steps.csv", "scenario\n"),
        ] {
            let path = run.path().join(file);
            let whole = std::fs::read(&path).unwrap();
            std::fs::write(&path, text).unwrap();
            assert_is_told(file, &read().unwrap_err());
            std::fs::write(&path, [0xff, b'\n']).unwrap();
            assert_is_told(file, &read().unwrap_err());
            std::fs::write(&path, whole).unwrap();
        }
        for file in ["deltas.csv", PLAN] {
            std::fs::remove_file(run.path().join(file)).unwrap();
            assert_is_told(file, &read().unwrap_err());
        }
    }

    fn assert_is_told(file: &str, error: &anyhow::Error) {
        let said = format!("{error:#}");
        assert!(error.is::<BadInput>() && said.contains(file) && said.contains("measure again"), "{said}");
    }
}
