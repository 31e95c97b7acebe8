//! Why an image cannot be read.

use std::io;

use super::Digest;

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// The source failed, or ended too soon.
    #[error("the image cannot be read: {0}; export it again")]
    Io(#[from] io::Error),
    /// The archive itself is no proper tar.
    #[error("the image archive is not a proper tar: {0}; export it again")]
    Archive(#[source] LayerError),
    /// A blob is not what its name says.
    #[error("blob {name} has the digest {found}: it is damaged, export the image again")]
    DigestMismatch {
        /// The digest in its name.
        name: Digest,
        /// The digest of its bytes.
        found: Digest,
    },
    /// A blob has another length than its descriptor says.
    #[error("blob {digest} has {found} bytes where its descriptor says {expected}")]
    SizeMismatch {
        /// The blob.
        digest: Digest,
        /// What the descriptor says.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// A layer's tar is not the one that the configuration names.
    #[error("layer {layer} holds the tar {found} where the image's configuration names {expected}")]
    DiffIdMismatch {
        /// The compressed blob.
        layer: Digest,
        /// In the configuration.
        expected: String,
        /// Of the tar.
        found: Digest,
    },
    /// Manifest and configuration disagree.
    #[error("the manifest has {layers} layers, the image's configuration names {diff_ids}")]
    LayerCount {
        /// In the manifest.
        layers: usize,
        /// In the configuration.
        diff_ids: usize,
    },
    /// Something that the image needs is not there.
    #[error("the image has no {what}: the export is not complete")]
    Missing {
        /// Such as `index.json` or `layer sha256:…`.
        what: String,
    },
    /// A JSON document is not what it should be.
    #[error("{what} is not valid: {source}")]
    Json {
        /// Such as `index.json` or `manifest sha256:…`.
        what: String,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A digest that is no SHA-256, in `what`.
    #[error("{what} names a blob that cannot be checked: {source}")]
    Digest {
        /// The document.
        what: String,
        /// The name.
        source: super::NotADigest,
    },
    /// There is no image, or more than one to choose from, or a part of it is of the wrong kind.
    #[error("{0}")]
    NotAnImage(String),
    /// A JSON document is larger than any real one.
    #[error("{what} has more than {limit} bytes")]
    TooLarge {
        /// The document.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// A layer cannot be walked.
    #[error("layer {digest}: {source}")]
    Layer {
        /// The compressed blob.
        digest: Digest,
        /// Why.
        source: LayerError,
    },
    /// A layer cannot be laid on those below it.
    #[error(
        "layer {layer}: {path} is a hard link to {target}, which is no file: the image cannot be unpacked"
    )]
    DanglingLink {
        /// The compressed blob.
        layer: Digest,
        /// The link.
        path: String,
        /// What it points to.
        target: String,
    },
    /// A path runs through symbolic links without end.
    #[error("layer {layer}: {path} leads through too many symbolic links: the image cannot be unpacked")]
    LinkLoop {
        /// The compressed blob.
        layer: Digest,
        /// The path.
        path: String,
    },
}

/// Why a tar cannot be walked.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// It cannot be inflated, or ends too soon.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A header is damaged.
    #[error("bad tar header at byte {at}: {what}")]
    Header {
        /// Where the header begins in the tar.
        at: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A member that a layer must not have, or that is not understood.
    #[error("{path}: {what}")]
    Member {
        /// The member.
        path: String,
        /// Why.
        what: String,
    },
    /// More members than any real layer.
    #[error("more than {0} members")]
    TooMany(usize),
}
