//! Files that are no text: ELF, SQLite, and strings within any of them.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{Cause, Found, masks, text};

/// Stretches of bytes in which two files may differ and still be explained by strings.
const STRETCHES: usize = 1024;

/// The longest string that is looked at around a difference.
const STRING: usize = 512;

/// Why two files of the same length differ in a few bytes. Empty if it is not known.
pub(super) fn look(a: &[u8], b: &[u8]) -> Vec<Found> {
    if a.len() != b.len() {
        return Vec::new();
    }
    let Some(mut stretches) = stretches(a, b) else { return Vec::new() };
    let mut causes = BTreeSet::new();
    for (cause, known) in known(a, b) {
        let before = stretches.len();
        stretches.retain(|stretch| !known.iter().any(|k| k.start <= stretch.start && stretch.end <= k.end));
        if stretches.len() < before {
            causes.insert(cause);
        }
    }
    let marked = causes.clone();
    let mut found = Vec::new();
    for stretch in stretches {
        let (one, other) = (string(a, &stretch), string(b, &stretch));
        let Some(explained) = masks::explain(one, other) else { return Vec::new() };
        for cause in explained {
            if causes.insert(cause) {
                found.push(Found::with(cause, text::shown(one), text::shown(other)));
            }
        }
    }
    // A build id and a change counter follow from whatever else differs; alone they are the cause.
    if found.is_empty() { text::all(marked) } else { found }
}

/// Where the two differ; `None` if at too many places.
fn stretches(a: &[u8], b: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in a.iter().zip(b).enumerate().filter(|(_, (x, y))| x != y) {
        let full = found.len() == STRETCHES;
        match found.last_mut() {
            Some(last) if last.end == at => last.end += 1,
            _ if full => return None,
            _ => found.push(at..at + 1),
        }
    }
    Some(found)
}

/// Places whose meaning is known, with the cause for which they differ.
fn known(a: &[u8], b: &[u8]) -> Vec<(Cause, Vec<Range<usize>>)> {
    let mut known = Vec::new();
    if let (Some(one), Some(other)) = (build_id(a), build_id(b))
        && one == other
    {
        known.push((Cause::ElfBuildId, vec![one]));
    }
    const SQLITE: &[u8] = b"SQLite format 3\0";
    if a.starts_with(SQLITE) && b.starts_with(SQLITE) {
        // The change counter; the counter for which the size holds; the version of the library that wrote last.
        known.push((Cause::SqliteCounters, vec![24..28, 92..96, 96..100]));
    }
    known
}

/// The printable text around a difference, of which no part lies outside the file.
fn string<'a>(bytes: &'a [u8], stretch: &Range<usize>) -> &'a [u8] {
    let printable = |byte: &u8| matches!(byte, b'\t' | 0x20..=0x7e);
    let before = bytes[..stretch.start].iter().rev().take(STRING).take_while(|byte| printable(byte)).count();
    let behind = bytes[stretch.end..].iter().take(STRING).take_while(|byte| printable(byte)).count();
    &bytes[stretch.start - before..stretch.end + behind]
}

/// Where the description of the note GNU calls `NT_GNU_BUILD_ID` lies in a little-endian ELF file.
fn build_id(elf: &[u8]) -> Option<Range<usize>> {
    if elf.get(..4)? != b"\x7fELF" || *elf.get(5)? != 1 {
        return None;
    }
    let wide = *elf.get(4)? == 2;
    let number = |at: usize, length: usize| -> Option<usize> {
        let bytes = elf.get(at..at.checked_add(length)?)?;
        usize::try_from(bytes.iter().rev().fold(0_u64, |n, &byte| n << 8 | u64::from(byte))).ok()
    };
    // The table of program headers: where, how long each, how many.
    let (table, each, count) = if wide {
        (number(32, 8)?, number(54, 2)?, number(56, 2)?)
    } else {
        (number(28, 4)?, number(42, 2)?, number(44, 2)?)
    };
    for place in 0..count {
        let header = table.checked_add(place.checked_mul(each)?)?;
        const NOTE: usize = 4;
        if number(header, 4)? != NOTE {
            continue;
        }
        let (offset, size) = if wide {
            (number(header + 8, 8)?, number(header + 32, 8)?)
        } else {
            (number(header + 4, 4)?, number(header + 16, 4)?)
        };
        let mut at = offset;
        while at.checked_add(12)? <= offset.checked_add(size)? {
            let (name, description, kind) = (number(at, 4)?, number(at + 4, 4)?, number(at + 8, 4)?);
            let start = at.checked_add(12)?.checked_add(name.checked_next_multiple_of(4)?)?;
            let end = start.checked_add(description)?;
            if kind == 3 && elf.get(at + 12..at + 16)? == b"GNU\0" && end <= elf.len() {
                return Some(start..end);
            }
            at = end.checked_next_multiple_of(4)?;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::causes_of;
    use super::*;

    fn of(a: &[u8], b: &[u8]) -> Vec<Cause> {
        causes_of("usr/lib/x.so", a, b)
    }

    #[test]
    fn strings_explain_what_they_hold_and_no_more() {
        let with = |text: &str, code: u8| [b"\0\x01\x02\0", text.as_bytes(), &[0, code, 7]].concat();
        let (one, other) = (with("/tmp/tmpab12cd34/x.c", 1), with("/tmp/tmpzz12cd34/x.c", 1));
        assert_eq!(of(&one, &other), [Cause::EmbeddedPath]);
        assert_eq!(of(&one, &with("/tmp/tmpzz12cd34/x.c", 2)), [], "code differs too");
        let (one, other) = (with("built Nov 24 2026 18:19:48", 1), with("built Nov 24 2026 18:20:00", 1));
        assert_eq!(of(&one, &other), [Cause::EmbeddedTime]);
        assert_eq!(of(b"\0ab\0", b"\0abc\0"), [], "another length");
    }

    #[test]
    fn counters_of_a_database_are_told_from_its_content() {
        let mut base = b"SQLite format 3\0".to_vec();
        base.resize(512, 0);
        let mut counted = base.clone();
        counted[27] = 9;
        counted[95] = 9;
        assert_eq!(of(&base, &counted), [Cause::SqliteCounters]);
        counted[300] = 9;
        assert_eq!(of(&base, &counted), []);
    }

    #[test]
    fn a_damaged_elf_has_no_build_id() {
        let mut elf = b"\x7fELF\x02\x01".to_vec();
        elf.resize(64, 0xff);
        assert_eq!(build_id(&elf), None);
    }
}
