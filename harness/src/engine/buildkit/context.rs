//! What a build may copy from: a directory on disk, with other files laid over it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
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

/// A file laid over the context.
#[derive(Debug, Clone)]
pub struct OverlayFile {
    /// The content.
    pub content: OverlayContent,
    /// Unix permission bits.
    pub mode: u32,
    /// When the edit was made. BuildKit takes a file with the size and time it knows as unchanged, so
    /// two edits never carry the same time. A file on disk carries its own.
    pub modified: SystemTime,
}

/// Where the content of an overlaid file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverlayContent {
    /// In memory: edits are small.
    Bytes(Arc<[u8]>),
    /// In a file elsewhere on disk, which stays as it is during the build: weights, streamed from there.
    File(Arc<Path>),
}
