//! What a comparison finds.

use std::collections::{BTreeMap, BTreeSet};

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::Cause;
use crate::oci::Digest;

/// What came of comparing two images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Whether they are one image: by the digests of their manifests, or of their configurations where one of
    /// them is a docker archive, which has no manifest.
    pub identical: bool,
    /// What the first image is called by.
    pub a: Identity,
    /// And the second.
    pub b: Identity,
    /// What differs, in the order of layers and paths. Identical images can differ in what lies beside them:
    /// names and attestations in the index.
    pub differences: Vec<Difference>,
}

/// The digests that are an image's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Of the manifest; `None` in a docker archive.
    pub manifest: Option<Digest>,
    /// Of the configuration.
    pub config: Digest,
}

/// One difference of one entry. An entry that differs in several ways has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The path in the image, from `/`; or the place in a document, such as `config: created`.
    pub path: String,
    /// The layer, from 1: in the first image where it has the entry, else in the second. `None` for documents.
    pub layer: Option<u32>,
    /// In what.
    pub kind: Kind,
    /// Why.
    pub cause: Cause,
    /// The first image's side, for people; empty where it has nothing.
    pub a: String,
    /// The second image's side.
    pub b: String,
    /// Length of the larger of both files; 0 where it is no file.
    pub bytes: u64,
    /// If not empty: it is a consequence of these causes, and vanishes with them.
    pub follows: BTreeSet<Cause>,
}

/// In what two images differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// A file's content, or what a link points to.
    Content,
    /// What the tar says of an entry, or of itself.
    Metadata,
    /// Manifest, configuration, index.
    Config,
}

impl Kind {
    /// The word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Content => "content",
            Self::Metadata => "metadata",
            Self::Config => "config",
        }
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for Difference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_struct("Difference", 7)?;
        row.serialize_field("path", &self.path)?;
        row.serialize_field("layer", &self.layer)?;
        row.serialize_field("kind", &self.kind)?;
        row.serialize_field("cause", &self.cause)?;
        row.serialize_field("fix", self.cause.fix())?;
        row.serialize_field("a", &self.a)?;
        row.serialize_field("b", &self.b)?;
        row.end()
    }
}

/// One cause with all that it explains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained<'a> {
    /// The cause.
    pub cause: Cause,
    /// How many differences.
    pub count: usize,
    /// Bytes of the files among them.
    pub bytes: u64,
    /// The first.
    pub example: &'a Difference,
}

impl Comparison {
    /// The causes, those that explain most first, and what is not known last.
    pub fn causes(&self) -> Vec<Explained<'_>> {
        static NOTHING: BTreeSet<Cause> = BTreeSet::new();
        self.causes_without(&NOTHING)
    }

    /// The causes that are left when `mended` is, in the same order.
    pub fn causes_without<'a>(&'a self, mended: &'a BTreeSet<Cause>) -> Vec<Explained<'a>> {
        let mut causes: BTreeMap<Cause, Explained<'_>> = BTreeMap::new();
        for difference in self.left(mended) {
            let explained = causes.entry(difference.cause).or_insert_with(|| Explained {
                cause: difference.cause,
                count: 0,
                bytes: 0,
                example: difference,
            });
            explained.count += 1;
            explained.bytes += difference.bytes;
        }
        let mut causes: Vec<_> = causes.into_values().collect();
        causes.sort_by_key(|explained| {
            (explained.cause == Cause::Unknown, std::cmp::Reverse(explained.count), explained.cause)
        });
        causes
    }

    /// The differences that are left when `mended` is: those of other causes, less what follows from `mended`
    /// alone.
    pub fn left<'a>(&'a self, mended: &'a BTreeSet<Cause>) -> impl Iterator<Item = &'a Difference> {
        self.differences.iter().filter(move |difference| !difference.mended_by(mended))
    }

    /// Whether the two would be one image without `mended`: what is left, if anything, lies beside the image.
    pub fn identical_without(&self, mended: &BTreeSet<Cause>) -> bool {
        self.identical || self.left(mended).all(Difference::beside)
    }
}

impl Difference {
    /// Whether it goes when `mended` goes.
    pub fn mended_by(&self, mended: &BTreeSet<Cause>) -> bool {
        mended.contains(&self.cause) || !self.follows.is_empty() && self.follows.is_subset(mended)
    }

    /// Whether it lies in the index, beside the image: no digest of the image depends on it.
    pub fn beside(&self) -> bool {
        self.kind == Kind::Config && self.path.starts_with(super::config::INDEX)
    }
}
