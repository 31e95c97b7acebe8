//! Text: compared line by line.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Cause, Found, masks};

/// Lines that are looked into.
const LINES: usize = 200_000;

/// Bytes of lines that differ and are looked into.
const DIFFERING: usize = 2 << 20;

/// `None` where one of them is no text; an empty list where the difference is not known.
pub(super) fn look(a: &[u8], b: &[u8]) -> Option<Vec<Found>> {
    if !is_text(a) || !is_text(b) {
        return None;
    }
    Some(lines(a, b).or_else(|| order(a, b)).unwrap_or_default())
}

/// UTF-8 without control characters but those of lines.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    !bytes.iter().any(control) && std::str::from_utf8(bytes).is_ok()
}

/// Each line differs by what is known to vary.
fn lines(a: &[u8], b: &[u8]) -> Option<Vec<Found>> {
    let split = |text: &'_ [u8]| text.split(|&byte| byte == b'\n').take(LINES + 1).count();
    if split(a) != split(b) || split(a) > LINES {
        return None;
    }
    let mut causes: BTreeMap<Cause, Found> = BTreeMap::new();
    let mut room = DIFFERING;
    let pairs = a.split(|&byte| byte == b'\n').zip(b.split(|&byte| byte == b'\n'));
    for (one, other) in pairs.filter(|(one, other)| one != other) {
        room = room.checked_sub(one.len() + other.len())?;
        for cause in masks::explain(one, other)? {
            causes.entry(cause).or_insert_with(|| Found::with(cause, shown(one), shown(other)));
        }
    }
    (!causes.is_empty()).then(|| causes.into_values().collect())
}

/// The same lines or, of a JSON document, the same keys and elements in another order.
fn order(a: &[u8], b: &[u8]) -> Option<Vec<Found>> {
    let sorted = |text: &'_ [u8]| {
        let mut lines: Vec<Vec<u8>> = text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
        lines.sort_unstable();
        lines
    };
    let found = || Some(vec![Found::of(Cause::UnorderedList)]);
    if a.len() == b.len() && sorted(a) == sorted(b) {
        return found();
    }
    if !matches!((a.trim_ascii_start().first()?, b.trim_ascii_start().first()?), (b'{', b'{') | (b'[', b'['))
    {
        return None;
    }
    let parse = |text: &[u8]| serde_json::from_slice::<Value>(text).ok().map(canonical);
    // Blank space must be the same too, in whatever order.
    let letters = |text: &[u8]| {
        let mut counts = [0_u32; 256];
        for byte in text {
            counts[usize::from(*byte)] += 1;
        }
        counts
    };
    let (one, other) = (parse(a)?, parse(b)?);
    if one == other && letters(a) == letters(b) { found() } else { None }
}

/// Arrays in sorted order; the keys of objects are sorted already.
fn canonical(value: Value) -> Value {
    match value {
        Value::Array(elements) => {
            let mut elements: Vec<Value> = elements.into_iter().map(canonical).collect();
            elements.sort_by_cached_key(Value::to_string);
            Value::Array(elements)
        }
        Value::Object(entries) => {
            Value::Object(entries.into_iter().map(|(key, value)| (key, canonical(value))).collect())
        }
        other => other,
    }
}

/// The start of a line, for people.
pub(super) fn shown(line: &[u8]) -> String {
    const SHOWN: usize = 160;
    let text = String::from_utf8_lossy(line);
    let mut shown: String = text.trim().chars().take(SHOWN).collect();
    if text.trim().chars().count() > SHOWN {
        shown.push('…');
    }
    shown
}

/// The causes of a set, each as a finding without sides.
pub(super) fn all(causes: BTreeSet<Cause>) -> Vec<Found> {
    causes.into_iter().map(Found::of).collect()
}

#[cfg(test)]
mod tests {
    use super::super::causes_of;
    use super::*;

    fn of(a: &str, b: &str) -> Vec<Cause> {
        causes_of("app/file", a.as_bytes(), b.as_bytes())
    }

    #[test]
    fn all_lines_must_be_explained() {
        let a = "x\nbuilt 2026-11-24T18:19:48Z\nin /tmp/tmpab12cd34\n";
        assert_eq!(
            of(a, "x\nbuilt 2026-11-24T18:19:50Z\nin /tmp/tmpzz12cd34\n"),
            [Cause::EmbeddedTime, Cause::EmbeddedPath]
        );
        assert_eq!(of(a, "y\nbuilt 2026-11-24T18:19:50Z\nin /tmp/tmpzz12cd34\n"), []);
        assert_eq!(of("one\n", "two\n"), []);
    }

    #[test]
    fn another_order_is_told_from_other_lines() {
        assert_eq!(of("a\nb\nc\n", "c\na\nb\n"), [Cause::UnorderedList]);
        assert_eq!(of("a\nb\nb\n", "a\na\nb\n"), [], "as many lines, but not the same");
        assert_eq!(of(r#"{"a": 1, "b": [2, 3]}"#, r#"{"b": [3, 2], "a": 1}"#), [Cause::UnorderedList]);
        assert_eq!(of(r#"{"a": 12}"#, r#"{"a": 21}"#), [], "the same letters, another value");
        assert_eq!(of(r#"{"a":"x"}"#, r#"{ "a":"x"}"#), [], "written otherwise");
    }
}
