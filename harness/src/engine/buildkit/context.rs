//! What a build may copy from: a directory on disk, with edited files laid over it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// A build context: never copied, never changed on disk, streamed from where it lies.
#[derive(Debug, Clone)]
pub struct Context {
    /// The directory.
    pub root: PathBuf,
    /// Slash-separated relative path → what the builder sees there instead of, or beside, the file on disk.
    pub overlay: BTreeMap<String, OverlayFile>,
}

/// An edited file, held in memory: edits are small.
#[derive(Debug, Clone)]
pub struct OverlayFile {
    /// The content.
    pub bytes: Arc<[u8]>,
    /// Unix permission bits.
    pub mode: u32,
    /// When the edit was made. BuildKit takes a file with the size and time it knows as unchanged, so
    /// two edits never carry the same time.
    pub modified: SystemTime,
}
