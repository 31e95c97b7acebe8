//! Which packages a managed engine can be unpacked from.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::debian::{Archive, Suite, Unpacked};

/// The first Docker Engine whose BuildKit knows rewrite-timestamp (0.13).
const OLDEST: u32 = 26;

/// A source of engine packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Candidate {
    /// The machine's own suite.
    Own,
    /// Another Debian suite, with the own suite's `runc`: a foreign one wants a newer C library.
    Debian(&'static str),
}

/// In the order in which they are tried.
pub(super) const CANDIDATES: &[Candidate] =
    &[Candidate::Own, Candidate::Debian("testing"), Candidate::Debian("trixie")];

/// An engine on disk, ready to be started.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) dockerd: PathBuf,
    pub(super) env: Vec<(&'static str, OsString)>,
    /// `name version`.
    pub(super) packages: Vec<String>,
}

impl Candidate {
    /// Unpacks it, or finds it unpacked.
    pub(super) fn provision(self, archive: &Archive) -> Result<Programs> {
        match self {
            Self::Own => {
                let packages = ["docker.io", "containerd", "runc"];
                let version = archive.own_version("docker.io").context("no docker.io package")?;
                let major =
                    major(&version).with_context(|| format!("docker.io has the version {version}"))?;
                if major < OLDEST {
                    bail!("docker.io {version} is too old: {OLDEST} or newer is needed");
                }
                programs(&[&archive.unpack(&Suite::Own, &packages)?])
            }
            Self::Debian(release) => {
                let engine =
                    archive.unpack(&Suite::Named(release.to_owned()), &["docker.io", "containerd"])?;
                let runc = archive.unpack(&Suite::Own, &["runc"])?;
                programs(&[&engine, &runc])
            }
        }
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("the machine's own packages"),
            Self::Debian(release) => write!(f, "Debian {release}"),
        }
    }
}

fn programs(unpacked: &[&Unpacked]) -> Result<Programs> {
    let packages = unpacked.iter().flat_map(|one| &one.packages);
    let programs = Programs {
        dockerd: unpacked[0].program("dockerd")?,
        env: Unpacked::joint_env(unpacked),
        packages: packages.map(|(name, version)| format!("{name} {version}")).collect(),
    };
    // The daemon comes up without it, and then no build step runs.
    runs("runc", unpacked, &programs)?;
    Ok(programs)
}

/// Whether a program finds its libraries here.
fn runs(name: &str, unpacked: &[&Unpacked], programs: &Programs) -> Result<()> {
    let Some(program) = unpacked.iter().find_map(|one| one.program(name).ok()) else {
        bail!("there is no {name} in its packages");
    };
    let output = Command::new(program)
        .arg("--version")
        .envs(programs.env.iter().map(|(key, value)| (key, value)))
        .output()
        .with_context(|| format!("{name} does not run here"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name} does not run here: {}", said.lines().next().unwrap_or_default());
    }
    Ok(())
}

fn major(version: &str) -> Option<u32> {
    let upstream = version.split_once(':').map_or(version, |(_, rest)| rest);
    upstream.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn an_epoch_is_no_major_version() {
        assert_eq!(major("20.10.24+dfsg1-1+deb12u1"), Some(20));
        assert_eq!(major("1:28.5.2+dfsg4-5"), Some(28));
        assert_eq!(major("unknown"), None);
    }
}
