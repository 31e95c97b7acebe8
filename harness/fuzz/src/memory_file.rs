//! A file that is nowhere on disk and leaves nothing behind, whatever becomes of the process.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;

/// A file with no name but the one by which this process can open it.
pub struct MemoryFile(File);

impl MemoryFile {
    /// One that holds `bytes`.
    pub fn new(bytes: &[u8]) -> Self {
        let mut file = tempfile::tempfile_in("/dev/shm").expect("memory takes a file");
        file.write_all(bytes).expect("memory takes it");
        Self(file)
    }

    /// Opens it anew each time, from its start.
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}
