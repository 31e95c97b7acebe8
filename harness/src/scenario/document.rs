//! A file that a person wrote, and how its mistakes are told.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::error::BadInput;

/// A text with its path, to name `file:line` in errors.
pub(crate) struct Document {
    path: PathBuf,
    text: String,
}

impl Document {
    /// Reads `path`; `remedy` says what to do where it cannot be read.
    pub(crate) fn read(path: PathBuf, remedy: &str) -> Result<Self, BadInput> {
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Self { path, text }),
            Err(error) => Err(BadInput(format!("cannot read {}: {error}; {remedy}", shown(&path)))),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Reads the TOML; a mistake names file, line and key, and `explained` what explains every key.
    pub(crate) fn parse<T: DeserializeOwned>(&self, explained: &str) -> Result<T, BadInput> {
        toml::from_str(&self.text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            let key = self.key_at(span.start);
            // An unknown key is named by the message itself; a wrong type is not.
            let key = if key.is_empty() || error.message().contains(&format!("`{key}`")) {
                String::new()
            } else {
                format!("`{key}`: ")
            };
            let message = error.message().trim().replace('\n', ", ");
            self.bad(&span, format!("{key}{message}; {explained} explains every key"))
        })
    }

    /// An error about the text at `span`.
    pub(crate) fn bad(&self, span: &Range<usize>, message: impl std::fmt::Display) -> BadInput {
        self.bad_line(self.line(span.start), message)
    }

    /// Where the text at `span` is written: `FILE:LINE`.
    pub(crate) fn place(&self, span: &Range<usize>) -> String {
        self.at(self.line(span.start))
    }

    /// An error about a line, counted from 1.
    pub(crate) fn bad_line(&self, line: usize, message: impl std::fmt::Display) -> BadInput {
        BadInput(format!("{}: {message}", self.at(line)))
    }

    fn at(&self, line: usize) -> String {
        format!("{}:{line}", shown(&self.path))
    }

    fn line(&self, offset: usize) -> usize {
        self.text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
    }

    /// The key on the line at `offset`; empty where the line has none.
    fn key_at(&self, offset: usize) -> &str {
        let line = self.text.lines().nth(self.line(offset) - 1).unwrap_or_default();
        line.split_once('=').map_or("", |(key, _)| key.trim())
    }
}

/// A path as a person at this prompt would type it.
pub(super) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}
