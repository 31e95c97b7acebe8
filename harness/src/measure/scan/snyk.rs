//! Snyk (`snyk container test --json`): one result, or a list of them where it found applications too. It
//! asks a service, whose database has no date; and it counts what it looked at.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::{Findings, count};
use crate::oci::{Inventory, PackageOf};
use crate::record::ScannerInfo;

#[derive(Deserialize)]
#[serde(untagged)]
enum Report {
    Several(Vec<Project>),
    One(Project),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Project {
    error: Option<String>,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
    #[serde(default)]
    dependency_count: usize,
    #[serde(default)]
    package_manager: String,
    #[serde(default)]
    applications: Vec<Project>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vulnerability {
    id: String,
    package_name: String,
    version: String,
}

/// From `snyk --version`, such as `1.1290.0 (standalone)`.
pub(super) fn info(text: &str) -> Option<ScannerInfo> {
    Some(ScannerInfo {
        name: "Snyk".to_owned(),
        version: text.split_whitespace().next()?.to_owned(),
        database: String::new(),
        covers: "all packages".to_owned(),
    })
}

pub(super) fn read(json: &str, inventory: &Inventory) -> Result<Findings> {
    let report: Report = serde_json::from_str(json).context("it is not Snyk's JSON")?;
    let mut projects = match report {
        Report::Several(projects) => projects,
        Report::One(project) => vec![project],
    };
    let applications: Vec<Project> =
        projects.iter_mut().flat_map(|p| std::mem::take(&mut p.applications)).collect();
    projects.extend(applications);
    let (mut distribution, mut python) = (0, 0);
    let mut vulnerabilities = BTreeSet::new();
    for project in projects {
        if let Some(error) = project.error {
            bail!("Snyk says: {error}");
        }
        match &*project.package_manager {
            "deb" => distribution += project.dependency_count,
            "pip" | "poetry" | "pipenv" => python += project.dependency_count,
            _ => {}
        }
        // It lists one vulnerability for each way on which a package was pulled in.
        for found in project.vulnerabilities {
            vulnerabilities.insert([found.id, found.package_name, found.version]);
        }
    }
    let lacking = |of, audited| inventory.count(of).saturating_sub(count(audited));
    let not_audited = lacking(PackageOf::Distribution, distribution) + lacking(PackageOf::Python, python);
    Ok(Findings { vulnerabilities, not_audited })
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    const REPORT: &str = r#"{"ok": false, "dependencyCount": 1, "packageManager": "deb", "summary": "2 vulnerable paths",
        "vulnerabilities": [
          {"id": "SNYK-DEBIAN12-OPENSSL-6190223", "packageName": "openssl/libssl3", "version": "3.0.11-1~deb12u1",
           "severity": "medium", "from": ["docker-image|x", "openssl/libssl3@3.0.11-1~deb12u1"]},
          {"id": "SNYK-DEBIAN12-OPENSSL-6190223", "packageName": "openssl/libssl3", "version": "3.0.11-1~deb12u1",
           "from": ["docker-image|x", "curl", "openssl/libssl3@3.0.11-1~deb12u1"]}],
        "applications": [{"ok": true, "dependencyCount": 2, "packageManager": "pip", "vulnerabilities": []}]}"#;

    #[test]
    fn each_path_to_a_package_is_the_same_vulnerability() {
        let found = read(REPORT, &example()).unwrap();
        assert_eq!((found.vulnerabilities.len(), found.not_audited), (1, 0));
        assert_eq!(read(&format!("[{REPORT}]"), &example()).unwrap(), found);
    }

    #[test]
    fn what_it_did_not_look_at_was_not_audited() {
        let distribution_alone = REPORT.replace(r#""pip""#, r#""npm""#);
        assert_eq!(read(&distribution_alone, &example()).unwrap().not_audited, 2);
        let failed = r#"{"ok": false, "error": "Authentication failed", "path": "x"}"#;
        assert!(format!("{:#}", read(failed, &example()).unwrap_err()).contains("Authentication failed"));
    }

    #[test]
    fn the_version_is_the_first_word() {
        assert_eq!(info("1.1290.0 (standalone)\n").unwrap().version, "1.1290.0");
    }
}
