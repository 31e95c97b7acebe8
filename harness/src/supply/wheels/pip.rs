//! A Python with pip, for its knowledge of this machine's package index.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::debian::{Archive, Suite};

/// A Python interpreter that can import pip.
#[derive(Debug, Clone)]
pub(crate) struct Pip {
    python: PathBuf,
    env: Vec<(&'static str, OsString)>,
}

const FETCH: &str = include_str!("fetch.py");

impl Pip {
    /// The machine's own pip: the person who set up an index set it up for that one.
    pub(crate) fn of_machine() -> Option<Self> {
        ["python3", "python"]
            .map(|name| Self { python: name.into(), env: Vec::new() })
            .into_iter()
            .find(Self::works)
    }

    /// The distribution's pip, unpacked beside the system. It reads the same configuration files.
    ///
    /// # Errors
    /// As [`Archive::unpack`].
    pub(crate) fn of_archive(archive: &Archive) -> Result<Self> {
        let unpacked = archive
            .unpack(&Suite::Own, &["python3-pip"])
            .context("there is no pip here, and it fetches what the package index serves")?;
        let mut env = unpacked.env();
        env.push(("PYTHONPATH", unpacked.root.join("usr/lib/python3/dist-packages").into()));
        let python = unpacked.program("python3").unwrap_or_else(|_| "python3".into());
        let pip = Self { python, env };
        if !pip.works() {
            bail!(
                "the pip of the distribution's packages does not run: install pip (apt-get install python3-pip)"
            );
        }
        Ok(pip)
    }

    fn works(&self) -> bool {
        self.command(&["-c", "import pip._internal.commands"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command.args(args).envs(self.env.iter().map(|(key, value)| (key, value)));
        command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
        command
    }

    /// `pip config list`: a line for each setting of files and environment. Empty if it cannot be read.
    pub(crate) fn settings(&self) -> String {
        let output = self.command(&["-m", "pip", "config", "list"]).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    }

    /// Fetches files by hash into `directory`; a line for each, as `fetch.py` documents.
    pub(crate) fn fetch(&self, directory: &Path, request: &serde_json::Value) -> Result<Vec<String>> {
        let mut child = self
            .command(&["-c", FETCH])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .current_dir(directory)
            .spawn()
            .with_context(|| format!("cannot run {}", self.python.display()))?;
        // Dropped at the end of the statement: the script reads to the end.
        child.stdin.take().context("no standard input")?.write_all(request.to_string().as_bytes())?;
        let output = child.wait_with_output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("pip's session failed: {}", said.lines().last().unwrap_or("it said nothing").trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Cache;

    const SIX: &str = "8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254";

    #[test]
    fn a_machine_without_pip_uses_the_distributions() {
        let archive = Archive::open(&Cache::open().unwrap().room("debian").unwrap()).unwrap();
        let pip = Pip::of_archive(&archive).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let nothing = "0".repeat(64);
        let request = serde_json::json!({ "directory": dir.path(), "wanted": { "six": [SIX, nothing] } });
        let lines = pip.fetch(dir.path(), &request).unwrap();
        assert!(lines.contains(&format!("file {SIX} six-1.16.0-py2.py3-none-any.whl")), "{lines:?}");
        assert!(dir.path().join(SIX).join("six-1.16.0-py2.py3-none-any.whl").is_file());
        let missing = lines.iter().find(|line| line.starts_with("missing ")).unwrap();
        assert!(missing.contains(&nothing) && missing.contains("no index lists"), "{missing}");
    }
}
