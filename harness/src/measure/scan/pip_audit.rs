//! pip-audit (`pip-audit --format=json`), on the Python packages of the inventory. It asks a service, whose
//! database has no date, and it covers Python's packages alone. Where it can audit nothing it says "No known
//! vulnerabilities found" all the same, and ends with 0.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::{Audited, Findings};
use crate::oci::{Installed, Inventory, PackageOf};
use crate::record::ScannerInfo;

#[derive(Deserialize)]
struct Report {
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Dependency {
    Audited {
        name: String,
        version: String,
        vulns: Vec<Vulnerability>,
    },
    Skipped {
        #[serde(rename = "skip_reason")]
        _reason: String,
    },
}

#[derive(Deserialize)]
struct Vulnerability {
    id: String,
}

/// From `pip-audit --version`, such as `pip-audit 2.10.1`.
pub(super) fn info(text: &str) -> Option<ScannerInfo> {
    Some(ScannerInfo {
        name: "pip-audit".to_owned(),
        version: text.trim().strip_prefix("pip-audit ")?.to_owned(),
        database: String::new(),
        covers: "Python packages alone".to_owned(),
    })
}

/// The Python packages of an image, as a list that pip-audit reads.
pub(super) fn requirements(inventory: &Inventory) -> String {
    python_of(inventory).map(|package| format!("{}=={}\n", package.name, package.version)).collect()
}

fn python_of(inventory: &Inventory) -> impl Iterator<Item = &Installed> {
    inventory.packages.iter().filter(|package| package.of == PackageOf::Python)
}

pub(super) fn read(json: &str, inventory: &Inventory) -> Result<Findings> {
    let report: Report = serde_json::from_str(json).context("it is not pip-audit's JSON")?;
    let mut audited = Audited::default();
    let mut vulnerabilities = BTreeSet::new();
    for dependency in report.dependencies {
        if let Dependency::Audited { name, version, vulns } = dependency {
            audited.insert(PackageOf::Python, &name, &version);
            vulnerabilities.extend(vulns.into_iter().map(|found| [found.id, name.clone(), version.clone()]));
        }
    }
    Ok(Findings { vulnerabilities, not_audited: audited.lacks(python_of(inventory)) })
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    const REPORT: &str = r#"{"dependencies": [
        {"name": "fastapi", "version": "0.100.0", "vulns": [
          {"id": "PYSEC-2024-38", "fix_versions": ["0.109.1"], "aliases": ["CVE-2024-24762"], "description": "…"}]},
        {"name": "typing_extensions", "version": "4.8.0", "vulns": []}], "fixes": []}"#;

    /// What pip-audit 2.10.1 printed, with exit code 0 and "No known vulnerabilities found", where no advisory
    /// could be had.
    const NOTHING_AUDITED: &str = r#"{"dependencies": [{"name": "typing-extensions", "skip_reason": "Dependency not found on PyPI and could not be audited: typing-extensions (4.8.0)"}, {"name": "fastapi", "skip_reason": "Dependency not found on PyPI and could not be audited: fastapi (0.100.0)"}], "fixes": []}"#;

    #[test]
    fn vulnerabilities_of_pythons_packages_count() {
        let found = read(REPORT, &example()).unwrap();
        assert_eq!((found.vulnerabilities.len(), found.not_audited), (1, 0));
    }

    #[test]
    fn nothing_audited_is_not_nothing_found() {
        assert_eq!(read(NOTHING_AUDITED, &example()).unwrap().not_audited, 2);
        assert_eq!(read(r#"{"dependencies": []}"#, &example()).unwrap().not_audited, 2);
        assert!(read("No known vulnerabilities found", &example()).is_err());
    }

    #[test]
    fn it_is_given_what_is_installed() {
        assert_eq!(requirements(&example()), "fastapi==0.100.0\ntyping-extensions==4.8.0\n");
        assert_eq!(info("pip-audit 2.10.1\n").unwrap().version, "2.10.1");
    }
}
