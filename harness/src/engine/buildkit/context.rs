//! What a build may copy from: a directory on disk, with other files laid over it.
//!
//! A [`Checkout`] makes the same files look as another machine would have them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// A build context: never copied, never changed on disk, streamed from where it lies.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The directory.
    pub root: PathBuf,
    /// Slash-separated relative path → what the builder sees there instead of, or beside, the file on disk.
    pub overlay: BTreeMap<String, OverlayFile>,
    /// How the builder sees them all.
    pub checkout: Checkout,
}

/// How the same files lie in another checkout of them. By default, as they lie in this one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkout {
    /// When they were last changed.
    pub times: Option<Times>,
    /// The umask of whoever made it. Of a file's mode, a version control system keeps only whether it is executable.
    pub umask: Option<u32>,
    /// Where it lies.
    pub moved: Option<Moved>,
}

/// Another place of the same files. Absolute links into the one lead into the other, as whatever made them would have
/// made them there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Where they lie on this machine.
    pub from: PathBuf,
    /// Where they lie in that checkout.
    pub to: PathBuf,
}

/// Times of last change that are spread over the years before and after a moment, another one for each path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// The moment, in seconds since 1970. No time is before that year.
    pub around: i64,
    /// Another one gives other times.
    pub seed: u64,
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
