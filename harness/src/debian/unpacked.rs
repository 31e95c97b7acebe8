//! Packages unpacked into a directory, and running programs from there.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::suite::{Prepared, Suite};

const UNFINISHED: &str = ".unfinished-";
const FACTS: &str = "packages.json";

/// Packages on disk, below a root directory of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// What the packages take as `/`.
    pub root: PathBuf,
    /// Name and version of each package, by name.
    pub packages: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    packages: Vec<(String, String)>,
}

impl Unpacked {
    /// What an earlier call left in `dir`, which appears only whole.
    pub(super) fn find(dir: &Path) -> Result<Option<Self>> {
        let text = match fs::read_to_string(dir.join(FACTS)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("cannot read {}", dir.join(FACTS).display()))?,
        };
        let facts: Facts = serde_json::from_str(&text).with_context(|| {
            format!("{} is not readable: remove the directory that holds it", dir.join(FACTS).display())
        })?;
        Ok(Some(Self { root: dir.join("root"), packages: facts.packages }))
    }

    /// The version of one of the packages.
    pub fn version(&self, package: &str) -> Option<&str> {
        self.packages.iter().find(|(name, _)| name == package).map(|(_, version)| version.as_str())
    }

    /// A program's path below the root.
    ///
    /// # Errors
    /// If none of the packages holds it.
    pub fn program(&self, name: &str) -> Result<PathBuf> {
        self.bin_dirs().map(|dir| dir.join(name)).find(|path| path.is_file()).with_context(|| {
            let names: Vec<&str> = self.packages.iter().map(|(name, _)| name.as_str()).collect();
            format!("no program {name} in the packages {}", names.join(", "))
        })
    }

    /// A command that runs a program of the packages with [`env`](Self::env).
    ///
    /// # Errors
    /// As [`program`](Self::program).
    pub fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(self.program(program)?);
        command.envs(self.env());
        Ok(command)
    }

    /// `PATH` and `LD_LIBRARY_PATH` with which the programs find each other and the libraries that came
    /// with them, before the system's.
    pub fn env(&self) -> Vec<(&'static str, OsString)> {
        Self::joint_env(&[self])
    }

    /// [`env`](Self::env) of several: what comes first wins.
    pub fn joint_env(all: &[&Self]) -> Vec<(&'static str, OsString)> {
        let mut env = vec![("PATH", before(all.iter().flat_map(|one| one.bin_dirs()).collect(), "PATH"))];
        let libraries: Vec<PathBuf> = all.iter().flat_map(|one| one.library_dirs()).collect();
        if !libraries.is_empty() {
            env.push(("LD_LIBRARY_PATH", before(libraries, "LD_LIBRARY_PATH")));
        }
        env
    }

    fn bin_dirs(&self) -> impl Iterator<Item = PathBuf> {
        ["usr/bin", "usr/sbin", "bin", "sbin"]
            .into_iter()
            .map(|dir| self.root.join(dir))
            .filter(|dir| dir.is_dir())
    }

    /// The directories of the multiarch tuple, such as `usr/lib/x86_64-linux-gnu`.
    fn library_dirs(&self) -> Vec<PathBuf> {
        let mut dirs: Vec<PathBuf> = ["usr/lib", "lib"]
            .into_iter()
            .filter_map(|lib| fs::read_dir(self.root.join(lib)).ok())
            .flat_map(|entries| entries.filter_map(Result::ok))
            .filter(|entry| entry.file_name().to_string_lossy().contains("-linux-gnu"))
            .map(|entry| entry.path())
            .collect();
        dirs.sort();
        dirs
    }
}

/// The same packages of the same suite always lie in the same place.
pub(super) fn directory_name(suite: &Suite, packages: &[&str]) -> Result<String> {
    if packages.is_empty() {
        bail!("no packages named");
    }
    let mut names = packages.to_vec();
    names.sort_unstable();
    names.dedup();
    let release = match suite {
        // A machine that is upgraded needs its own packages anew.
        Suite::Own => fs::read_to_string("/etc/os-release").unwrap_or_default(),
        Suite::Named(release) => release.clone(),
    };
    let digest = Sha256::digest(format!("{release}\n{}", names.join("\n")));
    let digest: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let suite = match suite {
        Suite::Own => "own",
        Suite::Named(release) => release,
    };
    Ok(format!("{suite}-{}-{digest}", names[0]))
}

/// What a process left that was killed in the middle.
pub(super) fn remove_unfinished(home: &Path) -> Result<()> {
    fs::create_dir_all(home).with_context(|| format!("cannot create {}", home.display()))?;
    for entry in fs::read_dir(home)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_dir_all(entry.path())
                .with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}

