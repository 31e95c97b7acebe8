//! Grype (`grype -o json`). It names the packages in which it found something, and no others: what it can
//! have skipped is a whole distribution that it did not recognise.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

use super::{Findings, count, of};
use crate::oci::{Inventory, PackageOf};
use crate::record::ScannerInfo;

#[derive(Deserialize)]
struct Report {
    matches: Vec<Match>,
    distro: Option<Distro>,
}

#[derive(Deserialize)]
struct Distro {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Match {
    vulnerability: Vulnerability,
    artifact: Artifact,
}

#[derive(Deserialize)]
struct Vulnerability {
    id: String,
}

#[derive(Deserialize)]
struct Artifact {
    name: String,
    version: String,
}

/// From `grype version -o json` and `grype db status -o json`.
pub(super) fn info(version: &str, database: &str) -> Option<ScannerInfo> {
    let version: Value = serde_json::from_str(version).ok()?;
    let database: Value = serde_json::from_str(database).unwrap_or_default();
    Some(ScannerInfo {
        name: "Grype".to_owned(),
        version: version.get("version")?.as_str()?.to_owned(),
        database: database.get("built").and_then(Value::as_str).unwrap_or_default().to_owned(),
        covers: "all packages".to_owned(),
    })
}

pub(super) fn read(json: &str, inventory: &Inventory) -> Result<Findings> {
    let report: Report = serde_json::from_str(json).context("it is not Grype's JSON")?;
    let found = |found: Match| [found.vulnerability.id, found.artifact.name, found.artifact.version];
    let vulnerabilities: BTreeSet<_> = report.matches.into_iter().map(found).collect();
    let recognised = report.distro.is_some_and(|distro| !distro.name.is_empty());
    let not_audited = if recognised { 0 } else { count(of(inventory, PackageOf::Distribution)) };
    Ok(Findings { vulnerabilities, not_audited })
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    const REPORT: &str = r#"{"matches": [
          {"vulnerability": {"id": "CVE-2024-0727", "severity": "Medium", "fix": {"versions": [], "state": "fixed"}},
           "relatedVulnerabilities": [],
           "matchDetails": [{"type": "exact-direct-match", "matcher": "dpkg-matcher"}],
           "artifact": {"name": "libssl3", "version": "3.0.11-1~deb12u1", "type": "deb"}},
          {"vulnerability": {"id": "GHSA-qf9m-vfgh-m389", "severity": "High"},
           "artifact": {"name": "fastapi", "version": "0.100.0", "type": "python"}}],
        "source": {"type": "image"},
        "distro": {"name": "debian", "version": "12", "idLike": []},
        "descriptor": {"name": "grype", "version": "0.74.7"}}"#;

    #[test]
    fn each_match_counts() {
        let found = read(REPORT, &example()).unwrap();
        assert_eq!((found.vulnerabilities.len(), found.not_audited), (2, 0));
    }

    #[test]
    fn an_unknown_distribution_was_not_audited() {
        let unknown = REPORT.replace(r#""name": "debian""#, r#""name": """#);
        assert_eq!(read(&unknown, &example()).unwrap().not_audited, 1);
        assert!(read("{}", &example()).is_err());
    }

    #[test]
    fn the_database_has_a_date() {
        let info = info(r#"{"version": "0.74.7"}"#, r#"{"built": "2024-03-04T01:25:10Z"}"#).unwrap();
        assert_eq!((&*info.version, &*info.database), ("0.74.7", "2024-03-04T01:25:10Z"));
    }
}
