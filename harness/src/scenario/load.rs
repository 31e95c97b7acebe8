//! Finding scenario folders and reading them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::check;
use super::document::{Document, shown};
use super::{Around, Event, Profile, Scenario};
use crate::error::BadInput;

/// The file that makes a folder a scenario.
const FILE: &str = "scenario.toml";

impl Scenario {
    /// Reads the scenario in `dir`, with the payload of `profile`.
    ///
    /// # Errors
    ///
    /// [`BadInput`] with file, line, key and remedy where the scenario cannot be used.
    pub fn load(dir: &Path, profile: Profile) -> Result<Self> {
        // `Path::file_name` knows no name for `.`: ask for the real one.
        let real = std::path::absolute(dir)?;
        let name = real.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let remedy = "a scenario is a folder with a scenario.toml: make one with `cargo xtask new NAME`";
        let document = Document::read(real.join(FILE), remedy)?;
        let wire = document.parse("scenarios/README.md")?;
        Ok(check::scenario(&document, &real, name, wire, profile)?)
    }

    /// What changes around the context before `event`; none where the context alone does.
    pub fn around(&self, event: &Event) -> Option<Around> {
        match event {
            Event::Edit(name) | Event::CiEdit(name) => self.edits.get(&**name)?.around,
            Event::Cold | Event::Noop => None,
        }
    }

    /// Whether `event` builds the same sources once upstream has moved on, without a cache: as on another machine,
    /// or a week later.
    pub fn is_rebuilt(&self, event: &Event) -> bool {
        self.around(event) == Some(Around::Upstream)
    }
}

/// The folder `scenarios` of the workspace that the program runs in.
///
/// Cargo tells its children where their package lies; started by hand, the program looks upwards from
/// the current directory. No path is compiled in: a binary may outlive its checkout.
pub fn builtin_dir() -> Result<PathBuf> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let starts = package.into_iter().chain(std::env::current_dir());
    for start in starts {
        let workspace =
            start.ancestors().find(|dir| dir.join("scenarios").is_dir() && dir.join("Cargo.toml").is_file());
        if let Some(workspace) = workspace {
            return Ok(workspace.join("scenarios"));
        }
    }
    let text = "there is no folder `scenarios` here or above: run `cargo xtask` inside the repository";
    Err(BadInput(text.to_owned()).into())
}

/// Reads the scenarios `names` from the folders of `roots`, in the order asked for; all of them, the
/// lightest first, where `names` is empty: a newcomer sees the first result soonest.
///
/// # Errors
///
/// [`BadInput`] for an unknown name (with the nearest one), a name that two roots hold, and all that
/// [`Scenario::load`] refuses.
pub fn load_all(roots: &[PathBuf], names: &[String], profile: Profile) -> Result<Vec<Scenario>> {
    let folders = folders(roots)?;
    let mut asked: Vec<&String> = Vec::new();
    for name in names {
        if !folders.contains_key(name) {
            return Err(unknown(name, &folders).into());
        }
        if !asked.contains(&name) {
            asked.push(name);
        }
    }
    if !asked.is_empty() {
        return asked.into_iter().map(|name| Scenario::load(&folders[name], profile)).collect();
    }
    let all: Result<Vec<Scenario>> = folders.values().map(|dir| Scenario::load(dir, profile)).collect();
    let mut all = all?;
    let cold_s = |scenario: &Scenario| scenario.estimate.cold_s.naive + scenario.estimate.cold_s.optimized;
    all.sort_by(|a, b| cold_s(a).total_cmp(&cold_s(b)));
    Ok(all)
}

/// Scenario name → folder, over all roots.
fn folders(roots: &[PathBuf]) -> Result<BTreeMap<String, PathBuf>> {
    let mut folders: BTreeMap<String, PathBuf> = BTreeMap::new();
    for root in roots {
        let entries = std::fs::read_dir(root).map_err(|error| {
            BadInput(format!(
                "cannot read {}: {error}; --scenarios takes a folder of scenario folders",
                shown(root)
            ))
        })?;
        for entry in entries {
            let dir = entry?.path();
            if !dir.join(FILE).is_file() {
                continue;
            }
            let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(other) = folders.insert(name.clone(), dir.clone()) {
                let (a, b) = (shown(&other), shown(&dir));
                return Err(BadInput(format!(
                    "two scenarios are named `{name}`: {a} and {b}; rename one folder"
                ))
                .into());
            }
        }
    }
    Ok(folders)
}

fn unknown(name: &str, folders: &BTreeMap<String, PathBuf>) -> BadInput {
    let near = |known: &&String| strsim::damerau_levenshtein(name, known);
    let nearest = folders.keys().min_by_key(near).filter(|known| near(known) <= known.len().div_ceil(2));
    let hint = match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => {
            let names: Vec<&str> = folders.keys().map(String::as_str).collect();
            format!("there are: {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") })
        }
    };
    BadInput(format!("there is no scenario `{name}`; {hint} (`cargo xtask list` shows all)"))
}
