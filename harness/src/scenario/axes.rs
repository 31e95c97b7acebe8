//! The axes of a test case: small enums whose names are the words in the records.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::Text;

/// Which side of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// The image as people really write it.
    Naive,
    /// The same image with the practice followed, and nothing else changed.
    Optimized,
}

impl Variant {
    /// Both, in the order in which tables show them.
    pub const BOTH: [Self; 2] = [Self::Naive, Self::Optimized];

    /// The word in records, tags and folder names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::Optimized => "optimized",
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One value for each variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Pair<T> {
    /// The naive side.
    pub naive: T,
    /// The optimized side.
    pub optimized: T,
}

impl<T> Pair<T> {
    /// The side of `variant`.
    pub fn get(&self, variant: Variant) -> &T {
        match variant {
            Variant::Naive => &self.naive,
            Variant::Optimized => &self.optimized,
        }
    }

    /// The side of `variant`, to change it.
    pub fn get_mut(&mut self, variant: Variant) -> &mut T {
        match variant {
            Variant::Naive => &mut self.naive,
            Variant::Optimized => &mut self.optimized,
        }
    }

    /// A pair made by asking `make` for each side.
    pub fn from_fn(mut make: impl FnMut(Variant) -> T) -> Self {
        Self { naive: make(Variant::Naive), optimized: make(Variant::Optimized) }
    }
}

/// What happened before a build.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Event {
    /// Nothing is there: no step cache, empty cache mounts, context not yet sent.
    Cold,
    /// Nothing changed since the build before.
    Noop,
    /// The scenario's edit of this name was made.
    Edit(Text),
    /// The same edit, on an empty builder with the cache imported from a registry.
    CiEdit(Text),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cold => f.write_str("cold"),
            Self::Noop => f.write_str("noop"),
            Self::Edit(name) => write!(f, "edit-{name}"),
            Self::CiEdit(name) => write!(f, "ci-edit-{name}"),
        }
    }
}

impl FromStr for Event {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = |prefix| text.strip_prefix(prefix).filter(|name| !name.is_empty()).map(Text::from);
        match text {
            "cold" => Ok(Self::Cold),
            "noop" => Ok(Self::Noop),
            _ => named("ci-edit-").map(Self::CiEdit).or_else(|| named("edit-").map(Self::Edit)).ok_or_else(
                || format!("`{text}` is not an event: write cold, noop, edit-NAME or ci-edit-NAME"),
            ),
        }
    }
}

impl TryFrom<String> for Event {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Event> for String {
    fn from(event: Event) -> Self {
        event.to_string()
    }
}

/// How the layers of an image are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// As engines do unless told otherwise: the layers that a build adds, and those of the base as they came.
    #[default]
    Gzip,
    /// All layers, those of the base too.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// Which start of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// The first: nothing that a start leaves behind is there yet. Of a start-up: the node does not have the image.
    First,
    /// The same container, started once more. Of a start-up: a new container, of the image that is now there.
    Again,
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "first",
            Self::Again => "again",
        })
    }
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "first" => Ok(Self::First),
            "again" => Ok(Self::Again),
            _ => Err(format!("`{text}` is not a start: write first or again")),
        }
    }
}

/// Which start of a program that fetches its weights into a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FetchStart {
    /// The volume is empty.
    First,
    /// The next one, on the volume that the first has filled.
    Again,
    /// On an empty volume, and killed once half of the weights were sent.
    Interrupted,
    /// The one after it, on the volume that it left.
    Resumed,
}

impl FetchStart {
    /// All, in order.
    pub const ALL: [Self; 4] = [Self::First, Self::Again, Self::Interrupted, Self::Resumed];

    /// The word in `fetches.csv` and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Again => "again",
            Self::Interrupted => "interrupted",
            Self::Resumed => "resumed",
        }
    }
}

impl fmt::Display for FetchStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FetchStart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|start| start.as_str() == text);
        known.ok_or_else(|| {
            format!("`{text}` is not a start that fetches: write first, again, interrupted or resumed")
        })
    }
}

/// How much is measured, and with how heavy a payload.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// CI: minutes, tiny payloads, one block.
    Smoke,
    /// The default: real packages, as many blocks as a claim on time needs.
    Quick,
    /// Nightly: heavy payloads.
    Full,
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smoke => "smoke",
            Self::Quick => "quick",
            Self::Full => "full",
        })
    }
}
