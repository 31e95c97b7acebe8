//! `cost.toml`: what a month looks like for a team, as it wrote it. Nothing is assumed that is not written there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::BadInput;
use crate::scenario::Event;
use crate::scenario::document::Document;

const REMEDY: &str = "give --cost a TOML file";
const EXPLAINED: &str = "the README's section on a month";

/// What differences are turned into hours and money by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assumptions {
    /// What prices are in: a word that stands behind amounts.
    pub currency: String,
    /// Days of a month on which the things below happen.
    pub days: Amount,
    /// People who wait for builds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub developers: Option<Developers>,
    /// Machines that build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner: Option<Runner>,
    /// What stores images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<Registry>,
    /// What pulls images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Nodes>,
}

/// People who wait for builds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Developers {
    /// How many.
    pub count: Amount,
    /// Builds a day of each of them, by what happened before the build.
    pub builds_a_day: BTreeMap<Event, Amount>,
    /// The price of an hour of waiting; hours stay hours without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hour: Option<Amount>,
}

/// Machines that build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runner {
    /// Builds a day of all of them.
    pub builds_a_day: BTreeMap<Event, Amount>,
    /// The price of an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hour: Option<Amount>,
}

/// What stores images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// How many releases are kept, by what had changed in them; beside one whole image.
    pub releases_kept: BTreeMap<Event, Amount>,
    /// The price of keeping a gigabyte for a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gigabyte_month: Option<Amount>,
}

/// What pulls images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nodes {
    /// Pulls a day of all nodes: after an edit of a node that has the image from before it; `cold`, of one without it.
    pub pulls_a_day: BTreeMap<Event, Amount>,
    /// The price of a gigabyte that leaves the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gigabyte: Option<Amount>,
}

/// A number from 0 up.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Amount(f64);

impl TryFrom<f64> for Amount {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        if number.is_finite() && number >= 0.0 {
            Ok(Self(number))
        } else {
            Err(format!("{number} is no amount: write a number from 0 up"))
        }
    }
}

impl From<Amount> for f64 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

impl Assumptions {
    /// The file's name in a run directory.
    pub(super) const FILE: &str = "cost.toml";

    /// The text of the file at `path`, once it is sure that it can be used.
    ///
    /// # Errors
    /// [`BadInput`] with file and line where it cannot.
    pub fn text_of(path: impl Into<PathBuf>) -> Result<String, BadInput> {
        let document = Document::read(path.into(), REMEDY)?;
        document.parse::<Self>(EXPLAINED)?;
        Ok(document.text().to_owned())
    }

    fn read(path: PathBuf) -> Result<Self, BadInput> {
        Document::read(path, REMEDY)?.parse(EXPLAINED)
    }

    /// What a run directory holds of it, which may be nothing.
    pub(super) fn of_run(dir: &Path) -> Result<Option<Self>, BadInput> {
        let path = dir.join(Self::FILE);
        if path.exists() { Self::read(path).map(Some) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Assumptions, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cost.toml");
        std::fs::write(&path, text).unwrap();
        Assumptions::read(path).map_err(|error| error.0)
    }

    #[test]
    fn what_is_not_written_is_not_assumed() {
        let said =
            read("currency = 'EUR'\ndays = 21\n[runner]\nbuilds_a_day = { cold = 2, edit-source = 0.5 }\n");
        let said = said.unwrap();
        let builds = said.runner.unwrap().builds_a_day;
        assert_eq!(builds[&Event::Cold], Amount(2.0));
        assert_eq!(builds[&Event::Edit("source".into())], Amount(0.5));
        assert!(said.developers.is_none() && said.registry.is_none() && said.nodes.is_none());
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let begin = "currency = 'EUR'\ndays = 21\n[runner]\n";
        for (line, said) in [
            ("builds_a_day = { edit = 2 }", "`edit` is not an event"),
            ("builds_a_day = { cold = -2 }", "-2 is no amount"),
            ("builds_a_day = { cold = nan }", "no amount"),
            ("builds_a_day = { cold = 'often' }", "invalid type"),
            ("builds = { cold = 1 }", "`builds`"),
        ] {
            let error = read(&format!("{begin}{line}\n")).unwrap_err();
            assert!(error.contains("cost.toml:4: ") && error.contains(said), "{error}");
            assert!(error.contains("README"), "{error}");
        }
        assert!(read("currency = 'EUR'\n").unwrap_err().contains("days"), "a month has no default");
    }
}
