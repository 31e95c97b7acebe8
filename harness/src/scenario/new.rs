//! The skeleton of a scenario, valid as it is made.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::document::shown;
use crate::error::BadInput;

/// Path in the new folder → content.
const FILES: &[(&str, &str)] = &[
    ("scenario.toml", include_str!("template/scenario.toml")),
    ("naive.Dockerfile", include_str!("template/naive.Dockerfile")),
    ("optimized.Dockerfile", include_str!("template/optimized.Dockerfile")),
    ("difference.txt", include_str!("template/difference.txt")),
    ("context/service.py", include_str!("template/context/service.py")),
    ("context/assets.py", include_str!("template/context/assets.py")),
    ("edits/source/service.py", include_str!("template/edits/source/service.py")),
];

/// Makes the folder `name` in `root` and fills it; returns the folder.
///
/// # Errors
///
/// [`BadInput`] for a name that cannot stand in an image's tag, and for one that is taken.
pub fn create(root: &Path, name: &str) -> Result<PathBuf> {
    let ends_well = !name.starts_with('-') && !name.ends_with('-') && !name.is_empty();
    if !ends_well || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        let say = format!(
            "`{name}` cannot name a scenario: use lower-case letters, digits and `-`, as in layer-order"
        );
        return Err(BadInput(say).into());
    }
    let dir = root.join(name);
    if dir.exists() {
        return Err(BadInput(format!("{} is already there: choose another name", shown(&dir))).into());
    }
    for (path, content) in FILES {
        let path = dir.join(path);
        let folder = path.parent().context("each file of the skeleton lies in a folder")?;
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", shown(folder)))?;
        std::fs::write(&path, content).with_context(|| format!("cannot write {}", shown(&path)))?;
    }
    Ok(dir)
}
