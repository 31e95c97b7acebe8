//! Edits, as a tree of their own.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::ContextError;
use crate::engine::buildkit::OverlayFile;

/// A directory of the overlay.
#[derive(Debug, Default)]
pub(super) struct OverlayDir(BTreeMap<String, OverlayNode>);

/// What the overlay holds at a path.
#[derive(Debug)]
pub(super) enum OverlayNode {
    File(OverlayFile),
    Dir(OverlayDir),
}

impl OverlayDir {
    /// Takes the files apart into directories.
    ///
    /// # Errors
    /// A path is absolute, leaves the context, or lies below another edited file.
    pub(super) fn new(files: &BTreeMap<String, OverlayFile>) -> Result<Self, ContextError> {
        let mut root = Self::default();
        for (path, file) in files {
            if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
                return Err(ContextError(format!(
                    "{path}: an edited file needs a plain path relative to the context"
                )));
            }
            root.insert(path, path, file)?;
        }
        Ok(root)
    }

    fn insert(&mut self, whole: &str, rest: &str, file: &OverlayFile) -> Result<(), ContextError> {
        let clash = || ContextError(format!("{whole}: is edited both as a file and as a directory"));
        let Some((dir, below)) = rest.split_once('/') else {
            return match self.0.insert(rest.to_owned(), OverlayNode::File(file.clone())) {
                None => Ok(()),
                Some(_) => Err(clash()),
            };
        };
        match self.0.entry(dir.to_owned()).or_insert_with(|| OverlayNode::Dir(Self::default())) {
            OverlayNode::Dir(dir) => dir.insert(whole, below, file),
            OverlayNode::File(_) => Err(clash()),
        }
    }

    /// What the overlay holds at `path`; nothing is held at the root.
    pub(super) fn get(&self, path: &str) -> Option<&OverlayNode> {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.dir(dir)?.0.get(name)
    }

    /// The overlay's directory at `path`, `""` for the root.
    pub(super) fn dir(&self, path: &str) -> Option<&Self> {
        path.split('/').filter(|part| !part.is_empty()).try_fold(self, |dir, part| match dir.0.get(part) {
            Some(OverlayNode::Dir(dir)) => Some(dir),
            _ => None,
        })
    }

    /// The names in this directory, and whether they are directories.
    pub(super) fn children(&self) -> impl Iterator<Item = (&str, bool)> {
        self.0.iter().map(|(name, node)| (name.as_str(), matches!(node, OverlayNode::Dir(_))))
    }

    /// The time of the newest file below: what a directory that only the overlay has carries.
    pub(super) fn modified(&self) -> SystemTime {
        let times = self.0.values().map(|node| match node {
            OverlayNode::File(file) => file.modified,
            OverlayNode::Dir(dir) => dir.modified(),
        });
        times.max().unwrap_or(SystemTime::UNIX_EPOCH)
    }
}
