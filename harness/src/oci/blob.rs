//! One blob on its way from the archive: hashed, and where it is a layer inflated and walked.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

use super::layer::{Layer, walk};
use super::{Digest, Hasher, Needles, OciError};

/// The largest JSON document that is kept; the largest real ones are bills of materials.
pub(super) const JSON_LIMIT: u64 = 8 << 20;

pub(crate) const BUFFER: usize = 128 << 10;

/// What a blob turned out to be.
pub(super) enum Blob {
    /// A document (manifest, index, configuration), or anything small that is not a tar.
    Small(Vec<u8>),
    /// A layer, or why it is none.
    Tar(Result<Layer, OciError>),
    /// Too large to be kept, and no tar.
    Large,
}

/// Hashes and counts what is read through it.
pub(super) struct Hashing<R> {
    input: R,
    hasher: Hasher,
    bytes: u64,
}

impl<R: Read> Hashing<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, hasher: Hasher::default(), bytes: 0 }
    }

    /// The digest and the number of bytes that were read.
    pub(super) fn finish(self) -> (Digest, u64) {
        (self.hasher.finish(), self.bytes)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(into)?;
        self.hasher.update(&into[..n]);
        self.bytes += n as u64;
        Ok(n)
    }
}

/// How a layer is compressed, by its first bytes: media types are not to be relied on, and engines
/// look at the bytes too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Zstd,
    Tar,
    /// None of them.
    Other,
}

impl std::fmt::Display for Packing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Tar => "not compressed",
            Self::Other => "neither gzip nor zstd nor tar",
        })
    }
}

impl Packing {
    pub(crate) fn of(start: &[u8]) -> Self {
        // A header's magic lies at 257; a tar without members is all zeroes.
        let tar =
            start.get(257..262) == Some(b"ustar") || start.len() >= 512 && start.iter().all(|&b| b == 0);
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ if tar => Self::Tar,
            _ => Self::Other,
        }
    }

    /// The tar in `packed`. What is not known by its looks is taken for a tar that is too small or too old for it.
    ///
    /// # Errors
    /// There is no memory to inflate it.
    pub(crate) fn inflate<'r>(self, packed: impl BufRead + 'r) -> io::Result<Box<dyn Read + 'r>> {
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(packed)),
            Self::Zstd => Box::new(zstd::Decoder::with_buffer(packed)?),
            Self::Tar | Self::Other => Box::new(packed),
        })
    }
}

/// Reads the blob `name` of `size` bytes to its end and checks its digest.
///
/// # Errors
/// The source fails, or the digest is another. That a layer cannot be walked is for the caller to
/// judge: the blob may not be a layer of the image at all.
pub(super) fn read_blob(
    name: Digest,
    size: u64,
    input: impl Read,
    needles: Option<&Arc<Needles>>,
) -> Result<Blob, OciError> {
    let mut hashing = Hashing::new(input);
    let mut start = Vec::with_capacity(512);
    hashing.by_ref().take(512).read_to_end(&mut start)?;
    let mut input = BufReader::with_capacity(BUFFER, start.as_slice().chain(&mut hashing));
    let mut blob = match Packing::of(&start) {
        Packing::Gzip => Blob::Tar(walked(name, MultiGzDecoder::new(&mut input), needles)),
        Packing::Zstd => match zstd::Decoder::with_buffer(&mut input) {
            Ok(decoder) => Blob::Tar(walked(name, decoder, needles)),
            Err(e) => Blob::Tar(Err(OciError::Layer { digest: name, source: e.into() })),
        },
        Packing::Tar => Blob::Tar(walked(name, &mut input, needles)),
        Packing::Other if size <= JSON_LIMIT => {
            let mut bytes = Vec::new();
            (&mut input).take(JSON_LIMIT).read_to_end(&mut bytes)?;
            Blob::Small(bytes)
        }
        Packing::Other => Blob::Large,
    };
    // A walk that failed stopped half-way; that the blob is damaged is then the better answer.
    io::copy(&mut input, &mut io::sink())?;
    drop(input);
    let (found, bytes) = hashing.finish();
    if found != name {
        return Err(OciError::DigestMismatch { name, found });
    }
    if let Blob::Tar(Ok(layer)) = &mut blob {
        layer.compressed_bytes = bytes;
    }
    Ok(blob)
}

pub(super) fn walked(
    digest: Digest,
    tar: impl Read,
    needles: Option<&Arc<Needles>>,
) -> Result<Layer, OciError> {
    walk(digest, tar, needles).map_err(|source| OciError::Layer { digest, source })
}
