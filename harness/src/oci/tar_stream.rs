//! A tar as a stream, in bounded memory.
//!
//! The `tar` crate parses the header blocks; the walk is our own because the crate's keeps extension
//! headers of any length in memory, and a layer that inflates to a gigabyte of "file name" must not
//! cost a gigabyte.

use std::io::{self, BufRead, Read};

use tar::{EntryType, Header};

use super::header::{Extensions, Member, checksum_holds};
use super::{Digest, Hasher, LayerError};

const BLOCK: u64 = 512;

/// The longest extension header that is believed: Go's own limit.
const EXTENSION_LIMIT: u64 = 1 << 20;

/// A tar being read. Between two calls of [`next_member`](Self::next_member) it reads as the content
/// of the member that the first one returned.
pub(crate) struct TarStream<R> {
    input: R,
    /// Bytes of the current member's content that were not read yet.
    remaining: u64,
    /// Bytes that fill up its last block.
    padding: u64,
    at: u64,
    raw: Option<Raw>,
}

/// What a comparison needs beside the members.
#[derive(Debug, Clone, Default)]
struct Raw {
    /// Of the header blocks of the member that is being read.
    headers: Hasher,
    /// Of what lies between and behind the members, zeroes left out.
    gaps: Hasher,
    /// Where the last member ends.
    end: u64,
}

/// What a tar is beside its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trailer {
    /// A digest of what lies between and behind the members and is not zero.
    pub(crate) filler: Digest,
    /// Where the last member ends.
    pub(crate) end: u64,
    /// Bytes of the tar.
    pub(crate) total: u64,
}

impl<R: BufRead> TarStream<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, remaining: 0, padding: 0, at: 0, raw: None }
    }

    /// Also takes down how each header is written, and what lies between the members.
    pub(crate) fn detailed(input: R) -> Self {
        Self { raw: Some(Raw::default()), ..Self::new(input) }
    }

    /// What is neither header nor content. Complete only at the end; `None` if the stream was not asked for
    /// details.
    pub(crate) fn trailer(&self) -> Option<Trailer> {
        let raw = self.raw.as_ref()?;
        Some(Trailer { filler: raw.gaps.clone().finish(), end: raw.end, total: self.at })
    }

    /// Bytes of the tar before the content that is being read.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// The next member; what was not read of the last one is skipped. `None` at the end, after which
    /// everything that follows the end mark was read too.
    pub(crate) fn next_member(&mut self) -> Result<Option<Member>, LayerError> {
        let mut extensions = Extensions::default();
        loop {
            self.skip_content()?;
            let at = self.at;
            let Some(header) = self.header()? else {
                if let Some(raw) = &mut self.raw {
                    raw.end = at;
                }
                self.drain()?;
                return Ok(None);
            };
            let bad = |what: String| LayerError::Header { at, what };
            if !checksum_holds(&header) {
                return Err(bad("the checksum does not hold".to_owned()));
            }
            match header.entry_type() {
                EntryType::XHeader => {
                    let records = self.extension(&header)?;
                    extensions.pax(&records).map_err(bad)?;
                }
                EntryType::GNULongName => extensions.name = Some(self.long_name(&header)?),
                EntryType::GNULongLink => extensions.link = Some(self.long_name(&header)?),
                // Defaults for all members: engines pass them over, so must we.
                EntryType::XGlobalHeader => {
                    self.extension(&header)?;
                }
                _ => {
                    let mut member = extensions.apply(header).map_err(bad)?;
                    member.form.raw = self.raw.as_mut().map(|raw| std::mem::take(&mut raw.headers).finish());
                    self.begin(member.size);
                    return Ok(Some(member));
                }
            }
        }
    }

    /// Bytes that were read: after a member's content, where it ends, its padding left out.
    pub(crate) fn position(&self) -> u64 {
        // What a whiteout claims to hold is read by nobody before it is asked where it ends.
        self.at.saturating_add(self.remaining)
    }

    fn begin(&mut self, size: u64) {
        self.remaining = size;
        self.padding = (BLOCK - size % BLOCK) % BLOCK;
    }

    /// The next header block; `None` at the end mark, or where the tar ends without one.
    fn header(&mut self) -> Result<Option<Header>, LayerError> {
        let mut header = Header::new_old();
        let block = header.as_mut_bytes();
        let mut filled = 0;
        while filled < block.len() {
            match self.input.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(truncated().into()),
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
        self.at += BLOCK;
        if let Some(raw) = &mut self.raw {
            raw.headers.update(block);
        }
        Ok(if block.iter().all(|&byte| byte == 0) { None } else { Some(header) })
    }

    fn extension(&mut self, header: &Header) -> Result<Vec<u8>, LayerError> {
        let at = self.at - BLOCK;
        let size = header.entry_size()?;
        if size > EXTENSION_LIMIT {
            let what = format!("an extension header of {size} bytes, where {EXTENSION_LIMIT} are the limit");
            return Err(LayerError::Header { at, what });
        }
        self.begin(size);
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        self.read_to_end(&mut bytes)?;
        if let Some(raw) = &mut self.raw {
            raw.headers.update(&bytes);
        }
        Ok(bytes)
    }

    /// A GNU long name: ends at the first NUL.
    fn long_name(&mut self, header: &Header) -> Result<Vec<u8>, LayerError> {
        let mut bytes = self.extension(header)?;
        bytes.truncate(bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len()));
        Ok(bytes)
    }

    fn skip_content(&mut self) -> io::Result<()> {
        loop {
            let n = self.fill_buf()?.len();
            if n == 0 {
                break;
            }
            self.consume(n);
        }
        self.begin_padding()
    }

    fn begin_padding(&mut self) -> io::Result<()> {
        let mut block = [0; BLOCK as usize];
        let padding = std::mem::take(&mut self.padding);
        // At most 511.
        self.input.read_exact(&mut block[..padding as usize])?;
        if let Some(raw) = &mut self.raw {
            raw.strange(&block[..padding as usize]);
        }
        self.at += padding;
        Ok(())
    }

    fn drain(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.input.fill_buf()?;
            let n = buffer.len();
            if n == 0 {
                return Ok(());
            }
            if let Some(raw) = &mut self.raw {
                raw.strange(buffer);
            }
            self.input.consume(n);
            self.at += n as u64;
        }
    }
}

impl Raw {
    /// Takes down bytes that should be zeroes, if they are not.
    fn strange(&mut self, bytes: &[u8]) {
        static ZEROES: [u8; BLOCK as usize] = [0; BLOCK as usize];
        if bytes.chunks(ZEROES.len()).any(|chunk| *chunk != ZEROES[..chunk.len()]) {
            self.gaps.update(bytes);
        }
    }
}

fn truncated() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the tar ends in the middle")
}

/// The content of the current member.
impl<R: BufRead> BufRead for TarStream<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.remaining == 0 {
            return Ok(&[]);
        }
        let buffer = self.input.fill_buf()?;
        if buffer.is_empty() {
            return Err(truncated());
        }
        let n = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(buffer.len());
        Ok(&buffer[..n])
    }

    fn consume(&mut self, n: usize) {
        self.input.consume(n);
        self.remaining -= n as u64;
        self.at += n as u64;
    }
}

impl<R: BufRead> Read for TarStream<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = {
            let buffer = self.fill_buf()?;
            let n = buffer.len().min(into.len());
            into[..n].copy_from_slice(&buffer[..n]);
            n
        };
        self.consume(n);
        Ok(n)
    }
}
