//! One CSV file that only grows, and can be cut off at any byte without harm to the rows before.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, ErrorKind, Read, Seek as _, Write as _};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::atomic;
use super::build::Row;
use crate::error::BadInput;

/// Bytes of a table that are read at a time.
const BUFFER: usize = 1 << 18;

/// A file of a run directory that does not hold what Tare writes into it, and why it cannot be read.
pub(super) fn damaged(path: &Path, why: impl Display) -> BadInput {
    BadInput(format!(
        "cannot read {}: {why}; the run directory is damaged: take the file from a copy of it, or \
         measure again",
        path.display()
    ))
}

/// A file of a run directory that cannot be read: a damaged run if it is missing or holds no text, else a matter of
/// this machine.
pub(super) fn unreadable(path: &Path, error: std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::InvalidData => damaged(path, error).into(),
        _ => anyhow::Error::new(error).context(format!("cannot read {}", path.display())),
    }
}

/// A table open for writing.
#[derive(Debug)]
pub(super) struct Table<R> {
    path: PathBuf,
    file: File,
    /// Bytes of whole rows. What a failed write left behind it is cut off.
    len: u64,
    row: PhantomData<R>,
}

impl<R: Row> Table<R> {
    /// Makes the file in `dir` with its header alone.
    pub(super) fn create(dir: &Path) -> Result<()> {
        atomic::write(&dir.join(R::FILE), header::<R>().as_bytes())
    }

    /// Reads the whole rows of the file in `dir`, each with the line on which it begins; a last row that was cut off
    /// is left out. One after the other: steps.csv of a long run has hundreds of thousands.
    ///
    /// # Errors
    /// [`BadInput`] with file and line where the table is damaged, by what `take` says too; others where the machine
    /// does not give it.
    pub(super) fn read(dir: &Path, take: impl FnMut(u64, R) -> Result<()>) -> Result<()> {
        let path = dir.join(R::FILE);
        if R::ADDED_LATER && !path.exists() {
            return Ok(());
        }
        let attempt = || {
            let mut file = File::open(&path)?;
            let whole = whole_rows(&mut file)?;
            file.rewind()?;
            Ok::<_, std::io::Error>(file.take(whole))
        };
        let rows = attempt().map_err(|error| unreadable(&path, error))?;
        parse(rows, take).map_err(|error| {
            if error.downcast_ref::<csv::Error>().is_some_and(csv::Error::is_io_error) {
                error.context(format!("cannot read {}", path.display()))
            } else {
                damaged(&path, format_args!("{error:#}")).into()
            }
        })
    }

    /// Opens the file in `dir` to append to it; a last row that was cut off is removed first.
    pub(super) fn append_to(dir: &Path) -> Result<Self> {
        let path = dir.join(R::FILE);
        if R::ADDED_LATER && !path.exists() {
            Self::create(dir)?;
        }
        let attempt = || {
            let whole = whole_rows(&mut File::open(&path)?)?;
            let file = OpenOptions::new().append(true).open(&path)?;
            file.set_len(whole)?;
            file.sync_all()?;
            Ok::<_, std::io::Error>((file, whole))
        };
        let (file, whole) = attempt().with_context(|| format!("cannot append to {}", path.display()))?;
        Ok(Self { path, file, len: whole, row: PhantomData })
    }

    /// Replaces the file in `dir` by one with `rows`.
    pub(super) fn rewrite<'r>(dir: &Path, rows: impl IntoIterator<Item = &'r R>) -> Result<()>
    where
        R: 'r,
    {
        let mut bytes = header::<R>().into_bytes();
        bytes.extend(encode(rows)?);
        atomic::write(&dir.join(R::FILE), &bytes)
    }

    /// Appends `rows`, and returns when they are on disk. When that fails, the file is as it was.
    pub(super) fn append(&mut self, rows: &[R]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let bytes = encode(rows)?;
        if let Err(error) = self.file.write_all(&bytes).and_then(|()| self.file.sync_data()) {
            self.cut(self.len);
            return Err(error).with_context(|| format!("cannot append to {}", self.path.display()));
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Bytes of whole rows so far, to come back to with [`Table::cut`].
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Forgets everything behind `len`. Best effort: what stays is removed when the run is next opened.
    pub(super) fn cut(&mut self, len: u64) {
        if self.file.set_len(len).is_ok() {
            self.len = len;
        }
    }
}

fn header<R: Row>() -> String {
    format!("{}\n", R::COLUMNS.join(","))
}

fn encode<'r, R: Row + 'r>(rows: impl IntoIterator<Item = &'r R>) -> Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    for row in rows {
        writer.serialize(row)?;
    }
    Ok(writer.into_inner()?)
}

fn parse<R: Row>(rows: impl Read, mut take: impl FnMut(u64, R) -> Result<()>) -> Result<()> {
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(BUFFER).from_reader(rows);
    if reader.headers()?.iter().ne(R::COLUMNS.iter().copied()) {
        bail!("line 1: the columns are not those of this format: expected {}", R::COLUMNS.join(","));
    }
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        // By place: the columns are those of the type, in its order, and need not be looked up in each row.
        let row = record.deserialize(None).with_context(|| format!("line {line}"))?;
        take(line, row)?;
    }
    Ok(())
}

/// How many bytes of `file` are whole rows. A line break inside quotes (a build's error has several
/// lines) ends no row; a quote is doubled inside quotes, so that their number tells. Line by line, since the standard
/// library finds the ends of lines, and that a line has no quote, many bytes at a time.
fn whole_rows(file: &mut File) -> std::io::Result<u64> {
    let (mut at, mut end, mut quoted) = (0, 0, false);
    let mut file = BufReader::with_capacity(BUFFER, file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = file.read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(end);
        }
        at += read as u64;
        if line.contains(&b'"') {
            quoted ^= line.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
        }
        if !quoted && line.ends_with(b"\n") {
            end = at;
        }
    }
}
