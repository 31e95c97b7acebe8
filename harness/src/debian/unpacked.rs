//! Packages on disk, and running programs from there.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// Beside the root; its presence says that the whole is there.
pub(super) const FACTS: &str = "packages.json";

/// Packages on disk, below a root directory of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// What the packages take as `/`.
    pub root: PathBuf,
    /// Name and version of each package, by name.
    pub packages: Vec<(String, String)>,
}

/// What [`FACTS`] holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Facts {
    /// Name and version.
    pub(super) packages: Vec<(String, String)>,
}

impl Unpacked {
    /// What an earlier call left in `dir`, which appears only whole.
    pub(super) fn find(dir: &Path) -> Result<Option<Self>> {
        let text = match fs::read_to_string(dir.join(FACTS)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("cannot read {}", dir.join(FACTS).display()))?,
        };
        let facts: Facts = serde_json::from_str(&text).with_context(|| {
            format!("{} is not readable: remove the directory that holds it", dir.join(FACTS).display())
        })?;
        Ok(Some(Self { root: dir.join("root"), packages: facts.packages }))
    }

    /// The version of one of the packages.
    pub fn version(&self, package: &str) -> Option<&str> {
        self.packages.iter().find(|(name, _)| name == package).map(|(_, version)| version.as_str())
    }

    /// A program's path below the root.
    ///
    /// # Errors
    /// If none of the packages holds it.
    pub fn program(&self, name: &str) -> Result<PathBuf> {
        self.bin_dirs().map(|dir| dir.join(name)).find(|path| path.is_file()).with_context(|| {
            let names: Vec<&str> = self.packages.iter().map(|(name, _)| name.as_str()).collect();
            format!("no program {name} in the packages {}", names.join(", "))
        })
    }

    /// A command that runs a program of the packages with [`env`](Self::env).
    ///
    /// # Errors
    /// As [`program`](Self::program).
    pub fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(self.program(program)?);
        command.envs(self.env());
        Ok(command)
    }

    /// `PATH` and `LD_LIBRARY_PATH` with which the programs find each other and the libraries that came
    /// with them, before the system's.
    pub fn env(&self) -> Vec<(&'static str, OsString)> {
        Self::joint_env(&[self])
    }

    /// [`env`](Self::env) of several: what comes first wins.
    pub fn joint_env(all: &[&Self]) -> Vec<(&'static str, OsString)> {
        let mut env = vec![("PATH", before(all.iter().flat_map(|one| one.bin_dirs()).collect(), "PATH"))];
        let libraries: Vec<PathBuf> = all.iter().flat_map(|one| one.library_dirs()).collect();
        if !libraries.is_empty() {
            env.push(("LD_LIBRARY_PATH", before(libraries, "LD_LIBRARY_PATH")));
        }
        env
    }

    fn bin_dirs(&self) -> impl Iterator<Item = PathBuf> {
        ["usr/bin", "usr/sbin", "bin", "sbin"]
            .into_iter()
            .map(|dir| self.root.join(dir))
            .filter(|dir| dir.is_dir())
    }

    /// The directories of the multiarch tuple, such as `usr/lib/x86_64-linux-gnu`.
    fn library_dirs(&self) -> Vec<PathBuf> {
        let mut dirs: Vec<PathBuf> = ["usr/lib", "lib"]
            .into_iter()
            .filter_map(|lib| fs::read_dir(self.root.join(lib)).ok())
            .flat_map(|entries| entries.filter_map(Result::ok))
            .filter(|entry| entry.file_name().to_string_lossy().contains("-linux-gnu"))
            .map(|entry| entry.path())
            .collect();
        dirs.sort();
        dirs
    }
}

/// `dirs`, then what the variable holds now.
fn before(mut dirs: Vec<PathBuf>, variable: &str) -> OsString {
    if let Some(now) = std::env::var_os(variable).filter(|now| !now.is_empty()) {
        dirs.extend(std::env::split_paths(&now));
    }
    // Only a directory with a colon in its name cannot be joined; then the program's own file still runs.
    std::env::join_paths(dirs).unwrap_or_default()
}
