//! What is known to vary within a text: times, temporary paths, random identifiers, addresses.
//!
//! A mask is narrow on purpose. Two texts that differ in a word that only looks like one of these must not be
//! explained by it: a bare date or number counts as a time of building only where the text beside it says so.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::Cause;

/// A text longer than this is not searched: lines of minified programs would take long.
const TEXT_LIMIT: usize = 64 << 10;

/// Each pattern with its cause. What stands in the group `mask` is what varies; without that group, the whole.
static MASKS: LazyLock<Vec<(Cause, Regex)>> = LazyLock::new(|| {
    const MONTH: &str = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)";
    const CLOCK: &str = r"[0-2]\d:[0-5]\d:[0-6]\d";
    const SAYS: &str =
        r"(?i:built|build|compiled|created|generated|timestamp|mtime|modified|\bdate\b|\btime\b)";
    let patterns = [
        // 2026-11-24T18:19:48.123+00:00, as ISO 8601 and its relatives write it. A digit may stand before it: in a
        // database nothing keeps it apart from what the row says of itself.
        (
            Cause::EmbeddedTime,
            format!(
                r"20\d\d[-/:][01]\d[-/:][0-3]\d[T _]{CLOCK}(?:[.,]\d{{1,9}})?(?:\s?(?:Z\b|UTC\b|[+-]\d\d:?\d\d\b))?"
            ),
        ),
        // Tue Nov 24 18:19:48 2026, also with a zone; Nov 24 2026 18:19:48; Nov 24 2026, 18:19:48.
        (
            Cause::EmbeddedTime,
            format!(r"\b(?:[A-Z][a-z]{{2}},? )?{MONTH} [ 0-3]?\d {CLOCK}(?: [A-Z]{{2,5}})? 20\d\d\b"),
        ),
        (Cause::EmbeddedTime, format!(r"\b{MONTH} [ 0-3]?\d,? 20\d\d,? {CLOCK}\b")),
        // Tue, 24 Nov 2026 18:19:48 +0000, as mail writes it.
        (
            Cause::EmbeddedTime,
            format!(r"\b(?:[A-Z][a-z]{{2}}, )?[0-3]?\d {MONTH} 20\d\d {CLOCK}(?: (?:[+-]\d{{4}}|[A-Z]{{2,4}}))?\b"),
        ),
        // A day, a clock or seconds after 1970, where the words before say what it is.
        (
            Cause::EmbeddedTime,
            format!(
                r#"{SAYS}[a-zA-Z_ ]{{0,16}}["']?\s?(?:[:=,]|\bon|\bat)?\s?["']?(?P<mask>20\d\d-[01]\d-[0-3]\d|{MONTH} [ 0-3]?\d,? 20\d\d|{CLOCK}|1[4-9]\d{{8}}(?:\.\d{{1,9}})?)"#
            ),
        ),
        // What Python's tempfile, mktemp and gcc make.
        (
            Cause::EmbeddedPath,
            r"/(?:var/)?tmp/(?P<mask>tmp[a-z0-9_]{8}|tmp\.[A-Za-z0-9]{6,10}|cc[A-Za-z0-9]{6}|go-build\d{6,12})\b".to_owned(),
        ),
        (
            Cause::EmbeddedPath,
            r"\bpip-(?:req-build|install|build-env|wheel|ephem-wheel-cache|modern-metadata|unpack)-(?P<mask>[a-z0-9_]{8})\b"
                .to_owned(),
        ),
        (
            Cause::RandomId,
            r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-5][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}\b".to_owned(),
        ),
        // <function f at 0x7f…>
        (Cause::MemoryAddress, r"\bat 0x(?P<mask>[0-9a-f]{8,16})\b".to_owned()),
    ];
    let compiled =
        |(cause, pattern): (Cause, String)| (cause, Regex::new(&pattern).expect("a constant pattern"));
    patterns.into_iter().map(compiled).collect()
});

/// The causes that explain all in which `a` and `b` differ; `None` if they do not explain it.
pub(super) fn explain(a: &[u8], b: &[u8]) -> Option<BTreeSet<Cause>> {
    if a.len() > TEXT_LIMIT || b.len() > TEXT_LIMIT {
        return None;
    }
    let (spans_a, spans_b) = (spans(a), spans(b));
    if spans_a.len() != spans_b.len() {
        return None;
    }
    let mut causes = BTreeSet::new();
    let (mut at_a, mut at_b) = (0, 0);
    for (one, other) in spans_a.iter().zip(&spans_b) {
        // The same between them, and the same kind of thing.
        if one.cause != other.cause || a[at_a..one.start] != b[at_b..other.start] {
            return None;
        }
        let (text_a, text_b) = (&a[one.start..one.end], &b[other.start..other.end]);
        if text_a != text_b {
            if form(text_a) != form(text_b) && one.cause == Cause::EmbeddedTime {
                return None;
            }
            causes.insert(one.cause);
        }
        (at_a, at_b) = (one.end, other.end);
    }
    (a[at_a..] == b[at_b..] && !causes.is_empty()).then_some(causes)
}

