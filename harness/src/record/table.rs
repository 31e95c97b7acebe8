//! One CSV file that only grows, and can be cut off at any byte without harm to the rows before.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::atomic;
use super::build::Row;

/// The rows of a file, each with the line on which it begins.
pub(super) type Numbered<R> = Vec<(u64, R)>;

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

    /// Reads the whole rows of the file in `dir`; a last row that was cut off is left out.
    pub(super) fn read(dir: &Path) -> Result<Numbered<R>> {
        let path = dir.join(R::FILE);
        if R::ADDED_LATER && !path.exists() {
            return Ok(Vec::new());
        }
        let bytes = read_whole_rows(&path)?;
        parse(&bytes).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Opens the file in `dir` to append to it; a last row that was cut off is removed first.
    pub(super) fn append_to(dir: &Path) -> Result<Self> {
        let path = dir.join(R::FILE);
        if R::ADDED_LATER && !path.exists() {
            Self::create(dir)?;
        }
        let whole = read_whole_rows(&path)?.len() as u64;
        let attempt = || {
            let file = OpenOptions::new().append(true).open(&path)?;
            file.set_len(whole)?;
            file.sync_all()?;
            Ok::<_, std::io::Error>(file)
        };
        let file = attempt().with_context(|| format!("cannot append to {}", path.display()))?;
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

fn parse<R: Row>(bytes: &[u8]) -> Result<Numbered<R>> {
    let mut reader = csv::Reader::from_reader(bytes);
    let columns = reader.headers()?.clone();
    if columns.iter().ne(R::COLUMNS.iter().copied()) {
        bail!("line 1: the columns are not those of this format: expected {}", R::COLUMNS.join(","));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let row = record.deserialize(Some(&columns)).with_context(|| format!("line {line}"))?;
        rows.push((line, row));
    }
    Ok(rows)
}

fn read_whole_rows(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .with_context(|| format!("cannot read {}", path.display()))?;
    bytes.truncate(whole_rows(&bytes));
    Ok(bytes)
}

/// How many bytes of `bytes` are whole rows. A line break inside quotes (a build's error has several
/// lines) ends no row; a quote is doubled inside quotes, so that their number tells.
fn whole_rows(bytes: &[u8]) -> usize {
    let mut quoted = false;
    let mut end = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => end = at + 1,
            _ => {}
        }
    }
    end
}
