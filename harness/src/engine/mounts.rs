//! Mounts that an engine, or another program that was cut short, leaves behind.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rustix::mount::{UnmountFlags, unmount};

/// Unmounts whatever is mounted at or below `dir`, the deepest first.
pub(crate) fn unmount_below(dir: &Path) -> Result<()> {
    let Some(dir) = in_table(dir)? else { return Ok(()) };
    let table = fs::read("/proc/self/mounts").context("cannot read /proc/self/mounts")?;
    for point in below(&table, &dir) {
        // Detached where something still holds it: it then goes with its last user.
        unmount(&point, UnmountFlags::empty())
            .or_else(|_| unmount(&point, UnmountFlags::DETACH))
            .with_context(|| format!("cannot unmount {}", point.display()))?;
    }
    Ok(())
}

/// `dir` as the kernel writes it in its table of mounts, without symbolic links; none where there is no such
/// directory, and so nothing mounted below it.
fn in_table(dir: &Path) -> Result<Option<PathBuf>> {
    match dir.canonicalize() {
        Ok(real) => Ok(Some(real)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot look at {}", dir.display())),
    }
}

/// The mount points at or below `dir`, last mounted first: what lies above another was mounted later.
fn below(table: &[u8], dir: &Path) -> Vec<PathBuf> {
    let mut points: Vec<PathBuf> = table
        .split(|&byte| byte == b'\n')
        .filter_map(|line| line.split(|&byte| byte == b' ').nth(1))
        .map(unescape)
        .filter(|point| point.starts_with(dir))
        .collect();
    points.reverse();
    points.sort_by_key(|point| {
        std::cmp::Reverse(point.as_os_str().as_bytes().iter().filter(|b| **b == b'/').count())
    });
    points
}

/// The kernel writes blanks, tabs, line ends and backslashes as three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let digits = (first == b'\\').then(|| tail.get(..3)).flatten();
        match digits.and_then(|octal| u8::from_str_radix(str::from_utf8(octal).ok()?, 8).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &tail[3..];
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    PathBuf::from(OsString::from_vec(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_found_behind_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, cache) = (dir.path().join("disk"), dir.path().join("cache"));
        fs::create_dir_all(disk.join("bases")).unwrap();
        std::os::unix::fs::symlink(&disk, &cache).unwrap();
        let real = disk.canonicalize().unwrap().join("bases");
        let table = format!("proc {}/root/proc proc rw 0 0\n", real.display());
        let found = in_table(&cache.join("bases")).unwrap().unwrap();
        assert_eq!(below(table.as_bytes(), &found), [real.join("root/proc")]);
        assert_eq!(in_table(&cache.join("nothing")).unwrap(), None);
    }

    #[test]
    fn only_what_lies_below_deepest_first() {
        let table = b"overlay / overlay rw 0 0\n\
            nsfs /c/engine/exec/netns/default nsfs rw 0 0\n\
            tmpfs /c/engine/exec tmpfs rw 0 0\n\
            tmpfs /c/engine/executive tmpfs rw 0 0\n\
            overlay /c/engine/exec/a\\040b/root overlay rw 0 0\n";
        let found = below(table, Path::new("/c/engine/exec"));
        let expected = ["/c/engine/exec/a b/root", "/c/engine/exec/netns/default", "/c/engine/exec"];
        assert_eq!(found, expected.map(PathBuf::from));
    }
}
