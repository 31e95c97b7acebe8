//! Making a stand-in for a base image from the distribution's packages.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::apt_settings::{AptSettings, AptSources};
use super::archive::{self, Config, Digests, Written};
use super::{Base, Recipe};
use crate::cache::put_in_place;
use crate::debian::{Archive, Suite, Unpacked};
use crate::engine::unmount_below;
use crate::hex::hex;

/// A stand-in as an archive in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StandIn {
    /// What `docker load` takes.
    pub(super) archive: PathBuf,
    pub(super) digests: Digests,
}

impl StandIn {
    /// By what an engine knows it.
    pub(super) fn written(&self) -> Written {
        Written { manifest: self.digests.manifest.clone(), config: self.digests.config.clone() }
    }
}

const UNFINISHED: &str = ".unfinished-";
const SETUP: &str = include_str!("hooks/setup.sh");
const RECIPE: &str = include_str!("hooks/recipe.sh");
const FINISH: &str = include_str!("hooks/finish.sh");
/// Raised when the way of making changes otherwise than in the texts that are hashed.
const METHOD: u32 = 3;

/// Finds the stand-in of `base` in `room`, if it was made by the recipe as it stands.
pub(super) fn find(room: &Path, base: &Base, recipe: &Recipe) -> Result<Option<StandIn>> {
    read(&room.join(name(base, recipe)?))
}

/// Makes the stand-in, tagged `tag`. It stays as it is until the recipe changes or the cache is
/// cleaned: a base that moved with every fix of the archive would make two runs incomparable.
pub(super) fn make(
    room: &Path,
    base: &Base,
    recipe: &Recipe,
    tag: &str,
    archive: &Archive,
) -> Result<StandIn> {
    // Two processes take turns, and the second finds what the first has made.
    let lock = room.join("lock");
    let lock = File::create(&lock).with_context(|| format!("cannot write {}", lock.display()))?;
    lock.lock()?;
    let place = room.join(name(base, recipe)?);
    if let Some(found) = read(&place)? {
        return Ok(found);
    }
    remove_unfinished(room)?;
    let work = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(room)?;
    let built = build(work.path(), recipe, tag, archive);
    // mmdebstrap mounts /proc, /sys and others in the tree, and leaves them there when it is cut short.
    unmount_below(work.path())?;
    built.with_context(|| {
        format!("cannot make the stand-in for {} from Debian {}", base.reference, recipe.suite)
    })?;
    put_in_place(&work.keep(), &place)?;
    read(&place)?.context("the stand-in that was just made is not there")
}

/// The folder of a stand-in: its reference for people, a hash of all that it is made by.
fn name(base: &Base, recipe: &Recipe) -> Result<String> {
    let script = match &recipe.script {
        Some(path) => fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
        None => String::new(),
    };
    let recipe = Recipe { script: None, ..recipe.clone() };
    let all = format!("{METHOD}\n{recipe:?}\n{script}\n{SETUP}\n{RECIPE}\n{FINISH}");
    let hash = hex(&Sha256::digest(all));
    Ok(format!("{}-{}", base.reference.replace(['/', ':'], "-"), &hash[..12]))
}

fn build(work: &Path, recipe: &Recipe, tag: &str, archive: &Archive) -> Result<()> {
    let sources =
        AptSources::of(&recipe.suite, &recipe.components, &archive.sources()?, &archive.main_source()?)?;
    let settings = AptSettings::of_machine()?;
    let tool = archive.unpack(&Suite::Own, &["mmdebstrap"])?;
    for (name, text) in [
        ("sources.list", &sources.outside),
        ("inside.sources", &sources.inside),
        ("outside.conf", &settings.outside),
        ("inside.conf", &settings.inside),
        ("setup.sh", &SETUP.to_owned()),
        ("recipe.sh", &RECIPE.to_owned()),
        ("finish.sh", &FINISH.to_owned()),
    ] {
        fs::write(work.join(name), text)?;
    }
    for keyring in &sources.keyrings {
        let keyrings = work.join("keyrings");
        fs::create_dir_all(&keyrings)?;
        let name = Path::new(keyring).file_name().context("a keyring is a file")?;
        fs::copy(keyring, keyrings.join(name)).with_context(|| format!("cannot read {keyring}"))?;
    }

    let layer = work.join("layer.tar.gz");
    let made = bootstrap(work, recipe, &tool, &layer)?;
    let image = Config { tag, env: &recipe.env, cmd: &recipe.cmd, comment: &recipe.made_of };
    let digests = archive::write_archive(&made, &layer, &image, &work.join("image.tar"))?;

    let mut packages: Vec<String> =
        fs::read_to_string(work.join("packages"))?.lines().map(str::to_owned).collect();
    packages.sort();
    let facts =
        Facts { manifest: digests.manifest, config: digests.config, diff_id: digests.diff_id, packages };
    for entry in fs::read_dir(work)? {
        let path = entry?.path();
        match path.file_name().and_then(|name| name.to_str()) {
            Some("image.tar") => {}
            _ if path.is_dir() => fs::remove_dir_all(&path)?,
            _ => fs::remove_file(&path)?,
        }
    }
    fs::write(work.join("facts.json"), serde_json::to_string_pretty(&facts)?)?;
    Ok(())
}

