//! The merged tree: what a container sees when all layers are laid on each other.
//!
//! The rules are the image specification's ("Applying Changesets"): a whiteout hides what *lower*
//! layers have, wherever it stands in its own layer. Symbolic links in the directories of a path are
//! followed within the image, as engines do when they unpack.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use super::entry::{display_path, split};
use super::{Entry, EntryKind, Layer, OciError};

/// Linux gives up on a path after as many links.
const LINK_LIMIT: usize = 40;

/// The merged tree.
#[derive(Debug, Default)]
pub struct Tree<'a> {
    /// By path; the directories on the way to each are here too, except the root.
    nodes: BTreeMap<Cow<'a, [u8]>, Node<'a>>,
    /// What the layer laid last took away.
    removed: Vec<Removed<'a>>,
}

/// A node that a layer took away.
#[derive(Debug)]
pub(super) struct Removed<'a> {
    pub(super) path: Cow<'a, [u8]>,
    pub(super) node: Node<'a>,
    /// By a whiteout; else by something that was laid in its place.
    pub(super) deleted: bool,
}

/// What is at a path of the merged tree.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    /// The place of the layer that it comes from, from 0.
    pub layer: usize,
    /// The member that made it: for a hard link that of the file it links to, so that two nodes with
    /// one member of one layer are one file. `None` is a directory that no layer names.
    pub entry: Option<&'a Entry>,
}

impl Node<'_> {
    fn is_dir(&self) -> bool {
        self.entry.is_none_or(|entry| entry.kind == EntryKind::Dir)
    }
}

/// Lays `layers` on each other, the lowest first.
///
/// # Errors
/// The image cannot be unpacked: a hard link to nothing, or symbolic links in a circle.
pub fn merge(layers: &[Arc<Layer>]) -> Result<Tree<'_>, OciError> {
    let mut tree = Tree::default();
    for (place, layer) in layers.iter().enumerate() {
        tree.lay(place, layer)?;
    }
    Ok(tree)
}

impl<'a> Tree<'a> {
    /// Every path and what is there, in the order of the paths' bytes; the root is left out.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Node<'a>)> {
        self.nodes.iter().map(|(path, node)| (path.as_ref(), node))
    }

    /// What is at `path`: symbolic links in its directories are followed, one at its end is not.
    pub fn get(&self, path: &[u8]) -> Option<&Node<'a>> {
        self.nodes.get(self.locate(path)?.as_ref())
    }

    /// What the layer laid last took away, in no order that counts.
    pub(super) fn removed(&self) -> &[Removed<'a>] {
        &self.removed
    }

    pub(super) fn lay(&mut self, place: usize, layer: &'a Layer) -> Result<(), OciError> {
        self.removed.clear();
        let looped =
            |path: &[u8]| OciError::LinkLoop { layer: layer.digest, path: display_path(path).into_owned() };
        // First what the layer hides, so that nothing of its own is hidden.
        for entry in &layer.entries {
            match entry.kind {
                EntryKind::Whiteout => {
                    let path = self.locate(&entry.path).ok_or_else(|| looped(&entry.path))?.into_owned();
                    self.remove_below(&path, true);
                    if let Some((path, node)) = self.nodes.remove_entry(path.as_slice()) {
                        self.removed.push(Removed { path, node, deleted: true });
                    }
                }
                EntryKind::Opaque => {
                    let path = self.locate(&entry.path).ok_or_else(|| looped(&entry.path))?.into_owned();
                    self.remove_below(&path, true);
                }
                _ => {}
            }
        }
        for entry in &layer.entries {
            if matches!(entry.kind, EntryKind::Whiteout | EntryKind::Opaque) || entry.path.is_empty() {
                continue;
            }
            let path = self.locate(&entry.path).ok_or_else(|| looped(&entry.path))?;
            let node = match &entry.kind {
                EntryKind::Hardlink(target) => {
                    let found = self.get(target).filter(|node| !node.is_dir());
                    *found.ok_or_else(|| OciError::DanglingLink {
                        layer: layer.digest,
                        path: entry.display_path().into_owned(),
                        target: display_path(target).into_owned(),
                    })?
                }
                _ => Node { layer: place, entry: Some(entry) },
            };
            self.put(path, node);
        }
        Ok(())
    }

    fn put(&mut self, path: Cow<'a, [u8]>, node: Node<'a>) {
        self.make_parents(&path, node.layer);
        let Some(was) = self.nodes.insert(path.clone(), node) else { return };
        // A directory laid on a directory keeps what is in it.
        if was.is_dir() && !node.is_dir() {
            self.remove_below(&path, false);
        }
        self.removed.push(Removed { path, node: was, deleted: false });
    }

    fn make_parents(&mut self, path: &[u8], layer: usize) {
        let (dir, _) = split(path);
        if dir.is_empty() || self.nodes.get(dir).is_some_and(Node::is_dir) {
            return;
        }
        self.make_parents(dir, layer);
        let path: Cow<'a, [u8]> = Cow::Owned(dir.to_vec());
        if let Some(was) = self.nodes.insert(path.clone(), Node { layer, entry: None }) {
            self.removed.push(Removed { path, node: was, deleted: false });
        }
    }

    fn remove_below(&mut self, path: &[u8], deleted: bool) {
        let removed = |(path, node)| Removed { path, node, deleted };
        if path.is_empty() {
            self.removed.extend(std::mem::take(&mut self.nodes).into_iter().map(removed));
            return;
        }
        // All that begins with `path/` lies between it and `path0`: `0` is the byte after `/`.
        let bound = |end: u8| Cow::Owned([path, &[end]].concat());
        let below = (Bound::Included(bound(b'/')), Bound::Excluded(bound(b'0')));
        self.removed.extend(self.nodes.extract_if(below, |_, _| true).map(removed));
    }

    /// `path` with the symbolic links in its directories resolved; `None` if they are too many.
    fn locate<'p>(&self, path: &'p [u8]) -> Option<Cow<'p, [u8]>> {
        let (dir, name) = split(path);
        // Every key's directories are real ones: if the directory is here, the path is resolved.
        if dir.is_empty() || self.nodes.get(dir).is_some_and(Node::is_dir) {
            return Some(Cow::Borrowed(path));
        }
        let mut resolved: Vec<u8> = Vec::with_capacity(path.len());
        let mut ahead: VecDeque<&[u8]> = dir.split(|&byte| byte == b'/').collect();
        let mut links = 0;
        while let Some(part) = ahead.pop_front() {
            match part {
                b"" | b"." => continue,
                b".." => {
                    resolved.truncate(split(&resolved).0.len());
                    continue;
                }
                _ => {}
            }
            let parent = resolved.len();
            push(&mut resolved, part);
            let entry = self.nodes.get(resolved.as_slice()).and_then(|node| node.entry);
            if let Some(EntryKind::Symlink(target)) = entry.map(|entry| &entry.kind) {
                links += 1;
                if links > LINK_LIMIT {
                    return None;
                }
                resolved.truncate(if target.starts_with(b"/") { 0 } else { parent });
                for part in target.rsplit(|&byte| byte == b'/') {
                    ahead.push_front(part);
                }
            }
        }
        push(&mut resolved, name);
        Some(Cow::Owned(resolved))
    }
}

fn push(path: &mut Vec<u8>, part: &[u8]) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(part);
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
