//! A suite of the archive, its lists fetched and verified.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};

use super::Source;
use super::apt::{Apt, NotThere};

/// How old lists may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// Fetched now.
    None,
    /// Good for downloads: a package leaves a mirror's pool within days, not within the hour.
    Hour,
    /// Good for reading what the sources are.
    Any,
}

/// Where packages come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suite {
    /// What the machine's own apt sources offer.
    Own,
    /// A release of Debian's archive, by suite or code name, from the mirror that the machine uses.
    Named(String),
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("the machine's own suite"),
            Self::Named(name) => write!(f, "Debian {name}"),
        }
    }
}

/// A suite with lists on disk.
#[derive(Debug)]
pub(super) struct Prepared {
    apt: Apt,
    dir: PathBuf,
    resolve: bool,
}

impl Prepared {
    /// The machine's own sources and package database, with lists of our own.
    pub(super) fn own(room: &Path, age: Age) -> Result<Self> {
        let dir = room.join("suites/own");
        let settings = "Dir::State::status \"/var/lib/dpkg/status\";\n";
        let apt = Apt::new(&dir, Suite::Own.to_string(), settings)?;
        let prepared = Self { apt, dir, resolve: true };
        // A source that fails beside good ones (a vendor's, behind a login) is the machine's affair.
        prepared.refresh(age, || super::sources::read(&prepared.apt).is_ok_and(|found| !found.is_empty()))?;
        Ok(prepared)
    }

    /// `release` of Debian's archive from the mirror of `main`.
    pub(super) fn named(room: &Path, release: &str, main: &Source) -> Result<Self> {
        let prepared = Self::lay_out(room, release, main)?;
        prepared.refresh(Age::Hour, || false)?;
        Ok(prepared)
    }

    fn lay_out(room: &Path, release: &str, main: &Source) -> Result<Self> {
        let label = format!("Debian {release}");
        if main.origin != "Debian" {
            let text = format!(
                "{label} is not in the archive that this machine uses ({}): run on Debian, or bring an engine of \
                 your own (--engine URL)",
                main.origin
            );
            return Err(NotThere(text).into());
        }
        let dir = room.join("suites").join(release);
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let list = dir.join("sources.list");
        let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
        fs::write(&list, format!("deb [signed-by={keyring}] {} {release} main\n", main.uri))?;
        // An empty package database: nothing of another release is judged by what this machine has installed.
        let status = dir.join("status");
        fs::write(&status, "")?;
        let settings = format!(
            "Dir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"/dev/null\";\nDir::Etc::preferences \"/dev/null\";\n\
             Dir::Etc::preferencesparts \"/dev/null\";\nAPT::Default-Release \"\";\nDir::State::status \"{}\";\n",
            list.display(),
            status.display(),
        );
        let apt = Apt::new(&dir, label, &settings)?;
        Ok(Self { apt, dir, resolve: false })
    }

    pub(super) fn apt(&self) -> &Apt {
        &self.apt
    }

    /// Whether dependencies are resolved against what the machine has installed.
    pub(super) fn resolves(&self) -> bool {
        self.resolve
    }

    /// Fetches the lists unless those on disk are young enough. `suffices` says whether what is on disk
    /// after a failure is enough to go on with.
    fn refresh(&self, age: Age, suffices: impl Fn() -> bool) -> Result<()> {
        let stamp = self.dir.join("updated");
        let is = fs::metadata(&stamp)
            .and_then(|data| data.modified())
            .ok()
            .and_then(|at| SystemTime::now().duration_since(at).ok());
        let fresh = is.is_some_and(|is| match age {
            Age::None => false,
            Age::Hour => is < Duration::from_secs(3600),
            Age::Any => true,
        });
        if fresh {
            return Ok(());
        }
        match self.apt.update()? {
            Err(error) if !suffices() => Err(error),
            _ => fs::write(&stamp, "").with_context(|| format!("cannot write {}", stamp.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn debian(uri: &str) -> Source {
        Source {
            uri: uri.to_owned(),
            release: "stable".to_owned(),
            codename: "stable".to_owned(),
            origin: "Debian".to_owned(),
            components: vec!["main".to_owned()],
            signed_by: None,
        }
    }

    /// What apt makes of a mirror on disk whose `stable` has this Release file, with `settings`.
    fn refused(file: &str, text: &str, settings: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let dist = dir.path().join("mirror/dists/stable");
        fs::create_dir_all(&dist).unwrap();
        fs::write(dist.join(file), text).unwrap();
        let mirror = format!("file:{}", dir.path().join("mirror").display());
        let prepared = Prepared::lay_out(dir.path(), "stable", &debian(&mirror)).unwrap();
        let mut config =
            fs::File::options().append(true).open(dir.path().join("suites/stable/apt.conf")).unwrap();
        config.write_all(settings.as_bytes()).unwrap();
        prepared.refresh(Age::Hour, || false).unwrap_err().to_string()
    }

    #[test]
    fn an_unsigned_suite_is_refused_whatever_the_machine_allows() {
        let text = refused("Release", "Suite: stable\nCodename: stable\n", "");
        assert!(text.starts_with("Debian stable is not signed"), "{text}");
        assert!(text.contains("debian-archive-keyring"), "{text}");
    }

    #[test]
    fn an_unreachable_mirror_is_told_from_a_bad_one() {
        // Nothing listens on port 1.
        let dir = tempfile::tempdir().unwrap();
        let error = Prepared::named(dir.path(), "testing", &debian("http://127.0.0.1:1/debian")).unwrap_err();
        assert!(!error.is::<NotThere>(), "it may be there the next time");
        let text = error.to_string();
        assert!(text.starts_with("Debian testing cannot be reached: check the network"), "{text}");
    }

    #[test]
    fn an_expired_suite_is_refused_with_the_remedy() {
        // A Release file that Debian really signed, and a limit on its age that it has passed.
        let room = crate::cache::Cache::open().unwrap().room("debian").unwrap();
        let archive = super::super::Archive::open(&room).unwrap();
        let main = archive.main_source().unwrap();
        let lists = room.join("suites/own/lists");
        let signed = fs::read_dir(lists)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.to_string_lossy().ends_with(&format!("_dists_{}_InRelease", main.release)))
            .unwrap();
        let text = refused(
            "InRelease",
            &fs::read_to_string(signed).unwrap(),
            "Acquire::Check-Date \"true\";\nAcquire::Check-Valid-Until \"true\";\nAcquire::Max-ValidTime \"1\";\n",
        );
        assert!(text.starts_with("Debian stable has expired"), "{text}");
        assert!(text.contains("up to date"), "{text}");
    }

    #[test]
    fn another_distribution_has_no_debian_suites() {
        let dir = tempfile::tempdir().unwrap();
        let ubuntu = Source { origin: "Ubuntu".to_owned(), ..debian("http://127.0.0.1:1/ubuntu") };
        let error = Prepared::named(dir.path(), "testing", &ubuntu).unwrap_err();
        assert!(error.is::<NotThere>(), "and never will have");
        let text = error.to_string();
        assert!(text.contains("Ubuntu") && text.contains("--engine URL"), "{text}");
    }
}
