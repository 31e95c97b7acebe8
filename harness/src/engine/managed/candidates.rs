//! Which packages a managed engine can be unpacked from.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Error, Result, bail};

use crate::debian::{Archive, NotThere, Suite, Unpacked};

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
    /// What they were unpacked from.
    pub(super) candidate: Candidate,
    pub(super) dockerd: PathBuf,
    pub(super) env: Vec<(&'static str, OsString)>,
    /// `name version`.
    pub(super) packages: Vec<String>,
}

/// A candidate's packages are no engine for this machine.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unsuitable(String);

/// Whether what failed by `error` fails by it the next time, too. A mirror that is down or a daemon that is slow may be
/// well by then.
pub(super) fn is_for_good(error: &Error) -> bool {
    error.is::<Unsuitable>() || error.is::<NotThere>()
}

impl Candidate {
    /// The one that is written `name`.
    pub(super) fn named(name: &str) -> Option<Self> {
        CANDIDATES.iter().copied().find(|candidate| candidate.to_string() == name)
    }

    /// Unpacks it, or finds it unpacked.
    pub(super) fn provision(self, archive: &Archive) -> Result<Programs> {
        match self {
            Self::Own => {
                let packages = ["docker.io", "containerd", "runc"];
                let version = archive.own_version("docker.io").context("no docker.io package")?;
                let major =
                    major(&version).with_context(|| format!("docker.io has the version {version}"))?;
                if major < OLDEST {
                    let text = format!("docker.io {version} is too old: {OLDEST} or newer is needed");
                    return Err(Unsuitable(text).into());
                }
                programs(self, &[&archive.unpack(&Suite::Own, &packages)?])
            }
            Self::Debian(release) => {
                let engine =
                    archive.unpack(&Suite::Named(release.to_owned()), &["docker.io", "containerd"])?;
                let runc = archive.unpack(&Suite::Own, &["runc"])?;
                programs(self, &[&engine, &runc])
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

fn programs(candidate: Candidate, unpacked: &[&Unpacked]) -> Result<Programs> {
    let packages = unpacked.iter().flat_map(|one| &one.packages);
    let programs = Programs {
        candidate,
        dockerd: unpacked[0].program("dockerd")?,
        env: Unpacked::joint_env(unpacked),
        packages: packages.map(|(name, version)| format!("{name} {version}")).collect(),
    };
    runs("dockerd", unpacked, &programs)?;
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
        let text = format!("{name} does not run here: {}", said.lines().next().unwrap_or_default());
        return Err(Unsuitable(text).into());
    }
    Ok(())
}

fn major(version: &str) -> Option<u32> {
    let upstream = version.split_once(':').map_or(version, |(_, rest)| rest);
    upstream.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn what_is_too_old_or_not_there_stays_so_and_what_is_down_or_slow_does_not() {
        let too_old = Error::from(Unsuitable("docker.io 20.10 is too old".to_owned()));
        let not_there = Error::from(NotThere("Debian testing is not on the mirror".to_owned()));
        assert!(is_for_good(&too_old));
        assert!(is_for_good(&not_there.context("cannot unpack docker.io of Debian testing")));
        assert!(!is_for_good(&anyhow!("Debian testing cannot be reached")));
        assert!(!is_for_good(&anyhow!("dockerd did not answer within 60 s").context("as it was")));
    }

    #[test]
    fn a_candidate_is_found_by_what_it_is_written() {
        for candidate in CANDIDATES {
            assert_eq!(Candidate::named(&candidate.to_string()), Some(*candidate));
        }
        assert_eq!(Candidate::named("Debian sid"), None);
    }

    #[test]
    fn an_epoch_is_no_major_version() {
        assert_eq!(major("20.10.24+dfsg1-1+deb12u1"), Some(20));
        assert_eq!(major("1:28.5.2+dfsg4-5"), Some(28));
        assert_eq!(major("unknown"), None);
    }
}