/// Downloads and unpacks beside, then renames into place.
pub(super) fn make(suite: &Prepared, packages: &[&str], home: &Path, name: &str) -> Result<Unpacked> {
    let work = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(home)?;
    let debs = work.path().join("debs");
    let root = work.path().join("root");
    fs::create_dir(&debs)?;
    fs::create_dir(&root)?;

    let mut wanted: Vec<String> = packages.iter().map(|&package| package.to_owned()).collect();
    if suite.resolves() {
        let mut args = vec!["install", "--simulate", "--no-install-recommends"];
        args.extend(packages);
        wanted.extend(lacking(&suite.apt().get(&args, &debs)?));
        wanted.sort();
        wanted.dedup();
    }
    let mut args = vec!["download"];
    args.extend(wanted.iter().map(String::as_str));
    suite.apt().get(&args, &debs)?;

    let mut facts = Facts { packages: Vec::new() };
    let mut files: Vec<PathBuf> =
        fs::read_dir(&debs)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    for deb in &files {
        facts.packages.push(name_and_version(deb)?);
        dpkg_deb(Command::new("dpkg-deb").arg("--extract").arg(deb).arg(&root))?;
    }
    fs::remove_dir_all(&debs)?;
    fs::write(work.path().join(FACTS), serde_json::to_string_pretty(&facts)?)?;

    let place = home.join(name);
    let work = work.keep();
    fs::rename(&work, &place)
        .with_context(|| format!("cannot rename {} to {}", work.display(), place.display()))?;
    Ok(Unpacked { root: place.join("root"), packages: facts.packages })
}

/// The packages that `apt-get install --simulate` would add. Those that it would only upgrade are left
/// out: the machine has them, and a second C library beside the first breaks every program.
fn lacking(simulated: &str) -> impl Iterator<Item = String> {
    simulated.lines().filter_map(|line| {
        let mut words = line.strip_prefix("Inst ")?.split_whitespace();
        let name = words.next()?;
        let version = words.next()?;
        version.starts_with('(').then(|| name.to_owned())
    })
}

/// The version in `'URI' NAME_VERSION_ARCH.deb SIZE HASH`, the colon of an epoch percent-encoded.
pub(super) fn version_of_printed_uri(printed: &str) -> Option<String> {
    let file = printed.lines().find(|line| line.starts_with('\''))?.split_whitespace().nth(1)?;
    Some(file.split('_').nth(1)?.replace("%3a", ":"))
}

fn name_and_version(deb: &Path) -> Result<(String, String)> {
    let shown = dpkg_deb(
        Command::new("dpkg-deb").args(["--show", "--showformat", "${Package} ${Version}"]).arg(deb),
    )?;
    let (name, version) = shown.split_once(' ').with_context(|| format!("dpkg-deb said {shown:?}"))?;
    Ok((name.to_owned(), version.trim().to_owned()))
}

fn dpkg_deb(command: &mut Command) -> Result<String> {
    let output = command.env("LC_ALL", "C").output().context("cannot run dpkg-deb")?;
    if !output.status.success() {
        bail!("dpkg-deb: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `dirs`, then what the variable holds now.
fn before(mut dirs: Vec<PathBuf>, variable: &str) -> OsString {
    if let Some(now) = std::env::var_os(variable).filter(|now| !now.is_empty()) {
        dirs.extend(std::env::split_paths(&now));
    }
    // Only a directory with a colon in its name cannot be joined; then the program's own file still runs.
    std::env::join_paths(dirs).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_machine_lacks_is_brought() {
        let simulated = "Reading package lists...\n\
            Inst libgpgme11 (1.18.0-3 Debian:12/oldstable [amd64])\n\
            Inst libc6 [2.36-9+deb12u8] (2.36-9+deb12u10 Debian:12/oldstable [amd64]) []\n\
            Inst skopeo (1.9.3 Debian:12/oldstable [amd64])\n\
            Conf skopeo (1.9.3 Debian:12/oldstable [amd64])\n";
        assert_eq!(lacking(simulated).collect::<Vec<_>>(), ["libgpgme11", "skopeo"]);
    }

    #[test]
    fn a_printed_uri_holds_the_version() {
        let printed = "'http://m.example/pool/main/d/docker.io/docker.io_20.10.24%2bdfsg1-1_amd64.deb' \
                       docker.io_1%3a20.10.24+dfsg1-1_amd64.deb 36178396 SHA256:00\n";
        assert_eq!(version_of_printed_uri(printed).as_deref(), Some("1:20.10.24+dfsg1-1"));
        assert_eq!(version_of_printed_uri("Reading package lists...\n"), None);
    }

    #[test]
    fn the_place_depends_on_suite_and_set_but_not_on_order() {
        let testing = Suite::Named("testing".into());
        let name = directory_name(&testing, &["docker.io", "containerd"]).unwrap();
        assert_eq!(name, directory_name(&testing, &["containerd", "docker.io", "containerd"]).unwrap());
        assert_ne!(
            name,
            directory_name(&Suite::Named("trixie".into()), &["docker.io", "containerd"]).unwrap()
        );
        assert_ne!(name, directory_name(&testing, &["docker.io"]).unwrap());
        assert!(name.starts_with("testing-containerd-"), "a person sees what it is: {name}");
        assert!(directory_name(&testing, &[]).is_err());
    }
}
