//! Known vulnerabilities of an image, by whichever scanner the machine has: Trivy, Grype, Snyk or pip-audit.
//!
//! A scanner that skips a package still ends well and may say that it found nothing. So what it audited is
//! held against the inventory of the image, and where anything was skipped there is no count, only the
//! number of packages that were not audited.

mod grype;
mod pip_audit;
mod snyk;
mod trivy;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;
use tokio::time::timeout;

use super::build::request;
use super::context::BlockContext;
use super::runner::Bench;
use crate::engine::buildkit::Export;
use crate::oci::{self, Installed, Inventory, PackageOf, python_name};
use crate::record::{MeasuredBuild, PlannedStep, ScannerInfo};
use crate::scenario::Scenario;

/// A scanner that says nothing for so long will not say anything any more.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// A scanner of this machine.
#[derive(Debug, Clone)]
pub struct Scanner {
    kind: Kind,
    /// What `run.json` says of it.
    pub info: ScannerInfo,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Trivy,
    Grype,
    Snyk,
    PipAudit,
}

/// What a scanner found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Findings {
    /// Each once for the package and version that has it: advisory, package, version.
    vulnerabilities: BTreeSet<[String; 3]>,
    /// Packages of the inventory that it did not audit.
    not_audited: u32,
}

impl Scanner {
    /// The first of the known scanners that is on PATH and runs.
    pub async fn find() -> Option<Self> {
        for kind in [Kind::Trivy, Kind::Grype, Kind::Snyk, Kind::PipAudit] {
            if let Some(info) = kind.info().await {
                return Some(Self { kind, info });
            }
        }
        None
    }

    /// Brings its database up to date, where it has one of its own. While images are scanned none does that by itself:
    /// both variants are held against the same.
    ///
    /// # Errors
    /// It could not; then it has the database that it had, or none.
    pub async fn update(&mut self) -> Result<()> {
        let command: &[&str] = match self.kind {
            Kind::Trivy => &["trivy", "image", "--quiet", "--download-db-only"],
            Kind::Grype => &["grype", "db", "update"],
            Kind::Snyk | Kind::PipAudit => return Ok(()),
        };
        let output = run(command).await?;
        if !output.status.success() {
            bail!("{}", ended(command[0], &output));
        }
        self.info =
            self.kind.info().await.with_context(|| format!("{} does not run any more", command[0]))?;
        Ok(())
    }
}

impl Kind {
    async fn info(self) -> Option<ScannerInfo> {
        match self {
            Self::Trivy => trivy::info(&said(&["trivy", "version", "--format", "json"]).await?),
            Self::Grype => {
                let version = said(&["grype", "version", "-o", "json"]).await?;
                let database = said(&["grype", "db", "status", "-o", "json"]).await;
                grype::info(&version, &database.unwrap_or_default())
            }
            Self::Snyk => snyk::info(&said(&["snyk", "--version"]).await?),
            Self::PipAudit => pip_audit::info(&said(&["pip-audit", "--version"]).await?),
        }
    }

    fn command(self, image: &Image<'_>) -> Vec<String> {
        let path = |path: &Path| path.display().to_string();
        let words: &[&str] = match self {
            Self::Trivy => &[
                "trivy",
                "image",
                "--quiet",
                "--skip-db-update",
                "--scanners",
                "vuln",
                "--list-all-pkgs",
                "--format",
                "json",
                "--input",
                &path(image.layout),
            ],
            Self::Grype => &[
                "grype",
                "--quiet",
                "-o",
                "json",
                "-o",
                &format!("cyclonedx-json={}", path(image.components)),
                &format!("oci-dir:{}", path(image.layout)),
            ],
            Self::Snyk => {
                &["snyk", "container", "test", "--json", &format!("oci-archive:{}", path(image.archive))]
            }
            Self::PipAudit => &[
                "pip-audit",
                "--no-deps",
                "--disable-pip",
                "--progress-spinner=off",
                "--format=json",
                "--requirement",
                &path(image.requirements),
            ],
        };
        words.iter().map(ToString::to_string).collect()
    }

    fn read(self, json: &str, image: &Image<'_>, inventory: &Inventory) -> Result<Findings> {
        match self {
            Self::Trivy => trivy::read(json, inventory),
            Self::Grype => {
                let components = fs::read_to_string(image.components).unwrap_or_default();
                grype::read(json, &components, inventory)
            }
            Self::Snyk => snyk::read(json, inventory),
            Self::PipAudit => pip_audit::read(json, inventory),
        }
    }
}

/// An image in the forms that scanners read, and where one writes what it looked at.
struct Image<'a> {
    archive: &'a Path,
    layout: &'a Path,
    requirements: &'a Path,
    components: &'a Path,
}

