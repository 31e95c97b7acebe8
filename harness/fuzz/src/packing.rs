//! How bytes are packed, and packing them the same way again.

use std::io::{Read as _, Write as _};

/// More is not unpacked.
const LIMIT: u64 = 1 << 20;

/// How bytes are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Gzip,
    Zstd,
    Plain,
}

impl Packing {
    /// By the first bytes.
    pub fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }

    /// As much of what is in `bytes` as can be had.
    pub fn unpack(self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        // What comes before the damage is enough.
        let _ = match self {
            Self::Gzip => flate2::bufread::MultiGzDecoder::new(bytes).take(LIMIT).read_to_end(&mut out),
            Self::Zstd => match zstd::Decoder::with_buffer(bytes) {
                Ok(decoder) => decoder.take(LIMIT).read_to_end(&mut out),
                Err(e) => Err(e),
            },
            Self::Plain => return bytes.to_vec(),
        };
        out
    }

    /// `bytes` packed.
    pub fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Gzip => {
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                gzip.write_all(bytes).and_then(|()| gzip.finish()).expect("memory takes it")
            }
            Self::Zstd => zstd::encode_all(bytes, 1).expect("memory takes it"),
            Self::Plain => bytes.to_vec(),
        }
    }
}
