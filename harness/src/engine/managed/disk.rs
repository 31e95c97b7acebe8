//! A disk of the engine's own, whose file system lists directories in another order than any other does.
//!
//! ext4 lists a directory in the order of the hashes of its names, and the hash is seeded when the file system is
//! made: what one machine lists first, another lists last. A build that depends on it is the same on one machine for
//! ever, and differs on the next.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::files::Files;
use crate::record::machine;

/// Always the same, so that two such disks list alike; the machine's own file system has another one.
const HASH_SEED: &str = "hash_seed=74617265-6f72-4465-8265-640000000001";

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
    let bytes = machine::disk_free(files.dir())?.saturating_sub(RESERVE);
    File::create(&disk)
        .and_then(|file| file.set_len(bytes))
        .with_context(|| format!("cannot make the disk {}", disk.display()))?;
    run("mkfs.ext4", |mkfs| {
        // Nothing outlives the engine: a journal would be written for nobody.
        mkfs.args(["-q", "-F", "-O", "^has_journal", "-E", HASH_SEED]).arg(&disk)
    })?;
    run("mount", |mount| mount.args(["-o", "loop,noatime"]).args([&disk, &data]))
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
