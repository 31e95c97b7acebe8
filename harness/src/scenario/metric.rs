//! What a claim is about: one column of the records, at one event.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Event;

/// One measured quantity of a variant.
///
/// Its written form (`Display`) is the `metric` column of `claims.csv`: `rootfs_bytes`,
/// `wall_s@cold`, `new_compressed_bytes@edit-source`, `executed:install@edit-source`.
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
    /// The sizes of an image, in bytes (`layers` is a count).
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
    }
}

impl Metric {
    /// What settles a claim on this metric.
    pub fn evidence(&self) -> Evidence {
        match self {
            Self::Image(ImageColumn::Layers)
            | Self::Executed(..)
            | Self::Delta(DeltaColumn::NewLayers, _) => Evidence::Count,
            Self::Image(_) | Self::Delta(..) | Self::Sample(SampleColumn::Context, _) => Evidence::Size,
            Self::Sample(..) => Evidence::Time,
        }
    }

    /// The event after which it is measured.
    pub fn event(&self) -> &Event {
        match self {
            Self::Image(_) => &Event::Cold,
            Self::Sample(_, event) | Self::Delta(_, event) | Self::Executed(_, event) => event,
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
        }
    }
}

impl FromStr for Metric {
    type Err = String;

    /// Reads the written form; the error says what may be written instead.
    fn from_str(text: &str) -> Result<Self, String> {
        let Some((quantity, event)) = text.split_once('@') else {
            return match ImageColumn::ALL.iter().find(|column| column.as_str() == text) {
                Some(column) => Ok(Self::Image(*column)),
                None => Err(unknown(text)),
            };
        };
        let event: Event = event.parse()?;
        if let Some(step) = quantity.strip_prefix("executed:").filter(|step| !step.is_empty()) {
            return Ok(Self::Executed(step.to_owned(), event));
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
        "`{text}` is not a metric: write {}; or, with an event as in `wall_s@cold`, {}, {}, executed:STEP",
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
        ] {
            assert_eq!(text.parse::<Metric>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_metric_is_refused() {
        for text in ["wall_s", "rootfs_bytes@cold", "executed:@cold", "wall_s@edit-", "speed@cold", ""] {
            assert!(text.parse::<Metric>().is_err(), "{text}");
        }
    }
}
