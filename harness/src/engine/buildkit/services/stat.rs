//! The metadata of a path, as fsutil carries it.

use bollard::fsutil::types::Stat;

use crate::engine::buildkit::tree::{Content, Entry, Tree};

/// What BuildKit is told of a path.
pub(super) fn stat_of(tree: &Tree, entry: &Entry) -> Stat {
    let node = tree.seen(&entry.path, &entry.node);
    let (kind, size, linkname) = match (&node.content, &entry.hard_link) {
        (_, Some(first)) => (0, 0, first.clone()),
        (Content::Dir, None) => (go_mode::DIR, 0, String::new()),
        (Content::Symlink { target }, None) => (go_mode::SYMLINK, target.len() as u64, target.clone()),
        (Content::Disk { size, .. } | Content::Elsewhere { size, .. }, None) => (0, *size, String::new()),
        (Content::Edited(bytes), None) => (0, bytes.len() as u64, String::new()),
    };
    Stat {
        path: entry.path.clone(),
        mode: kind | go_mode::permissions(node.mode),
        // Owner and group stay 0: whose checkout it is must not change the image.
        size: i64::try_from(size).unwrap_or(i64::MAX),
        mod_time: node.modified,
        linkname,
        ..Stat::default()
    }
}

/// Go's `os.FileMode`, which the protocol carries.
mod go_mode {
    pub(super) const DIR: u32 = 1 << 31;
    pub(super) const SYMLINK: u32 = 1 << 27;
    const SETUID: u32 = 1 << 23;
    const SETGID: u32 = 1 << 22;
    const STICKY: u32 = 1 << 20;

    /// Unix permission bits as Go numbers them.
    pub(super) fn permissions(unix: u32) -> u32 {
        let mut mode = unix & 0o777;
        for (bit, go) in [(0o4000, SETUID), (0o2000, SETGID), (0o1000, STICKY)] {
            if unix & bit != 0 {
                mode |= go;
            }
        }
        mode
    }
}
