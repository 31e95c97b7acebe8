//! Two images compared: what differs, why, and how it is mended. No engine, no async.
//!
//! [`compare`] takes two images on disk. Layers that are the same blob are never read; two that differ are
//! inflated side by side, and what both have alike is forgotten as it passes, so that the memory depends on what
//! differs and not on how large the images are. Where a file's content differs it is looked into: the [`Cause`]
//! of each difference is found in the bytes, or it is [`Cause::Unknown`].

mod causes;
mod config;
mod findings;
mod members;
mod model;
mod pair;
mod record;
mod terminal;
#[cfg(test)]
mod tests;
mod walk;

pub use causes::{Cause, causes_of};
pub use model::{Comparison, Difference, Explained, Identity, Kind};
pub(crate) use terminal::place;
pub use terminal::terminal;

use std::collections::BTreeSet;

use crate::oci::{OciError, Packing, Stored};
use findings::{Findings, Whose};
use pair::{Pair, pair};

/// Compares two images.
///
/// # Errors
/// A layer that has to be read is missing, is not what its digest says, or is nothing that a layer may be; or the
/// two have more unlike entries than can be compared, or told, in bounded memory.
pub fn compare(a: &Stored, b: &Stored) -> Result<Comparison, Failure> {
    let mut findings = Findings::default();
    config::compare(a, b, &mut findings).map_err(Failure::of(Side::A))?;
    let pairs = pair(&a.layers, &b.layers);
    let mut copied = BTreeSet::new();
    for pair in &pairs {
        layers(a, b, *pair, &mut findings, &mut copied)?;
    }
    let identity = |image: &Stored| Identity {
        manifest: image.manifest.as_ref().map(|(digest, _)| *digest),
        config: image.config_digest,
    };
    let (one, other) = (identity(a), identity(b));
    let identical = match (one.manifest, other.manifest) {
        (Some(one), Some(other)) => one == other,
        _ => one.config == other.config,
    };
    let mut differences = findings.finish(&copied);
    if !identical && differences.iter().all(Difference::beside) {
        // Something made the digests differ: to say nothing would be to say that they are alike.
        differences.push(Difference {
            path: "image".to_owned(),
            layer: None,
            kind: Kind::Config,
            cause: Cause::Unknown,
            a: one.manifest.unwrap_or(one.config).to_string(),
            b: other.manifest.unwrap_or(other.config).to_string(),
            bytes: 0,
            follows: BTreeSet::new(),
        });
    }
    Ok(Comparison { identical, a: one, b: other, differences })
}

/// Which of two images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

/// Why two images cannot be compared. What it says in the images' own words has no control characters.
#[derive(Debug, thiserror::Error)]
#[error("{}", crate::legible::line(&.source.to_string()))]
pub struct Failure {
    /// Whose fault it is.
    pub side: Side,
    /// Why.
    pub source: OciError,
}

impl Failure {
    fn of(side: Side) -> impl Fn(OciError) -> Self {
        move |source| Self { side, source }
    }
}

fn layers(
    a: &Stored,
    b: &Stored,
    pair: Pair,
    findings: &mut Findings,
    copied: &mut BTreeSet<u32>,
) -> Result<(), Failure> {
    let by_copy = |image: &Stored, place: usize| {
        let made_by = &image.layers[place].made_by;
        made_by.starts_with("COPY ") || made_by.starts_with("ADD ")
    };
    match pair {
        Pair::OnlyA(at) => walk::alone(a, at, Whose::A, findings).map_err(Failure::of(Side::A)),
        Pair::OnlyB(at) => walk::alone(b, at, Whose::B, findings).map_err(Failure::of(Side::B)),
        Pair::Both(at_a, at_b) => {
            let (one, other) = (&a.layers[at_a], &b.layers[at_b]);
            let number = u32::try_from(at_a + 1).unwrap_or(u32::MAX);
            if one.diff_id == other.diff_id
                && (one.digest == other.digest || one.digest.is_none() || other.digest.is_none())
            {
                return Ok(());
            }
            if one.diff_id == other.diff_id && walk::same_tar((a, at_a), (b, at_b))? {
                let blobs = [(a, at_a), (b, at_b)].map(|(image, at)| image.blob(at));
                let [one, other] = blobs;
                let (one, other) = (one.map_err(Failure::of(Side::A))?, other.map_err(Failure::of(Side::B))?);
                let shown = |packing: Packing, bytes: u64| format!("{packing}, {bytes} bytes");
                let (one, other) = (shown(one.packing, one.bytes), shown(other.packing, other.bytes));
                findings.layer(number, Kind::Metadata, Cause::Compression, one, other);
                return Ok(());
            }
            if by_copy(a, at_a) && by_copy(b, at_b) {
                copied.insert(number);
            }
            walk::compare((a, at_a), (b, at_b), findings)
        }
    }
}
