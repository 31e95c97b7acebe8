//! Programs from the distribution's packages, unpacked beside the system and never installed.
//!
//! Everything is done by the machine's own `apt-get` and `dpkg-deb`, with the machine's own settings
//! and mirror but with list and cache directories of our own, so that nothing of the system's is
//! touched and no privilege is needed. apt verifies each index by the archive's signature and each
//! package by the index's hash.
//!
//! Calls block: from async code, use `spawn_blocking`.

mod apt;
mod sources;
mod suite;
mod unpack;
mod unpacked;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use self::suite::Age;
pub use apt::NotThere;
pub use sources::Source;
pub use suite::Suite;
pub use unpacked::Unpacked;

/// The distribution's archive as this machine reaches it.
#[derive(Debug)]
pub struct Archive {
    room: PathBuf,
}

impl Archive {
    /// Prepares to unpack into `room`. Neither the network nor a lock is needed for that.
    ///
    /// # Errors
    /// If the machine has no `apt-get` or `dpkg-deb`, or `room` cannot be written.
    pub fn open(room: &Path) -> Result<Self> {
        for program in ["apt-get", "dpkg-deb"] {
            if !apt::on_path(program) {
                bail!(
                    "there is no {program} here, and programs are unpacked from Debian's or Ubuntu's packages: \
                     run on Debian or Ubuntu, or bring an engine of your own (--engine URL)"
                );
            }
        }
        let room = std::path::absolute(room)?;
        fs::create_dir_all(&room).with_context(|| format!("cannot create {}", room.display()))?;
        Ok(Self { room })
    }

    /// What the machine's own apt sources offer: mirrors, suites, components. After the first time no
    /// network is needed.
    ///
    /// # Errors
    /// If the sources cannot be read and their lists have never been fetched.
    pub fn sources(&self) -> Result<Vec<Source>> {
        let lock = self.lock()?;
        let suite = self.own_suite(Age::Any, &lock)?;
        sources::read(suite.apt())
    }

    /// Fetches the lists of the machine's own sources now.
    ///
    /// # Errors
    /// If no source can be reached, or none is verified by its signature.
    pub fn update(&self) -> Result<()> {
        let lock = self.lock()?;
        self.own_suite(Age::None, &lock).map(drop)
    }

    /// The source that holds the machine's own release, neither its updates nor its security fixes.
    ///
    /// # Errors
    /// As [`sources`](Self::sources), or if no source is that of the release in `/etc/os-release`.
    pub fn main_source(&self) -> Result<Source> {
        sources::main(self.sources()?)
    }

    /// Unpacks `packages` of `suite`, or finds them unpacked by an earlier call: then neither network
    /// nor time is needed, and the versions are those of then.
    ///
    /// From the machine's own suite comes also what the packages depend on and the machine lacks. From
    /// another suite come the named packages alone: its libraries belong to another C library.
    ///
    /// # Errors
    /// If the suite is unreachable, expired or not signed by the archive's keys, or lacks a package; the
    /// text names the suite and what to do.
    pub fn unpack(&self, suite: &Suite, packages: &[&str]) -> Result<Unpacked> {
        let home = self.room.join("unpacked");
        let name = unpack::directory_name(suite, packages)?;
        if let Some(found) = Unpacked::find(&home.join(&name))? {
            return Ok(found);
        }
        let lock = self.lock()?;
        // Another process may have unpacked it while this one waited for the lock.
        if let Some(found) = Unpacked::find(&home.join(&name))? {
            return Ok(found);
        }
        unpack::remove_unfinished(&home)?;
        let prepared = match suite {
            Suite::Own => self.own_suite(Age::Hour, &lock)?,
            Suite::Named(release) => {
                let main = sources::main(sources::read(self.own_suite(Age::Any, &lock)?.apt())?)?;
                suite::Prepared::named(&self.room, release, &main)?
            }
        };
        unpack::make(&prepared, packages, &home, &name)
            .with_context(|| format!("cannot unpack {} of {suite}", packages.join(", ")))
    }

    /// The version of `package` that the machine's own suite would give, without downloading it.
    ///
    /// # Errors
    /// As [`unpack`](Self::unpack).
    pub fn own_version(&self, package: &str) -> Result<String> {
        let lock = self.lock()?;
        let suite = self.own_suite(Age::Hour, &lock)?;
        let printed = suite.apt().get(&["download", "--print-uris", package], Path::new("/"))?;
        unpack::version_of_printed_uri(&printed)
            .with_context(|| format!("apt says nothing of a version of {package}: {printed:?}"))
    }

    fn own_suite(&self, age: Age, _: &Lock) -> Result<suite::Prepared> {
        suite::Prepared::own(&self.room, age)
    }

    /// Held while lists are fetched or packages unpacked: two processes take turns.
    fn lock(&self) -> Result<Lock> {
        let path = self.room.join("lock");
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(Lock(file))
    }
}

/// Proof that this process alone writes the room; released when dropped.
struct Lock(#[expect(dead_code, reason = "held open: closing it releases the lock")] File);
