//! Planted secrets: values that nobody could have written by chance, to be searched for afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use toml::Spanned;

use super::Scenario;
use super::document::Document;
use crate::error::BadInput;
use crate::hex::hex;

/// How the token of a planted secret begins; its name and `@` follow.
pub const CANARY_TOKEN: &str = "@TARE_CANARY:";

/// The planted secrets of one scenario in one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Canaries {
    values: BTreeMap<String, String>,
}

impl Canaries {
    /// Values for the canaries of `scenario`: the same in every build of a run, new in every run.
    pub fn of(scenario: &Scenario, run_id: &str) -> Self {
        let value = |name: &String| {
            let digest = Sha256::digest(format!("canary:{run_id}:{}:{name}", scenario.name).as_bytes());
            (name.clone(), format!("tk{}", hex(&digest[..16])))
        };
        Self { values: scenario.canaries.iter().map(value).collect() }
    }

    /// Name and value of each.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// `text` with every token replaced.
    pub fn plant(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.values {
            text = text.replace(&format!("{CANARY_TOKEN}{name}@"), value);
        }
        text
    }

    /// `text` with every value replaced by what names it, for what people read.
    pub fn mask(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.values {
            text = text.replace(value, &format!("‹canary {name}›"));
        }
        text
    }
}

/// Names are slugs, each once.
pub(super) fn check(file: &Document, written: Vec<Spanned<String>>) -> Result<Vec<String>, BadInput> {
    let mut names = BTreeSet::new();
    for name in written {
        let slug = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if !slug(name.get_ref()) || names.contains(name.get_ref()) {
            let say = format!(
                "canary `{}` must be a name of its own in lower-case letters, digits and hyphens",
                name.get_ref()
            );
            return Err(file.bad(&name.span(), say));
        }
        names.insert(name.into_inner());
    }
    Ok(names.into_iter().collect())
}

/// Whether a file holds a canary's token; no for one that cannot be read.
pub(super) fn in_file(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.contains(CANARY_TOKEN))
}
