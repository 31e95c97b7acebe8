//! Downloading packages and unpacking them into a directory that appears only whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use super::suite::{Prepared, Suite};
use super::unpacked::{FACTS, Facts, Unpacked};
use crate::cache::put_in_place;
use crate::hex::hex;

const UNFINISHED: &str = ".unfinished-";

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
    let digest = hex(&Sha256::digest(format!("{release}\n{}", names.join("\n"))));
    let suite = match suite {
        Suite::Own => "own",
        Suite::Named(release) => release,
    };
    Ok(format!("{suite}-{}-{}", names[0], &digest[..12]))
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
    put_in_place(&work, &place)
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
