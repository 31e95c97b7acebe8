//! Trivy (`trivy image --format json`, schema 2).

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::{Audited, Findings};
use crate::oci::{Inventory, PackageOf};
use crate::record::ScannerInfo;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    version: String,
    #[serde(rename = "VulnerabilityDB")]
    database: Option<Database>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Database {
    updated_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    schema_version: u32,
    #[serde(default)]
    results: Vec<Target>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    #[serde(default)]
    class: String,
    #[serde(default, rename = "Type")]
    kind: String,
    #[serde(default)]
    packages: Vec<Package>,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Package {
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Vulnerability {
    #[serde(rename = "VulnerabilityID")]
    id: String,
    pkg_name: String,
    installed_version: String,
}

/// From `trivy version --format json`.
pub(super) fn info(json: &str) -> Option<ScannerInfo> {
    let version: Version = serde_json::from_str(json).ok()?;
    Some(ScannerInfo {
        name: "Trivy".to_owned(),
        version: version.version,
        database: version.database.map(|database| database.updated_at).unwrap_or_default(),
        covers: "all packages".to_owned(),
    })
}

/// With `--list-all-pkgs` it lists what it looked at.
pub(super) fn read(json: &str, inventory: &Inventory) -> Result<Findings> {
    let report: Report = serde_json::from_str(json).context("it is not Trivy's JSON")?;
    anyhow::ensure!(
        report.schema_version == 2,
        "schema {} of Trivy's JSON is not known",
        report.schema_version
    );
    let mut audited = Audited::default();
    let mut vulnerabilities = BTreeSet::new();
    for target in report.results {
        let of = match (&*target.class, &*target.kind) {
            ("os-pkgs", _) => Some(PackageOf::Distribution),
            (_, "python-pkg") => Some(PackageOf::Python),
            _ => None,
        };
        if let Some(of) = of {
            target.packages.iter().for_each(|package| audited.insert(of, &package.name, &package.version));
        }
        for found in target.vulnerabilities {
            vulnerabilities.insert([found.id, found.pkg_name, found.installed_version]);
        }
    }
    Ok(Findings { vulnerabilities, not_audited: audited.lacks(&inventory.packages) })
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    const REPORT: &str = r#"{"SchemaVersion": 2, "ArtifactName": "layout", "ArtifactType": "container_image",
        "Metadata": {"OS": {"Family": "debian", "Name": "12.5"}},
        "Results": [
          {"Target": "layout (debian 12.5)", "Class": "os-pkgs", "Type": "debian",
           "Packages": [{"ID": "libssl3@3.0.11-1~deb12u1", "Name": "libssl3", "Version": "3.0.11"}],
           "Vulnerabilities": [
             {"VulnerabilityID": "CVE-2024-0727", "PkgName": "libssl3", "InstalledVersion": "3.0.11-1~deb12u1",
              "Severity": "MEDIUM", "Status": "fixed"},
             {"VulnerabilityID": "CVE-2024-0727", "PkgName": "libssl3", "InstalledVersion": "3.0.11-1~deb12u1"}]},
          {"Target": "Python", "Class": "lang-pkgs", "Type": "python-pkg",
           "Packages": [{"Name": "fastapi", "Version": "0.100.0"}, {"Name": "typing_extensions", "Version": "4.8.0"}],
           "Vulnerabilities": [{"VulnerabilityID": "CVE-2024-24762", "PkgName": "fastapi", "InstalledVersion": "0.100.0"}]}
        ]}"#;

    #[test]
    fn each_vulnerability_of_a_package_counts_once() {
        let found = read(REPORT, &example()).unwrap();
        assert_eq!((found.vulnerabilities.len(), found.not_audited), (2, 0));
    }

    #[test]
    fn what_it_does_not_list_was_not_audited() {
        for (from, to) in
            [("typing_extensions", "other"), ("4.8.0", "4.9.0"), (r#"Name": "libssl3"#, r#"Name": "x"#)]
        {
            assert_eq!(read(&REPORT.replace(from, to), &example()).unwrap().not_audited, 1, "{to}");
        }
        assert_eq!(read(r#"{"SchemaVersion": 2}"#, &example()).unwrap().not_audited, 3);
        assert!(read("{}", &example()).is_err() && read("", &example()).is_err());
    }

    #[test]
    fn the_database_has_a_date() {
        let json = r#"{"Version": "0.50.1", "VulnerabilityDB": {"Version": 2, "NextUpdate": "2024-04-02T12:13:09Z",
            "UpdatedAt": "2024-04-02T06:13:09Z", "DownloadedAt": "2024-04-02T07:00:00Z"}}"#;
        let info = info(json).unwrap();
        assert_eq!((&*info.version, &*info.database), ("0.50.1", "2024-04-02T06:13:09Z"));
    }
}