/// Runs mmdebstrap, and compresses the tar that it writes.
fn bootstrap(work: &Path, recipe: &Recipe, tool: &Unpacked, layer: &Path) -> Result<archive::Layer> {
    let mut command = tool.command("mmdebstrap")?;
    let hook = |when: &str, script: &str| format!("--{when}-hook=sh \"$WORK/{script}\" \"$1\"");
    let mut packages = vec!["usr-is-merged".to_owned()];
    packages.extend(recipe.packages.iter().cloned());
    command
        .args(["--mode=auto", "--variant=minbase", "--format=tar"])
        // Lists and packages are removed by finish.sh, in a moment instead of by two more runs of apt;
        // device nodes are the engine's affair.
        .args(["--skip=cleanup/apt", "--skip=output/dev"])
        // Merged from the start: the package that would merge it afterwards brings all of Perl.
        .arg(format!(
            "--hook-directory={}",
            tool.root.join("usr/share/mmdebstrap/hooks/merged-usr").display()
        ))
        .arg(format!("--include={}", packages.join(",")))
        .arg(format!("--aptopt={}", work.join("outside.conf").display()))
        .arg(hook("setup", "setup.sh"))
        .arg(hook("customize", "recipe.sh"))
        .arg(hook("customize", "finish.sh"))
        .args([&recipe.suite, "-"])
        .arg(work.join("sources.list"));
    let script = recipe.script.as_deref().map(std::path::absolute).transpose()?.unwrap_or_default();
    command
        .env("SOURCE_DATE_EPOCH", archive::EPOCH.to_string())
        .env("TMPDIR", work)
        .env("LC_ALL", "C")
        .env("WORK", work)
        .env("RECIPE", script)
        .env("UNPACKED", recipe.unpacked.join(" "))
        .env("ARGUMENTS", recipe.arguments.join(" "));
    // Settings of this machine that programs inside would obey.
    for (key, _) in std::env::vars_os() {
        let name = key.to_string_lossy();
        if name.starts_with("PIP_") || name.starts_with("PYTHON") {
            command.env_remove(&key);
        }
    }
    run(command, work, layer)
}

fn run(mut command: Command, work: &Path, layer: &Path) -> Result<archive::Layer> {
    let log = work.join("log");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(&log)?)
        .spawn()
        .context("cannot run mmdebstrap")?;
    let rootfs = child.stdout.take().context("no standard output")?;
    let written = archive::write_layer(rootfs, layer);
    if !child.wait()?.success() {
        let said = fs::read_to_string(&log).unwrap_or_default();
        let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("E:")).collect();
        let said = if errors.is_empty() {
            said.lines().last().unwrap_or_default().to_owned()
        } else {
            errors.join("; ")
        };
        bail!("mmdebstrap failed ({said}): check that `apt-get update` works and that the disk has room");
    }
    written
}

fn remove_unfinished(room: &Path) -> Result<()> {
    for entry in fs::read_dir(room)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            unmount_below(&entry.path())?;
            fs::remove_dir_all(entry.path())
                .with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    manifest: String,
    config: String,
    diff_id: String,
    /// `name version` of each package in it, for people.
    packages: Vec<String>,
}

fn read(place: &Path) -> Result<Option<StandIn>> {
    let file = place.join("facts.json");
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read {}", file.display()))?,
    };
    let facts: Facts = serde_json::from_str(&text)
        .with_context(|| format!("{} is not readable: remove the folder that holds it", file.display()))?;
    Ok(Some(StandIn {
        archive: place.join("image.tar"),
        digests: Digests { manifest: facts.manifest, config: facts.config, diff_id: facts.diff_id },
    }))
}
