//! A disk of the engine's own, whose file system lists directories in another order than any other does.
//!
//! ext4 lists a directory in the order of the hashes of its names, and the hash is seeded when the file system is
//! made: what one machine lists first, another lists last. A build that depends on it is the same on one machine for
//! ever, and differs on the next.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use rustix::fs::statvfs;

use super::files::Files;

/// What stays free on the machine's disk beside it.
const RESERVE: u64 = 2 << 30;

/// Makes such a disk, as large as the machine's has room for, and mounts it as the data directory. It takes no more
/// than what is written to it.
///
/// # Errors
/// The machine has no `mkfs.ext4` or no loop devices, or the disk is full; nothing is left mounted then.
pub(super) fn mount(files: &Files) -> Result<()> {
    let (disk, data) = (files.disk(), files.data_root());
    std::fs::create_dir_all(&data)?;
    let room = statvfs(files.dir())?;
    let bytes = (room.f_bavail * room.f_frsize).saturating_sub(RESERVE);
    File::create(&disk)
        .and_then(|file| file.set_len(bytes))
        .with_context(|| format!("cannot make the disk {}", disk.display()))?;
    let seed = format!("hash_seed={}", uuid());
    run("mkfs.ext4", |mkfs| {
        // Nothing outlives the engine: a journal would be written for nobody.
        mkfs.args(["-q", "-F", "-O", "^has_journal", "-E", &seed]).arg(&disk)
    })?;
    run("mount", |mount| mount.args(["-o", "loop,noatime"]).args([&disk, &data]))
}

/// A random version 4 UUID.
fn uuid() -> String {
    let bits = rand::random::<u128>() & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Runs one of the system's own programs, which a plain user's PATH may not name.
fn run(program: &str, arguments: impl FnOnce(&mut Command) -> &mut Command) -> Result<()> {
    let places = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];
    let found = places.iter().map(|dir| Path::new(dir).join(program)).find(|path| path.exists());
    let path = found.with_context(|| format!("this machine has no {program}"))?;
    let output = arguments(&mut Command::new(path)).output()?;
    if !output.status.success() {
        bail!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
