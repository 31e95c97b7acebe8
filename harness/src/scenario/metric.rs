//! What a claim is about: one column of the records, at one event.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Event, FetchStart, Start};

/// One measured quantity of a variant.
///
/// Its written form (`Display`) is the `metric` column of `claims.csv`: `rootfs_bytes`,
/// `wall_s@cold`, `new_compressed_bytes@edit-source`, `executed:install@edit-source`,
/// `digest_changes@cold`, `start:import@first`, `seconds:push@edit-source`, `bytes:pull@edit-weights`,
/// `fetch:bytes@again`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// A column of `images.csv`, of the image after the cold build.
    Image(ImageColumn),
    /// A column of `samples.csv`.
    Sample(SampleColumn, Event),
    /// A column of `deltas.csv`.
    Delta(DeltaColumn, Event),
    /// How many Dockerfile steps that match the scenario's step of this name were executed, not cached.
    Executed(String, Event),
    /// At `cold`: how many manifest digests other than the first one the blocks gave, 0 where they are all
    /// equal. At another event: whether the digest is another than that of the block's cold build, 0 or 1.
    DigestChanges(Event),
    /// How many packages of the shipped image are another version in the development image, or not there at
    /// all; and one more where its Python is another minor version.
    DevelopmentDifferences(Event),
    /// Seconds of a phase in `startup.csv`, summed where a start has it several times.
    StartPhase(String, Start),
    /// A column of `transfers.csv`, of what was moved.
    Transfer(TransferColumn, String, Event),
    /// A column of `fetches.csv`.
    Fetch(FetchColumn, FetchStart),
}

/// What kind of evidence a metric gives, and so what settles a claim on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Noisy: paired blocks, at least six, and an interval.
    Time,
    /// Near-deterministic: two blocks, and the range.
    Size,
    /// Exact: two blocks, and equality.
    Count,
}