struct Span {
    start: usize,
    end: usize,
    cause: Cause,
}

/// What in `text` is known to vary, in its order and without overlaps: what begins first, then what is longest.
fn spans(text: &[u8]) -> Vec<Span> {
    let mut found = Vec::new();
    for (cause, pattern) in MASKS.iter() {
        for captures in pattern.captures_iter(text) {
            let whole = captures.get(0).map_or(&b""[..], |whole| whole.as_bytes());
            // A timeout is a length of time.
            if whole.to_ascii_lowercase().windows(7).any(|word| word == b"timeout") {
                continue;
            }
            if let Some(span) = captures.name("mask").or_else(|| captures.get(0)) {
                found.push(Span { start: span.start(), end: span.end(), cause: *cause });
            }
        }
    }
    found.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let mut end = 0;
    found.retain(|span| {
        let apart = span.start >= end;
        if apart {
            end = span.end;
        }
        apart
    });
    found
}

/// A time with its digits and letters blurred: a time is not explained by one that is written in another way.
fn form(text: &[u8]) -> Vec<u8> {
    let mut form: Vec<u8> = text
        .iter()
        .map(|byte| match byte {
            b'0'..=b'9' => b'0',
            b'A'..=b'Z' | b'a'..=b'z' => b'a',
            other => *other,
        })
        .collect();
    // A day may have one digit or two, with a blank before it, and a fraction any number.
    form.dedup_by(|a, b| a == b && matches!(*a, b'0' | b' '));
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(a: &str, b: &str) -> Option<Vec<Cause>> {
        explain(a.as_bytes(), b.as_bytes()).map(|causes| causes.into_iter().collect())
    }

    #[test]
    fn what_varies_is_known_in_its_usual_forms() {
        use Cause::{EmbeddedPath, EmbeddedTime, MemoryAddress, RandomId};
        for (a, b, cause) in [
            ("at 2026-11-24T18:19:48Z.", "at 2026-11-25T08:00:00Z.", EmbeddedTime),
            ("2026-11-24 18:19:48,123 INFO", "2026-11-24 18:19:49,7 INFO", EmbeddedTime),
            ("Tue Nov 24 18:19:48 2026", "Wed Nov  4 18:19:49 2026", EmbeddedTime),
            ("Nov 24 2026 18:19:48", "Nov 25 2026 18:19:48", EmbeddedTime),
            ("Date: Tue, 24 Nov 2026 18:19:48 +0000", "Date: Wed, 25 Nov 2026 18:19:48 +0000", EmbeddedTime),
            ("build_date = '2026-11-24'", "build_date = '2026-11-25'", EmbeddedTime),
            ("\"timestamp\": 1795544388,", "\"timestamp\": 1795544399,", EmbeddedTime),
            ("CFLAGS=-I/tmp/tmpab12cd34/x", "CFLAGS=-I/tmp/tmpef56gh78/x", EmbeddedPath),
            ("/tmp/pip-req-build-ab12cd34/a.c", "/tmp/pip-req-build-zz12cd34/a.c", EmbeddedPath),
            ("id 123e4567-e89b-42d3-a456-426614174000", "id 923e4567-e89b-42d3-a456-426614174000", RandomId),
            ("<function f at 0x7f1234567890>", "<function f at 0x7f1234567000>", MemoryAddress),
        ] {
            assert_eq!(of(a, b), Some(vec![cause]), "{a} | {b}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not_explained() {
        for (a, b) in [
            ("version 2026-11-24", "version 2026-11-25"),
            ("certifi 2026.11.24", "certifi 2026.12.24"),
            ("port = 1795544388", "port = 1795544399"),
            ("2026-11-24T18:19:48Z one", "2026-11-24T18:19:49Z two"),
            ("2026-11-24T18:19:48Z", "Tue Nov 24 18:19:48 2026"),
            ("/opt/tool-1.2/bin", "/opt/tool-1.3/bin"),
            ("/tmp/config.json", "/tmp/server.json"),
            ("build_timeout: 00:30:00", "build_timeout: 00:40:00"),
            ("mask 0x7f1234567890", "mask 0x7f1234567000"),
            ("5f3a-11", "5f3a-12"),
            ("same", "same"),
        ] {
            assert_eq!(of(a, b), None, "{a} | {b}");
        }
    }
}
