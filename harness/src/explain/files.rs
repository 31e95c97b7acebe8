//! The files that a build can copy, and how they differ from those of another build.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};

use crate::engine::buildkit::tree::{Content, Filter, Patterns, Tree, Walk};
use crate::engine::buildkit::{Context, OverlayContent};

/// A context as the builder sees it: what the ignore file leaves out is not there.
#[derive(Debug)]
pub(super) struct Files {
    sent: BTreeMap<String, Seen>,
    context: Context,
    /// Its path as a developer names it; the context's own where there is none.
    ignore: String,
}

/// What is at a path, as far as `COPY` keys it: times do not count.
#[derive(Debug, Clone)]
struct Seen {
    mode: u32,
    content: Held,
    /// To tell without reading it that a file on disk is the one that it was.
    modified: i64,
}

#[derive(Debug, Clone)]
enum Held {
    Dir,
    Link(String),
    Disk(PathBuf, u64),
    Edited(Arc<[u8]>),
}

/// What became of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    Changed,
    Added,
    Removed,
    NoLongerIgnored,
    NowIgnored,
    Mode,
}

impl Change {
    /// What is said of the path.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::NoLongerIgnored => "no longer ignored",
            Self::NowIgnored => "now ignored",
            Self::Mode => "with other permissions",
        }
    }
}

impl Files {
    /// Lists `context` as a build of `dockerfile` sees it.
    pub(super) fn of(context: &Context, dockerfile: &Path) -> Result<Self> {
        let mut own = dockerfile.as_os_str().to_owned();
        own.push(".dockerignore");
        let (ignore, text) = match std::fs::read_to_string(&own) {
            Ok(text) => {
                (Path::new(&own).file_name().unwrap_or_default().to_string_lossy().into_owned(), text)
            }
            Err(_) => (".dockerignore".to_owned(), context_text(context, ".dockerignore")),
        };
        let tree = Tree::open(context)?;
        let filter = Filter::new(&tree, &[], &Patterns::lines(&text), &[])?;
        let mut sent = BTreeMap::new();
        for entry in Walk::new(&tree, &filter) {
            let entry = entry?;
            let content = match entry.node.content {
                Content::Dir => Held::Dir,
                Content::Symlink { target } => Held::Link(target),
                Content::Disk { size, .. } => Held::Disk(tree.on_disk(&entry.path), size),
                Content::Edited(bytes) => Held::Edited(bytes),
                Content::Elsewhere { path, size } => Held::Disk(path.to_path_buf(), size),
            };
            let seen = Seen { mode: entry.node.mode, content, modified: entry.node.modified };
            sent.insert(entry.path, seen);
        }
        Ok(Self { sent, context: context.clone(), ignore })
    }

    /// The paths that differ in `after`, a directory only where its permissions do.
    pub(super) fn changes(&self, after: &Self) -> Result<BTreeMap<String, Change>> {
        let mut changes = BTreeMap::new();
        for (path, old) in &self.sent {
            let change = match after.sent.get(path) {
                Some(new) if !same(old, new)? => Change::Changed,
                Some(new) if old.mode != new.mode => Change::Mode,
                Some(_) => continue,
                None if is_dir(old) => continue,
                None if after.has(path) => Change::NowIgnored,
                None => Change::Removed,
            };
            changes.insert(path.clone(), change);
        }
        for (path, new) in &after.sent {
            if !self.sent.contains_key(path) && !is_dir(new) {
                let change = if self.has(path) { Change::NoLongerIgnored } else { Change::Added };
                changes.insert(path.clone(), change);
            }
        }
        Ok(changes)
    }

    /// The name of the ignore file that holds here.
    pub(super) fn ignore(&self) -> &str {
        &self.ignore
    }

    /// Whether the context has `path`, sent or not.
    fn has(&self, path: &str) -> bool {
        self.context.overlay.contains_key(path) || self.context.root.join(path).symlink_metadata().is_ok()
    }
}

fn is_dir(seen: &Seen) -> bool {
    matches!(seen.content, Held::Dir)
}

/// Whether the contents are equal; a file on disk is read only where its size and time do not tell.
fn same(old: &Seen, new: &Seen) -> Result<bool> {
    Ok(match (&old.content, &new.content) {
        (Held::Dir, Held::Dir) => true,
        (Held::Link(old), Held::Link(new)) => old == new,
        (Held::Edited(old), Held::Edited(new)) => old == new,
        (Held::Disk(path, size), Held::Edited(bytes)) | (Held::Edited(bytes), Held::Disk(path, size)) => {
            *size == bytes.len() as u64 && *read(path)? == **bytes
        }
        (Held::Disk(one, old_size), Held::Disk(other, new_size)) => {
            old_size == new_size
                && ((one == other && old.modified == new.modified) || (one != other && equal(one, other)?))
        }
        _ => false,
    })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Whether two files of one size hold the same, whatever their size is.
fn equal(one: &Path, other: &Path) -> Result<bool> {
    use std::io::BufRead as _;
    let open = |path: &Path| -> Result<_> {
        let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(std::io::BufReader::with_capacity(1 << 20, file))
    };
    let (mut one, mut other) = (open(one)?, open(other)?);
    loop {
        let (a, b) = (one.fill_buf()?, other.fill_buf()?);
        let common = a.len().min(b.len());
        if a[..common] != b[..common] {
            return Ok(false);
        }
        if common == 0 {
            return Ok(a.len() == b.len());
        }
        one.consume(common);
        other.consume(common);
    }
}

/// A small file of the context; nothing where it is not there.
fn context_text(context: &Context, path: &str) -> String {
    let on_disk = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    match context.overlay.get(path).map(|file| &file.content) {
        Some(OverlayContent::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(OverlayContent::File(file)) => on_disk(file),
        None => on_disk(&context.root.join(path)),
    }
}
