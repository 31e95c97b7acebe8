//! The scenarios that a verb is to work on, and where they come from.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::scenario::{self, Profile, Scenario};
use crate::supply::Bases;

/// The scenarios `names`, from the repository and the folders of `roots`; or the one made of the user's two folders.
///
/// # Errors
/// [`BadInput`](crate::error::BadInput) for what cannot be used.
pub(super) fn scenarios(
    names: &[String],
    roots: &[PathBuf],
    pair: Option<&[PathBuf]>,
    profile: Profile,
) -> Result<Vec<Scenario>> {
    let Some([naive, optimized]) = pair else {
        let mut all = vec![scenario::builtin_dir()?];
        all.extend(roots.iter().cloned());
        return scenario::load_all(&all, names, profile);
    };
    let mut pair = scenario::pair(naive, optimized)?;
    eprintln!("{}", pair.notice);
    // Of a base that we know nothing about, the engine gets what its name says.
    let known = bases()?;
    pair.scenario.bases.retain(|reference| known.get(reference).is_ok());
    Ok(vec![pair.scenario])
}

/// The known base images.
pub(super) fn bases() -> Result<Bases> {
    Ok(Bases::read(&scenario::builtin_dir()?.join("bases.toml"))?)
}

/// The revision of the scenarios and the harness, with `-dirty` where something was changed; empty outside git. What
/// runs are kept beside them is no part of what is measured with.
pub(super) fn git_revision() -> String {
    let git = |arguments: &[&str]| -> Option<String> {
        let dir = scenario::builtin_dir().ok()?;
        let output = Command::new("git").arg("-C").arg(dir).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(revision) = git(&["rev-parse", "HEAD"]) else { return String::new() };
    match git(&["status", "--porcelain", "--", ":(top)", ":(top,exclude)results"]) {
        Some(changes) if changes.is_empty() => revision,
        _ => format!("{revision}-dirty"),
    }
}

/// A run's id: when it was begun, and a word that no other run of that second has.
pub(super) fn run_id(now: jiff::Timestamp) -> String {
    format!("{}-{:04x}", now.strftime("%Y%m%d-%H%M%S"), rand::random::<u16>())
}
