//! Bytecode of CPython: a header of 16 bytes, then the marshalled code.

use super::marshal::{Layout, shape};
use super::packages::source_of;
use super::{Cause, Found};
use crate::diff::members::time;

const HEADER: usize = 16;

/// The header.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    magic: u16,
    /// Bit 0: by the source's hash, not by its time. Bit 1: the source is to be checked.
    flags: u32,
    /// The source's time and length, or its hash.
    source: [u8; 8],
}

/// Why two files of bytecode differ: header and code are judged apart, and both must be understood.
pub(super) fn look(path: &[u8], a: &[u8], b: &[u8]) -> Vec<Found> {
    let (Some(one), Some(other)) = (header(a), header(b)) else { return Vec::new() };
    let (code_a, code_b) = (&a[HEADER..], &b[HEADER..]);
    if one.magic != other.magic {
        let shown = |header: &Header| format!("magic {}", header.magic);
        return vec![Found::with(Cause::PycPythonVersion, shown(&one), shown(&other))];
    }
    let mut found = Vec::new();
    let by_hash = |header: &Header| header.flags & 1 != 0;
    if one.flags != other.flags {
        let shown = |header: &Header| match header.flags {
            0 => "checked by time",
            1 => "by hash, not checked",
            3 => "checked by hash",
            _ => "flags that are not known",
        };
        found.push(Found::with(Cause::PycInvalidationMode, shown(&one), shown(&other)));
    }
    if by_hash(&one) == by_hash(&other) && one.source != other.source {
        if by_hash(&one) || size(&one) != size(&other) {
            return vec![of_source(path)];
        }
        let shown = |header: &Header| time(i64::from(word(&header.source[..4])) * 1_000_000_000);
        found.push(Found::with(Cause::PycMtime, shown(&one), shown(&other)));
    }
    if code_a != code_b {
        let code = code(one.magic, code_a, code_b);
        if code.is_empty() {
            // A source of the same length, perhaps.
            return vec![Found { guess: true, ..of_source(path) }];
        }
        found.extend(code);
    }
    found
}

fn of_source(path: &[u8]) -> Found {
    Found { depends: source_of(path).into_iter().collect(), ..Found::of(Cause::PycSource) }
}

fn code(magic: u16, a: &[u8], b: &[u8]) -> Vec<Found> {
    let Some(layout) = Layout::of(magic) else { return Vec::new() };
    let (Some((one, path_a)), Some((other, path_b))) = (shape(a, layout), shape(b, layout)) else {
        return Vec::new();
    };
    let path = || Found::with(Cause::PycPath, path_a.clone(), path_b.clone());
    if one.all == other.all {
        vec![Found::of(Cause::PycMarshalRefs)]
    } else if one.pathless == other.pathless {
        vec![path()]
    } else if one.sorted == other.sorted {
        vec![Found::of(Cause::PycSetOrder)]
    } else if one.core == other.core {
        vec![path(), Found::of(Cause::PycSetOrder)]
    } else {
        Vec::new()
    }
}

fn header(bytes: &[u8]) -> Option<Header> {
    let header = bytes.get(..HEADER)?;
    if header[2..4] != *b"\r\n" {
        return None;
    }
    Some(Header {
        magic: u16::from_le_bytes([header[0], header[1]]),
        flags: word(&header[4..8]),
        source: header[8..16].try_into().ok()?,
    })
}

fn size(header: &Header) -> u32 {
    word(&header.source[4..])
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).rev().fold(0, |word, &byte| word << 8 | u32::from(byte))
}

#[cfg(test)]
mod tests {
    use super::super::causes_of;
    use super::*;

    /// A header of Python 3.11 and `code`.
    fn pyc(flags: u32, first: u32, second: u32, code: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xa7, 0x0d, b'\r', b'\n'];
        for word in [flags, first, second] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(code);
        bytes
    }

    fn of(a: &[u8], b: &[u8]) -> Vec<Cause> {
        causes_of("a/__pycache__/m.cpython-311.pyc", a, b)
    }

    #[test]
    fn the_header_and_the_code_are_judged_apart() {
        let base = pyc(0, 1_700_000_000, 10, b")\x02z\x02abz\x02ab");
        assert_eq!(of(&base, &pyc(0, 1_700_000_001, 10, b")\x02z\x02abz\x02ab")), [Cause::PycMtime]);
        assert_eq!(
            of(&base, &pyc(0, 1_700_000_000, 10, b")\x02\xfa\x02abr\0\0\0\0")),
            [Cause::PycMarshalRefs]
        );
        assert_eq!(
            of(&base, &pyc(0, 1, 10, b")\x02\xfa\x02abr\0\0\0\0")),
            [Cause::PycMtime, Cause::PycMarshalRefs]
        );
        assert_eq!(of(&base, &pyc(3, 5, 6, b")\x02z\x02abz\x02ab")), [Cause::PycInvalidationMode]);
        assert_eq!(of(&base, &pyc(0, 1_700_000_001, 11, b"N")), [Cause::PycSource], "another length");
    }

    #[test]
    fn other_code_under_the_same_header_stays_unknown() {
        let base = pyc(0, 1_700_000_000, 10, b"z\x02ab");
        assert_eq!(of(&base, &pyc(0, 1_700_000_000, 10, b"z\x02ac")), []);
        assert_eq!(
            of(&base, &pyc(0, 1_700_000_009, 10, b"z\x02ac")),
            [],
            "the time does not explain the code"
        );
        assert_eq!(of(&base, &pyc(0, 1_700_000_009, 10, b"damaged")), []);
        assert_eq!(of(b"short", b"shorter"), []);
    }
}