/// Fills in the image's known vulnerabilities, after a cold build. A scanner that fails has audited nothing.
///
/// # Errors
/// The image cannot be exported once more.
pub(crate) async fn fill(
    bench: &Bench<'_>,
    scenario: &Scenario,
    step: &PlannedStep,
    context: &BlockContext,
    image: &oci::Image,
    rows: &mut MeasuredBuild,
) -> Result<()> {
    let (Some(scanner), Some(row)) = (bench.scanner, &mut rows.image) else { return Ok(()) };
    let inventory = oci::inventory(image)?;
    let dir = tempfile::tempdir().context("a folder for the image to scan")?;
    let archive = dir.path().join("image.tar");
    let sink = Box::new(File::create(&archive)?);
    let export = Export::Oci { rewrite_timestamp: false, sink };
    bench.engine.build(request(bench, scenario, step.variant, context, export)).await?;
    let findings = match audit(scanner.kind, dir.path(), &archive, &inventory).await {
        Ok(findings) => findings,
        Err(error) => {
            let why = bench.supply.redactor().redact(&format!("{error:#}"));
            bench.observer.note(&format!("{}: {} audited nothing: {why}", step.scenario, scanner.info.name));
            Findings { not_audited: count(inventory.packages.len()), ..Findings::default() }
        }
    };
    row.not_audited = Some(findings.not_audited);
    let audited = findings.not_audited == 0 && inventory.distribution_known;
    row.vulnerabilities = audited.then(|| count(findings.vulnerabilities.len()));
    Ok(())
}

async fn audit(kind: Kind, dir: &Path, archive: &Path, inventory: &Inventory) -> Result<Findings> {
    let [layout, requirements, components] =
        ["layout", "requirements.txt", "components.json"].map(|name| dir.join(name));
    fs::write(&requirements, pip_audit::requirements(inventory))?;
    if matches!(kind, Kind::Trivy | Kind::Grype) {
        let (from, to) = (archive.to_owned(), layout.clone());
        let unpack = move || tar::Archive::new(File::open(from)?).unpack(to);
        tokio::task::spawn_blocking(unpack).await?.context("unpacking the image's archive")?;
    }
    let image = Image { archive, layout: &layout, requirements: &requirements, components: &components };
    let command = kind.command(&image);
    let output = run(&command.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    // Most end with 1 where they found something: what counts is whether they say what they found.
    let said = String::from_utf8_lossy(&output.stdout);
    kind.read(&said, &image, inventory).with_context(|| ended(&command[0], &output))
}

/// How a command ended, and the last that it said.
fn ended(command: &str, output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    format!("{command} ended with {} and said: {last}", output.status)
}

/// What a command prints, if it can be run and ends well.
async fn said(command: &[&str]) -> Option<String> {
    let output = run(command).await.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

async fn run(command: &[&str]) -> Result<Output> {
    let mut process = Command::new(command[0]);
    process.args(&command[1..]).stdin(Stdio::null()).kill_on_drop(true);
    // Grype has no options for two of these.
    process.envs([
        ("GRYPE_DB_AUTO_UPDATE", "false"),
        ("GRYPE_CHECK_FOR_APP_UPDATE", "false"),
        ("NO_COLOR", "1"),
    ]);
    match timeout(LIMIT, process.output()).await {
        Ok(output) => output.with_context(|| format!("{} cannot be run", command[0])),
        Err(_) => bail!("{} did not end within {} s", command[0], LIMIT.as_secs()),
    }
}

/// What a scanner looked at. A distribution has one version of a package; of a Python package there can be several, at
/// several places, and having seen one of them is not having seen all.
#[derive(Debug, Default)]
struct Audited {
    packages: BTreeSet<(PackageOf, String, Option<String>)>,
}

impl Audited {
    fn insert(&mut self, of: PackageOf, name: &str, version: &str) {
        self.packages.insert(Self::key(of, name, version));
    }

    /// How many of these it did not look at.
    fn lacks<'a>(&self, packages: impl IntoIterator<Item = &'a Installed>) -> u32 {
        let key = |package: &Installed| Self::key(package.of, &package.name, &package.version);
        count(packages.into_iter().filter(|package| !self.packages.contains(&key(package))).count())
    }

    fn key(of: PackageOf, name: &str, version: &str) -> (PackageOf, String, Option<String>) {
        match of {
            // dpkg's name may carry the architecture.
            PackageOf::Distribution => (of, name.split(':').next().unwrap_or(name).to_owned(), None),
            PackageOf::Python => (of, python_name(name), Some(version.to_owned())),
        }
    }
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Three packages to be scanned, for the adapters' tests.
#[cfg(test)]
fn example() -> Inventory {
    let package =
        |of, name: &str, version: &str| Installed { of, name: name.into(), version: version.into() };
    let packages = [
        package(PackageOf::Distribution, "libssl3", "3.0.11-1~deb12u1"),
        package(PackageOf::Python, "fastapi", "0.100.0"),
        package(PackageOf::Python, "typing-extensions", "4.8.0"),
    ];
    Inventory { packages: packages.into(), distribution_known: true }
}
