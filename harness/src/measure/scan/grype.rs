//! Grype (`grype -o json -o cyclonedx-json=FILE`). Its own JSON names the packages in which it found something, and no
//! others; what it looked at are the components of the other.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

use super::{Audited, Findings};
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

/// CycloneDX, as far as it says what was looked at.
#[derive(Deserialize)]
struct Components {
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    purl: String,
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
    let version = version.get("version")?.as_str()?;
    Some(ScannerInfo {
        name: "Grype".to_owned(),
        // What `go install` makes says "[not provided]".
        version: if version.starts_with('[') { "of unknown version" } else { version }.to_owned(),
        database: database.get("built").and_then(Value::as_str).unwrap_or_default().to_owned(),
        covers: "all packages".to_owned(),
    })
}

pub(super) fn read(json: &str, components: &str, inventory: &Inventory) -> Result<Findings> {
    let report: Report = serde_json::from_str(json).context("it is not Grype's JSON")?;
    let found = |found: Match| [found.vulnerability.id, found.artifact.name, found.artifact.version];
    let vulnerabilities: BTreeSet<_> = report.matches.into_iter().map(found).collect();
    let listed: Components =
        serde_json::from_str(components).context("what Grype looked at is not CycloneDX's JSON")?;
    // Packages of a distribution that it did not recognise are held against nothing.
    let recognised = report.distro.is_some_and(|distro| !distro.name.is_empty());
    let mut audited = Audited::default();
    for Component { name, version, purl } in listed.components {
        if purl.starts_with("pkg:pypi/") {
            audited.insert(PackageOf::Python, &name, &version);
        } else if recognised && purl.starts_with("pkg:deb/") {
            audited.insert(PackageOf::Distribution, &name, &version);
        }
    }
    Ok(Findings { vulnerabilities, not_audited: audited.lacks(&inventory.packages) })
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

    const COMPONENTS: &str = r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [
        {"type": "library", "name": "libssl3", "version": "3.0.11-1~deb12u1",
         "purl": "pkg:deb/debian/libssl3@3.0.11-1~deb12u1?arch=amd64&distro=debian-12"},
        {"type": "library", "name": "fastapi", "version": "0.100.0", "purl": "pkg:pypi/fastapi@0.100.0"},
        {"type": "library", "name": "typing_extensions", "version": "4.8.0", "purl": "pkg:pypi/typing-extensions@4.8.0"},
        {"type": "operating-system", "name": "debian", "version": "12"}]}"#;

    #[test]
    fn each_match_counts() {
        let found = read(REPORT, COMPONENTS, &example()).unwrap();
        assert_eq!((found.vulnerabilities.len(), found.not_audited), (2, 0));
    }

    #[test]
    fn what_is_no_component_was_not_audited() {
        let other_version = COMPONENTS.replace("4.8.0", "4.9.0");
        assert_eq!(read(REPORT, &other_version, &example()).unwrap().not_audited, 1);
        assert_eq!(read(REPORT, "{}", &example()).unwrap().not_audited, 3);
        assert!(read(REPORT, "", &example()).is_err() && read("{}", COMPONENTS, &example()).is_err());
    }

    #[test]
    fn an_unknown_distribution_was_not_audited() {
        let unknown = REPORT.replace(r#""name": "debian""#, r#""name": """#);
        assert_eq!(read(&unknown, COMPONENTS, &example()).unwrap().not_audited, 1);
    }

    #[test]
    fn the_database_has_a_date() {
        let info = info(r#"{"version": "0.74.7"}"#, r#"{"built": "2024-03-04T01:25:10Z"}"#).unwrap();
        assert_eq!((&*info.version, &*info.database), ("0.74.7", "2024-03-04T01:25:10Z"));
        let info = super::info(r#"{"version": "[not provided]"}"#, "").unwrap();
        assert_eq!((&*info.version, &*info.database), ("of unknown version", ""));
    }
}
