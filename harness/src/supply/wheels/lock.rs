//! Lock files: pip requirements with the hash of every file that the index must serve.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::error::BadInput;
use crate::oci::python_name;

/// One requirement of a lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The project, normalised.
    pub name: String,
    /// The pinned version.
    pub version: String,
    /// SHA-256 of each file, in hex.
    pub hashes: BTreeSet<String>,
    /// Where it stands.
    pub at: Place,
}

/// A line of a file, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// Reads a lock file.
///
/// # Errors
/// [`BadInput`] naming file and line, if a requirement is not `name==version` with at least one
/// `--hash=sha256:`, or if the file holds anything else: what a lock leaves open, a run cannot repeat.
pub fn read(path: &Path) -> Result<Vec<Locked>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| BadInput(format!("cannot read the lock file {}: {error}", path.display())))?;
    parse(path, &text)
}

/// Reads the text of the lock file at `path`; errors as [`read`].
pub(in crate::supply) fn parse(path: &Path, text: &str) -> Result<Vec<Locked>> {
    let mut found: Vec<Locked> = Vec::new();
    for (line, requirement) in logical_lines(text) {
        let at = Place { file: path.to_owned(), line };
        let locked = requirement_of(&requirement, &at).map_err(|wrong| BadInput(format!("{at}: {wrong}")))?;
        if let Some(earlier) = found.iter().find(|other| other.name == locked.name) {
            return Err(BadInput(format!(
                "{at}: {} is locked a second time (first in line {}): keep one",
                locked.name, earlier.at.line
            )))
            .context("a lock file names each project once");
        }
        found.push(locked);
    }
    Ok(found)
}

/// Lines joined where they end in a backslash, without comments, with the number of the first one.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = if line.trim_start().starts_with('#') { "" } else { line };
        let line = line.split(" #").next().unwrap_or_default().trim();
        let (part, continues) = match line.strip_suffix('\\') {
            Some(part) => (part.trim_end(), true),
            None => (line, false),
        };
        let (_, joined) = open.get_or_insert_with(|| (number, String::new()));
        joined.push_str(part);
        joined.push(' ');
        if !continues {
            lines.extend(open.take());
        }
    }
    lines.extend(open);
    lines.retain(|(_, text)| !text.trim().is_empty());
    lines
}

fn requirement_of(text: &str, at: &Place) -> Result<Locked, String> {
    let mut hashes = BTreeSet::new();
    let mut words = text.split_whitespace().peekable();
    let mut requirement = String::new();
    while let Some(word) = words.next_if(|word| !word.starts_with("--hash")) {
        requirement.push_str(word);
    }
    for word in words {
        let hash = word
            .strip_prefix("--hash=sha256:")
            .ok_or_else(|| format!("`{word}` is not a --hash=sha256:… of the file"))?;
        if hash.len() != 64 || !hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(format!("`{hash}` is not a SHA-256 in lower-case hex"));
        }
        hashes.insert(hash.to_owned());
    }
    if requirement.starts_with('-') {
        return Err(format!(
            "`{}` has no place in a lock file: it holds only name==version --hash=sha256:…",
            text.trim()
        ));
    }
    // What follows `;` says where the requirement applies; the file is served anyway.
    let pinned = requirement.split(';').next().unwrap_or_default();
    let (name, version) = pinned
        .split_once("==")
        .filter(|(name, version)| !name.is_empty() && !version.is_empty() && !version.contains(['*', ',']))
        .ok_or_else(|| format!("`{pinned}` is not pinned: write name==version"))?;
    let name = name.split('[').next().unwrap_or_default();
    if hashes.is_empty() {
        return Err(format!(
            "{name} has no --hash=sha256:…: add one for each file (pip hash FILE prints it)"
        ));
    }
    Ok(Locked {
        name: python_name(name),
        version: version.trim_start_matches('=').to_owned(),
        hashes,
        at: at.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "0000000000000000000000000000000000000000000000000000000000000000";
    const B: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

    fn parsed(text: &str) -> Result<Vec<Locked>> {
        parse(Path::new("lock.txt"), text)
    }

    #[test]
    fn a_lock_as_pip_tools_write_it_is_read() {
        let text = format!(
            "# made by hand\nFlask[async]==3.0.3 ; python_version >= \"3.8\" \\\n    --hash=sha256:{A} \\\n    --hash=sha256:{B}\n    # via app\n\nzope.interface==6.4 --hash=sha256:{B}  # sdist\n"
        );
        let locked = parsed(&text).unwrap();
        assert_eq!(locked.len(), 2);
        assert_eq!((locked[0].name.as_str(), locked[0].version.as_str()), ("flask", "3.0.3"));
        assert_eq!(locked[0].hashes.len(), 2);
        assert_eq!(locked[0].at.line, 2);
        assert_eq!((locked[1].name.as_str(), locked[1].at.line), ("zope-interface", 7));
    }

    #[test]
    fn what_a_run_could_not_repeat_is_refused_with_its_line() {
        let cases = [
            (format!("numpy>=1.26 --hash=sha256:{A}"), "not pinned"),
            (format!("numpy==1.* --hash=sha256:{A}"), "not pinned"),
            ("numpy==1.26.4".to_owned(), "numpy has no --hash"),
            ("numpy==1.26.4 --hash=md5:00".to_owned(), "--hash=sha256:…"),
            ("numpy==1.26.4 --hash=sha256:00".to_owned(), "not a SHA-256"),
            ("--index-url https://pypi.example/simple".to_owned(), "no place in a lock file"),
            (format!("a-b==1 --hash=sha256:{A}\nA_B==1 --hash=sha256:{A}"), "a second time"),
        ];
        for (text, expected) in cases {
            let error = parsed(&format!("\n{text}")).unwrap_err();
            let bad = error.downcast_ref::<BadInput>().expect("bad input");
            assert!(bad.0.starts_with("lock.txt:"), "{bad}");
            assert!(bad.0.contains(expected), "{bad}");
        }
    }

    #[test]
    fn names_are_compared_as_indexes_do() {
        for (name, normal) in [
            ("Zope._-Interface", "zope-interface"),
            ("ruamel.yaml__clib", "ruamel-yaml-clib"),
            ("-a", "-a"),
            ("__A..", "-a-"),
            ("", ""),
        ] {
            assert_eq!(python_name(name), normal, "{name}");
        }
    }
}
