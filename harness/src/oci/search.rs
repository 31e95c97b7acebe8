//! Searching an image for planted secrets while it is read: everything that passes, in bounded memory.
//!
//! A secret is looked for as it is and in base64, at each of the three places where it can begin within the
//! encoding. What is planted is letters and digits alone, so that percent-encoding and JSON leave it as it is.
//! In a layer the whole tar is searched: contents, names, links, extended attributes, and what fills up
//! blocks; a file that is gzip is searched inflated as well. What lies in a zip archive, a wheel for
//! instance, is not.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use aho_corasick::AhoCorasick;
use flate2::write::MultiGzDecoder;

/// Finds of one layer that are kept; the first of each secret is always among them.
const HIT_LIMIT: usize = 4096;

/// As much of a gzip file is searched; a few megabytes can claim any length.
const INFLATE_LIMIT: u64 = 1 << 30;

/// What is looked for: names and values.
#[derive(Debug, Clone)]
pub struct Needles {
    automaton: AhoCorasick,
    /// The name of each pattern's secret.
    names: Vec<String>,
    /// Bytes of the longest pattern.
    longest: usize,
}

impl Needles {
    /// Looks for `secrets`, pairs of name and value; `None` where there are none.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let mut patterns = Vec::new();
        let mut names = Vec::new();
        for (name, value) in secrets {
            for pattern in forms(value.as_bytes()) {
                patterns.push(pattern);
                names.push(name.to_owned());
            }
        }
        let longest = patterns.iter().map(Vec::len).max()?;
        let automaton = AhoCorasick::new(&patterns).ok()?;
        Some(Self { automaton, names, longest })
    }

    /// The names of the secrets in `bytes`.
    pub fn in_bytes(&self, bytes: &[u8]) -> BTreeSet<&str> {
        self.automaton.find_iter(bytes).map(|found| &*self.names[found.pattern().as_usize()]).collect()
    }
}

/// A value as it is, and what of its base64 does not depend on what stands around it.
fn forms(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![value.to_vec()];
    for skipped in 0..3 {
        let rest = value.get(skipped..).unwrap_or_default();
        let whole = rest.len() / 3 * 3;
        // A shorter one would be found by chance.
        if whole >= 12 {
            forms.push(base64(&rest[..whole]));
        }
    }
    forms
}

/// Base64 of whole groups of three bytes. The alphabets of URLs and of mail differ in two characters that
/// letters and digits make only by chance.
fn base64(bytes: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |group: &[u8]| {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| ALPHABET[bits >> shift & 63])
    };
    bytes.chunks_exact(3).flat_map(group).collect()
}

/// A secret that was found, and how many bytes lay before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) name: String,
    pub(super) at: u64,
}

/// Searches bytes that come piece by piece.
pub(super) struct Scanner {
    needles: Arc<Needles>,
    /// The end of what passed, in which a secret can have begun.
    tail: Vec<u8>,
    passed: u64,
    hits: Vec<Hit>,
}

impl Scanner {
    pub(super) fn new(needles: Arc<Needles>) -> Self {
        Self { needles, tail: Vec::new(), passed: 0, hits: Vec::new() }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let overlap = self.needles.longest - 1;
        // What lies across the seam: the tail, and as much of the piece as can belong to it.
        let before = self.tail.len();
        self.tail.extend_from_slice(&bytes[..bytes.len().min(overlap)]);
        let seam = std::mem::take(&mut self.tail);
        self.find(&seam, self.passed - before as u64, |end| end > before);
        if bytes.len() > overlap {
            // What ends within the piece's first bytes was found at the seam, if it began before it.
            self.find(bytes, self.passed, |end| end > overlap);
            self.tail.extend_from_slice(&bytes[bytes.len() - overlap..]);
        } else {
            self.tail.extend_from_slice(&seam[seam.len().saturating_sub(overlap)..]);
        }
        self.passed += bytes.len() as u64;
    }

    /// What was found, in the order in which it came.
    pub(super) fn finish(mut self) -> Vec<Hit> {
        self.hits.sort_by_key(|hit| hit.at);
        self.hits
    }

    fn find(&mut self, bytes: &[u8], start: u64, wanted: impl Fn(usize) -> bool) {
        for found in self.needles.automaton.find_iter(bytes).filter(|found| wanted(found.end())) {
            let name = &self.needles.names[found.pattern().as_usize()];
            if self.hits.len() < HIT_LIMIT || self.hits.iter().all(|hit| hit.name != *name) {
                self.hits.push(Hit { name: name.clone(), at: start + found.start() as u64 });
            }
        }
    }
}

/// Searches what is read through it, where there is something to search for.
pub(super) struct Searching<R> {
    input: R,
    scanner: Option<Scanner>,
}

impl<R> Searching<R> {
    pub(super) fn new(input: R, needles: Option<&Arc<Needles>>) -> Self {
        Self { input, scanner: needles.map(|needles| Scanner::new(Arc::clone(needles))) }
    }

    /// What was read, and what was found in it.
    pub(super) fn finish(self) -> (R, Vec<Hit>) {
        (self.input, self.scanner.map(Scanner::finish).unwrap_or_default())
    }
}

impl<R: Read> Read for Searching<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(into)?;
        if let Some(scanner) = &mut self.scanner {
            scanner.feed(&into[..n]);
        }
        Ok(n)
    }
}

/// Searches a gzip file's inflated content; what is no proper gzip is searched as far as it goes.
pub(super) struct Inflated {
    found: Arc<Mutex<Scanner>>,
    decoder: Option<MultiGzDecoder<Sink>>,
}

struct Sink {
    scanner: Arc<Mutex<Scanner>>,
    room: u64,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room = self
            .room
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| io::Error::other("longer than is searched"))?;
        self.scanner.lock().unwrap_or_else(PoisonError::into_inner).feed(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Inflated {
    /// A search of a file that begins with `start`; `None` where that is no gzip.
    pub(super) fn of(start: &[u8], needles: &Arc<Needles>) -> Option<Self> {
        start.starts_with(&[0x1f, 0x8b]).then(|| {
            let found = Arc::new(Mutex::new(Scanner::new(Arc::clone(needles))));
            let sink = Sink { scanner: Arc::clone(&found), room: INFLATE_LIMIT };
            Self { found, decoder: Some(MultiGzDecoder::new(sink)) }
        })
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if let Some(decoder) = &mut self.decoder
            && decoder.write_all(bytes).is_err()
        {
            self.decoder = None;
        }
    }

    /// The names of what was found.
    pub(super) fn finish(mut self) -> BTreeSet<String> {
        if let Some(decoder) = self.decoder.take() {
            // What could be inflated has passed; that the end is missing changes nothing.
            let _ = decoder.finish();
        }
        let mut scanner = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut scanner.hits).into_iter().map(|hit| hit.name).collect()
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
