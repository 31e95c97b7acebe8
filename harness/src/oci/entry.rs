//! What is in a layer.

use std::borrow::Cow;

use super::Digest;

/// One member of a layer's tar.
///
/// The path is relative to the image's root, without a leading or trailing slash, and holds no `.` or
/// `..`; the root itself is empty. It is bytes, since a tar's names need not be UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it is; for a whiteout, what it hides.
    pub path: Box<[u8]>,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits, with set-user-ID, set-group-ID and sticky.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Last change, in nanoseconds after 1970-01-01 UTC.
    pub mtime_ns: i64,
}

/// What a member of a layer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File {
        /// Its length in bytes.
        size: u64,
        /// The digest of its content.
        content: Digest,
    },
    /// A directory.
    Dir,
    /// A symbolic link and what it says, as it stands in the tar.
    Symlink(Box<[u8]>),
    /// Another name of the file at this path (normalised as [`Entry::path`] is).
    Hardlink(Box<[u8]>),
    /// A character or block device: whether it is a block device, major and minor number.
    Device {
        /// Block device, else character device.
        block: bool,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// What lower layers have at this path is gone.
    Whiteout,
    /// What lower layers have *in* this directory is gone.
    Opaque,
}

impl Entry {
    /// The path for people, starting with `/`.
    pub fn display_path(&self) -> Cow<'_, str> {
        display_path(&self.path)
    }

    /// Bytes of heap that the entry holds, its own place in a list included.
    pub(super) fn heap_bytes(&self) -> usize {
        let target = match &self.kind {
            EntryKind::Symlink(target) | EntryKind::Hardlink(target) => target.len(),
            _ => 0,
        };
        size_of::<Self>() + self.path.len() + target
    }
}

/// A path within an image for people, starting with `/`.
pub(crate) fn display_path(path: &[u8]) -> Cow<'_, str> {
    Cow::Owned(format!("/{}", String::from_utf8_lossy(path)))
}

/// A tar's name as a path below the image's root: no empty, `.` or `..` parts. As in a chroot, `..`
/// at the root stays at the root, so no name leads out.
pub(crate) fn normalise(name: &[u8]) -> Vec<u8> {
    let mut path: Vec<u8> = Vec::with_capacity(name.len());
    for part in name.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => path.truncate(path.iter().rposition(|&byte| byte == b'/').unwrap_or(0)),
            part => {
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(part);
            }
        }
    }
    path
}

/// A path's directory and its last part; the root's directory is the root.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&[], path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_root() {
        for (name, path) in [
            ("a/b", "a/b"),
            ("./a//b/", "a/b"),
            ("/etc/passwd", "etc/passwd"),
            ("../../etc/passwd", "etc/passwd"),
            ("a/../../b/./c", "b/c"),
            ("a/b/..", "a"),
            ("./", ""),
            ("/", ""),
            ("..", ""),
        ] {
            assert_eq!(String::from_utf8(normalise(name.as_bytes())).unwrap(), path, "{name}");
        }
    }
}
