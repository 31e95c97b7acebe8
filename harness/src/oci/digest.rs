//! Content digests, 32 bytes each: a layer of 60 000 files has as many.

use std::fmt;
use std::io::{self, BufRead};
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::hex::hex;

/// A SHA-256 digest, written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Stands where no digest was made.
    pub(crate) const NONE: Self = Self([0; 32]);

    /// Its first eight bytes.
    pub(crate) fn start(self) -> u64 {
        self.0[..8].iter().fold(0, |start, &byte| start << 8 | u64::from(byte))
    }

    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digest of all that `input` still has.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn of_rest(mut input: impl BufRead) -> io::Result<Self> {
        let mut hasher = Hasher::default();
        loop {
            let buffer = input.fill_buf()?;
            if buffer.is_empty() {
                return Ok(hasher.finish());
            }
            hasher.update(buffer);
            let n = buffer.len();
            input.consume(n);
        }
    }

    /// The 64 hexadecimal digits alone: a blob's file name in an OCI layout.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no SHA-256 digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a digest: it must be sha256: and 64 lower-case hexadecimal digits")]
pub struct NotADigest(pub String);

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let wrong = || NotADigest(text.to_owned());
        let hex = text.strip_prefix("sha256:").unwrap_or_default().as_bytes();
        if hex.len() != 64 || !hex.iter().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

/// Makes a [`Digest`] of bytes that come piece by piece.
#[derive(Debug, Default, Clone)]
pub struct Hasher(Sha256);

impl Hasher {
    /// The next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all pieces.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn reads_and_writes_the_form_of_the_specification() {
        assert_eq!(Digest::of(b"").to_string(), EMPTY);
        assert_eq!(EMPTY.parse::<Digest>().unwrap(), Digest::of(b""));
    }

    #[test]
    fn refuses_what_is_no_sha256() {
        for text in
            ["", "sha256:", &EMPTY[7..], &EMPTY.to_uppercase(), "sha256:../../../../etc/passwd", "sha512:00"]
        {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
