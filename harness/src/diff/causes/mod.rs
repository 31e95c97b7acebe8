//! Why two files of one name differ: by where they lie, and by looking inside. What is not understood is not
//! given a name.

mod accounts;
mod archives;
mod binary;
mod catalogue;
mod marshal;
mod masks;
mod nested;
mod packages;
mod places;
mod pyc;
mod python;
mod text;

pub use catalogue::Cause;
pub(super) use packages::{Notes, needed};
pub(super) use places::{alone, by_place};

/// Compressed files within files that are looked into.
const DEPTH: u32 = 2;

/// A cause of a file's difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) cause: Cause,
    /// For people; if both are empty, the lengths are shown.
    pub(super) a: String,
    pub(super) b: String,
    /// Paths that differ too, of which this is the consequence.
    pub(super) depends: Vec<Vec<u8>>,
    /// Whether it is the cause only if all of those differ.
    pub(super) guess: bool,
}

impl Found {
    pub(super) fn of(cause: Cause) -> Self {
        Self { cause, a: String::new(), b: String::new(), depends: Vec::new(), guess: false }
    }

    pub(super) fn with(cause: Cause, a: impl Into<String>, b: impl Into<String>) -> Self {
        Self { a: a.into(), b: b.into(), ..Self::of(cause) }
    }
}

/// The causes of the difference between two contents of the file at `path` (without a leading slash), as
/// [`compare`](super::compare) finds them; empty if they are not known from this file alone.
pub fn causes_of(path: &str, a: &[u8], b: &[u8]) -> Vec<Cause> {
    look(path.as_bytes(), a, b).into_iter().filter(|found| !found.guess).map(|found| found.cause).collect()
}

/// Why the contents `a` and `b` of the file at `path` differ: all causes together explain all of it. Empty if they
/// do not.
pub(super) fn look(path: &[u8], a: &[u8], b: &[u8]) -> Vec<Found> {
    if let Some(cause) = by_place(path) {
        return vec![Found::of(cause)];
    }
    if let Some(found) = accounts::look(path, a, b).or_else(|| python::look(path, a, b)) {
        return found;
    }
    if let Some(found) = packages::database(path, a, b) {
        return found;
    }
    inside(path, a, b, DEPTH)
}

/// The part of [`look`] that goes by the content alone.
fn inside(path: &[u8], a: &[u8], b: &[u8], depth: u32) -> Vec<Found> {
    if path.ends_with(b".pyc") {
        return pyc::look(path, a, b);
    }
    if let Some(found) = archives::look(path, a, b, depth) {
        return found;
    }
    if let Some(found) = nested::look(a, b, depth) {
        return found;
    }
    match text::look(a, b) {
        Some(found) => found,
        None => binary::look(a, b),
    }
}
