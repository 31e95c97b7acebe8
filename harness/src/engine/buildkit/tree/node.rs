//! A directory on disk with edited files over it, seen as one tree.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::overlay::{OverlayDir, OverlayNode};
use crate::engine::buildkit::{Checkout, Context, OverlayContent, OverlayFile};

/// Why a context cannot be sent: names the path.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct ContextError(pub(crate) String);

impl ContextError {
    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        Self(format!("{}: {error}", path.display()))
    }
}

/// A context, ready to be read.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    overlay: OverlayDir,
    checkout: Checkout,
}

/// What is at a path.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) content: Content,
    /// Unix permission bits with setuid, setgid and sticky.
    pub(crate) mode: u32,
    /// Nanoseconds since 1970.
    pub(crate) modified: i64,
}

/// The kinds of things that a context may hold.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Dir,
    Symlink {
        target: String,
    },
    Disk {
        size: u64,
        /// Device and inode, where the file has several names.
        shared: Option<(u64, u64)>,
    },
    Edited(Arc<[u8]>),
    /// A file outside the directory.
    Elsewhere {
        path: Arc<Path>,
        size: u64,
    },
}

/// A name in a directory.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) name: OsString,
    pub(super) is_dir: bool,
}

impl Tree {
    /// Prepares to read `context`.
    ///
    /// # Errors
    /// The directory cannot be read, or an edited file cannot be laid over it.
    pub fn open(context: &Context) -> Result<Self, ContextError> {
        let root = context.root.clone();
        match std::fs::metadata(&root) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(ContextError(format!("{}: is not a directory", root.display()))),
            Err(error) => return Err(ContextError::io(&root, &error)),
        }
        let tree =
            Self { root, overlay: OverlayDir::new(&context.overlay)?, checkout: context.checkout.clone() };
        for path in context.overlay.keys() {
            tree.check_edit(path)?;
        }
        Ok(tree)
    }

    /// An edit may replace a file or a link and add directories, but not turn one kind into the other:
    /// whatever lay below would silently vanish from the build.
    fn check_edit(&self, path: &str) -> Result<(), ContextError> {
        let above = path.match_indices('/').map(|(at, _)| (&path[..at], true));
        for (part, must_be_dir) in above.chain([(path, false)]) {
            match self.lstat(part)? {
                Some(found) if found.is_dir() != must_be_dir => {
                    let is = if must_be_dir { "is not a directory" } else { "is a directory" };
                    return Err(ContextError(format!(
                        "{}: {is}, so the edited file {path} cannot be laid over it",
                        self.on_disk(part).display()
                    )));
                }
                Some(_) => {}
                None => break,
            }
        }
        Ok(())
    }

    /// What the builder is told of `node` at `path`.
    pub(crate) fn seen<'n>(&self, path: &str, node: &'n Node) -> Cow<'n, Node> {
        self.checkout.of(path, node)
    }

    /// Where `path` would lie on disk.
    pub(crate) fn on_disk(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn lstat(&self, path: &str) -> Result<Option<Metadata>, ContextError> {
        let path = self.on_disk(path);
        match path.symlink_metadata() {
            Ok(found) => Ok(Some(found)),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(ContextError::io(&path, &error)),
        }
    }

    /// What is at `path`; `None` if nothing is.
    ///
    /// # Errors
    /// It cannot be read, or is of a kind that a build cannot copy.
    pub(super) fn node(&self, path: &str) -> Result<Option<Node>, ContextError> {
        match self.overlay.get(path) {
            Some(OverlayNode::File(file)) => return overlaid(file).map(Some),
            Some(OverlayNode::Dir(dir)) if self.lstat(path)?.is_none() => {
                let modified = nanoseconds(dir.modified());
                return Ok(Some(Node { content: Content::Dir, mode: 0o755, modified }));
            }
            _ => {}
        }
        self.lstat(path)?.map(|found| self.disk_node(path, &found)).transpose()
    }

    /// Whether there is a file (or a link, which may lead to one) at `path`.
    pub(crate) fn is_file(&self, path: &str) -> Result<bool, ContextError> {
        Ok(self.node(path)?.is_some_and(|node| !matches!(node.content, Content::Dir)))
    }

    /// Where the symbolic link at `path` leads to; `None` if there is none.
    pub(super) fn link_target(&self, path: &str) -> Result<Option<String>, ContextError> {
        if self.overlay.get(path).is_some() {
            return Ok(None);
        }
        match self.lstat(path)? {
            Some(found) if found.is_symlink() => match self.disk_node(path, &found)?.content {
                Content::Symlink { target } => Ok(Some(target)),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn disk_node(&self, path: &str, found: &Metadata) -> Result<Node, ContextError> {
        let kind = found.file_type();
        let content = if kind.is_dir() {
            Content::Dir
        } else if kind.is_symlink() {
            let at = self.on_disk(path);
            let target = std::fs::read_link(&at).map_err(|error| ContextError::io(&at, &error))?;
            let target = target.into_os_string().into_string();
            let target =
                target.map_err(|_| ContextError(format!("{}: its target is not UTF-8", at.display())))?;
            Content::Symlink { target }
        } else if kind.is_file() {
            let shared = (found.nlink() > 1).then(|| (found.dev(), found.ino()));
            Content::Disk { size: found.len(), shared }
        } else {
            return Err(ContextError(format!(
                "{}: is a device, pipe or socket, which cannot be copied into an image: remove it or name it \
                 in .dockerignore",
                self.on_disk(path).display()
            )));
        };
        Ok(Node { content, mode: found.mode() & 0o7777, modified: disk_time(found) })
    }

    /// The names in the directory at `path`, in the order of their bytes.
    pub(super) fn children(&self, path: &str) -> io::Result<Vec<Child>> {
        let mut children = match std::fs::read_dir(self.on_disk(path)) {
            Ok(entries) => entries
                .map(|entry| {
                    let entry = entry?;
                    Ok(Child { name: entry.file_name(), is_dir: entry.file_type()?.is_dir() })
                })
                .collect::<io::Result<Vec<_>>>()?,
            Err(e) if e.kind() == io::ErrorKind::NotFound && self.overlay.dir(path).is_some() => Vec::new(),
            Err(error) => return Err(error),
        };
        if let Some(edits) = self.overlay.dir(path) {
            for (name, is_dir) in edits.children() {
                if !children.iter().any(|child| child.name == OsStr::new(name)) {
                    children.push(Child { name: name.into(), is_dir });
                }
            }
        }
        children.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(children)
    }
}

/// A file of the overlay.
fn overlaid(file: &OverlayFile) -> Result<Node, ContextError> {
    let mode = file.mode & 0o7777;
    Ok(match &file.content {
        OverlayContent::Bytes(bytes) => {
            Node { content: Content::Edited(Arc::clone(bytes)), mode, modified: nanoseconds(file.modified) }
        }
        OverlayContent::File(path) => {
            let found = path.metadata().map_err(|error| ContextError::io(path, &error))?;
            let content = Content::Elsewhere { path: Arc::clone(path), size: found.len() };
            Node { content, mode, modified: disk_time(&found) }
        }
    })
}

/// A file's time as the protocol carries it, nanoseconds since 1970.
pub(crate) fn disk_time(found: &Metadata) -> i64 {
    found.mtime().saturating_mul(1_000_000_000).saturating_add(found.mtime_nsec())
}

fn nanoseconds(time: SystemTime) -> i64 {
    let since = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()),
        Err(before) => i64::try_from(before.duration().as_nanos()).map(std::ops::Neg::neg),
    };
    since.unwrap_or(i64::MAX)
}
