//! Text: compared line by line.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Cause, Found, masks};

/// Lines that are looked into.
const LINES: usize = 200_000;

/// Bytes of lines that differ and are looked into.
const DIFFERING: usize = 2 << 20;

/// The longest JSON document that is looked into: its values take up to a hundred times as much memory.
const DOCUMENT: usize = 1 << 20;

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
    // Another order is of the same bytes, blank space included. To count them costs least, and no memory.
    if a.len() != b.len() || letters(a) != letters(b) {
        return None;
    }
    (same_lines(a, b) || same_values(a, b)).then(|| vec![Found::of(Cause::UnorderedList)])
}

/// How often each byte occurs.
fn letters(text: &[u8]) -> [usize; 256] {
    let mut counts = [0; 256];
    for byte in text {
        counts[usize::from(*byte)] += 1;
    }
    counts
}

/// Whether both are made of the same lines; of too many it is not known.
fn same_lines(a: &[u8], b: &[u8]) -> bool {
    sorted(a).is_some_and(|one| sorted(b) == Some(one))
}

/// The lines in sorted order; `None` if they are too many.
fn sorted(text: &[u8]) -> Option<Vec<&[u8]>> {
    let mut lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').take(LINES + 1).collect();
    if lines.len() > LINES {
        return None;
    }
    lines.sort_unstable();
    Some(lines)
}

/// Whether both are JSON documents of the same values; of too long ones it is not known.
fn same_values(a: &[u8], b: &[u8]) -> bool {
    let opens = |text: &[u8]| matches!(text.trim_ascii_start().first(), Some(b'{' | b'['));
    if a.len().max(b.len()) > DOCUMENT || !opens(a) || !opens(b) {
        return false;
    }
    // One after the other: the values of both are never held at once.
    let written = |text: &[u8]| Some(canonical(serde_json::from_slice(text).ok()?).to_string());
    written(a).is_some_and(|one| written(b) == Some(one))
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
        assert_eq!(of(r#"{"a": [1], "b": 2}"#, r#"{"b": [1], "a": 2}"#), [], "the same letters, other keys");
    }

    #[test]
    fn an_order_is_not_looked_for_in_what_would_take_too_much_memory() {
        let lines = |count: usize| "x\n".repeat(count);
        let of_lines = |count: usize| of(&(lines(count) + "y\n"), &("y\n".to_owned() + &lines(count)));
        assert_eq!(of_lines(1000), [Cause::UnorderedList]);
        assert_eq!(of_lines(LINES), []);
        let of_bytes = |count: usize| {
            let long = "x".repeat(count);
            of(&format!(r#"{{"a": "{long}", "b": 1}}"#), &format!(r#"{{"b": 1, "a": "{long}"}}"#))
        };
        assert_eq!(of_bytes(DOCUMENT / 2), [Cause::UnorderedList]);
        assert_eq!(of_bytes(DOCUMENT), []);
    }
}