macro_rules! columns {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every column, in the order of the file.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The column's name in the file.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

columns! {
    /// The sizes of an image in bytes, and what is in it in counts.
    ImageColumn {
        /// What a registry stores and a pull moves.
        Compressed = "compressed_bytes",
        /// Sum of the layer tars.
        Layer = "layer_bytes",
        /// The merged tree after whiteouts.
        Rootfs = "rootfs_bytes",
        /// Layer bytes that are not in the base.
        Unique = "unique_bytes",
        /// How many layers.
        Layers = "layers",
        /// Bytes of files that a later layer overwrote or deleted.
        Wasted = "wasted_bytes",
        /// Installed packages of the distribution (a count).
        DistributionPackages = "distribution_packages",
        /// Installed Python packages (a count).
        PythonPackages = "python_packages",
        /// Known vulnerabilities (a count).
        Vulnerabilities = "vulnerabilities",
        /// Planted secrets that were found (a count).
        Secrets = "secrets_found",
    }
}

columns! {
    /// What a build took, in seconds (`context_bytes` in bytes).
    SampleColumn {
        /// Solve sent to Solve answered.
        Wall = "wall_s",
        /// Sending the context.
        Transfer = "transfer_s",
        /// Executing Dockerfile steps.
        Exec = "exec_s",
        /// Exporting layers (compressing them) and the image.
        Export = "export_s",
        /// Unpacking into the engine's store.
        Unpack = "unpack_s",
        /// CPU seconds of the engine and the steps.
        Cpu = "cpu_s",
        /// Bytes of context that were sent.
        Context = "context_bytes",
    }
}

columns! {
    /// What a node that has the previous image must pull again.
    DeltaColumn {
        /// Layers that the node lacks.
        NewLayers = "new_layers",
        /// Their compressed bytes.
        NewCompressed = "new_compressed_bytes",
        /// How much of them is unchanged content under a new digest (uncompressed bytes).
        SameContent = "same_content_bytes",
        /// Installed packages that are new, gone or of another version (a count).
        PackagesChanged = "packages_changed",
    }
}

columns! {
    /// What moving something to or from the registry took.
    TransferColumn {
        /// Seconds.
        Seconds = "seconds",
        /// Bytes, by the registry's own count.
        Bytes = "bytes",
    }
}

columns! {
    /// What a start fetched, and what came of it.
    FetchColumn {
        /// Bytes, by the store's own count.
        Bytes = "bytes",
        /// Whether another answer was given than the whole model gives, 0 or 1.
        WrongAnswers = "wrong_answers",
    }
}

impl ImageColumn {
    /// Whether it counts things, rather than bytes.
    pub fn is_count(self) -> bool {
        match self {
            Self::Compressed | Self::Layer | Self::Rootfs | Self::Unique | Self::Wasted => false,
            Self::Layers
            | Self::DistributionPackages
            | Self::PythonPackages
            | Self::Vulnerabilities
            | Self::Secrets => true,
        }
    }
}

impl DeltaColumn {
    /// Whether it counts things, rather than bytes.
    pub fn is_count(self) -> bool {
        matches!(self, Self::NewLayers | Self::PackagesChanged)
    }
}

impl Metric {
    /// What settles a claim on this metric.
    pub fn evidence(&self) -> Evidence {
        match self {
            Self::Image(column) if column.is_count() => Evidence::Count,
            Self::Delta(column, _) if column.is_count() => Evidence::Count,
            Self::Executed(..)
            | Self::DigestChanges(_)
            | Self::DevelopmentDifferences(_)
            | Self::Fetch(FetchColumn::WrongAnswers, _) => Evidence::Count,
            Self::Image(_)
            | Self::Delta(..)
            | Self::Sample(SampleColumn::Context, _)
            | Self::Transfer(TransferColumn::Bytes, ..)
            | Self::Fetch(FetchColumn::Bytes, _) => Evidence::Size,
            Self::Sample(..) | Self::StartPhase(..) | Self::Transfer(TransferColumn::Seconds, ..) => {
                Evidence::Time
            }
        }
    }

    /// The same quantity after another event.
    pub fn at(&self, event: &Event) -> Self {
        let event = event.clone();
        match self {
            Self::Image(_) | Self::StartPhase(..) | Self::Fetch(..) => self.clone(),
            Self::Sample(column, _) => Self::Sample(*column, event),
            Self::Delta(column, _) => Self::Delta(*column, event),
            Self::Executed(step, _) => Self::Executed(step.clone(), event),
            Self::DigestChanges(_) => Self::DigestChanges(event),
            Self::DevelopmentDifferences(_) => Self::DevelopmentDifferences(event),
            Self::Transfer(column, what, _) => Self::Transfer(*column, what.clone(), event),
        }
    }

    /// The event after which it is measured.
    pub fn event(&self) -> &Event {
        match self {
            Self::Image(_) | Self::StartPhase(..) | Self::Fetch(..) => &Event::Cold,
            Self::Sample(_, event)
            | Self::Delta(_, event)
            | Self::Executed(_, event)
            | Self::DigestChanges(event)
            | Self::DevelopmentDifferences(event)
            | Self::Transfer(_, _, event) => event,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(column) => f.write_str(column.as_str()),
            Self::Sample(column, event) => write!(f, "{}@{event}", column.as_str()),
            Self::Delta(column, event) => write!(f, "{}@{event}", column.as_str()),
            Self::Executed(step, event) => write!(f, "executed:{step}@{event}"),
            Self::DigestChanges(event) => write!(f, "digest_changes@{event}"),
            Self::DevelopmentDifferences(event) => write!(f, "development_differences@{event}"),
            Self::StartPhase(phase, start) => write!(f, "start:{phase}@{start}"),
            Self::Transfer(column, what, event) => write!(f, "{}:{what}@{event}", column.as_str()),
            Self::Fetch(column, start) => write!(f, "fetch:{}@{start}", column.as_str()),
        }
    }
}

impl FromStr for Metric {
    type Err = String;

    /// Reads the written form; the error says what may be written instead.
    fn from_str(text: &str) -> Result<Self, String> {
        let Some((quantity, at)) = text.split_once('@') else {
            return match ImageColumn::ALL.iter().find(|column| column.as_str() == text) {
                Some(column) => Ok(Self::Image(*column)),
                None => Err(unknown(text)),
            };
        };
        if let Some((kind, name)) = quantity.split_once(':').filter(|(_, name)| !name.is_empty()) {
            let column = TransferColumn::ALL.iter().find(|column| column.as_str() == kind);
            return match (kind, column) {
                ("executed", _) => Ok(Self::Executed(name.to_owned(), at.parse()?)),
                ("start", _) => Ok(Self::StartPhase(name.to_owned(), at.parse()?)),
                ("fetch", _) => match FetchColumn::ALL.iter().find(|column| column.as_str() == name) {
                    Some(column) => Ok(Self::Fetch(*column, at.parse()?)),
                    None => Err(unknown(text)),
                },
                (_, Some(column)) => Ok(Self::Transfer(*column, name.to_owned(), at.parse()?)),
                (_, None) => Err(unknown(text)),
            };
        }
        let event: Event = at.parse()?;
        if quantity == "digest_changes" {
            return Ok(Self::DigestChanges(event));
        }
        if quantity == "development_differences" {
            return Ok(Self::DevelopmentDifferences(event));
        }
        if let Some(column) = SampleColumn::ALL.iter().find(|column| column.as_str() == quantity) {
            return Ok(Self::Sample(*column, event));
        }
        match DeltaColumn::ALL.iter().find(|column| column.as_str() == quantity) {
            Some(column) => Ok(Self::Delta(*column, event)),
            None => Err(unknown(text)),
        }
    }
}

/// Names every written form, the nearest kind of mistake being a forgotten `@EVENT`.
fn unknown(text: &str) -> String {
    let names = |names: &[&str]| names.join(", ");
    format!(
        "`{text}` is not a metric: write {}; or, with an event as in `wall_s@cold`, {}, {}, executed:STEP, \
         digest_changes, development_differences, seconds:TRANSFER, bytes:TRANSFER; or start:PHASE@first, start:PHASE@again, \
         fetch:bytes@START, fetch:wrong_answers@START",
        names(&ImageColumn::ALL.iter().map(|column| column.as_str()).collect::<Vec<_>>()),
        names(&SampleColumn::ALL.iter().map(|column| column.as_str()).collect::<Vec<_>>()),
        names(&DeltaColumn::ALL.iter().map(|column| column.as_str()).collect::<Vec<_>>()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in [
            "rootfs_bytes",
            "layers",
            "wall_s@cold",
            "context_bytes@noop",
            "new_compressed_bytes@edit-source",
            "executed:install@ci-edit-deps",
            "digest_changes@cold",
            "development_differences@edit-upstream",
            "start:import@again",
            "seconds:push@edit-source",
            "bytes:cache-import-max@ci-edit-source",
            "fetch:bytes@again",
            "fetch:wrong_answers@resumed",
            "secrets_found",
        ] {
            assert_eq!(text.parse::<Metric>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_metric_is_refused() {
        for text in [
            "wall_s",
            "rootfs_bytes@cold",
            "executed:@cold",
            "wall_s@edit-",
            "speed@cold",
            "start:import@cold",
            "fetch:bytes@cold",
            "fetch:seconds@again",
            "",
        ] {
            assert!(text.parse::<Metric>().is_err(), "{text}");
        }
    }
}
