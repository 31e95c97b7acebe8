//! Go's glob and regular expression syntax, where it differs from the `regex` crate's.

use std::iter::Peekable;
use std::str::Chars;

/// Whether Go's `filepath.Match` takes `pattern` as well-formed when it is tried on `.`, as Docker's client
/// does: it looks no further than the part between stars that does not match.
pub(super) fn is_glob(pattern: &str) -> bool {
    let mut rest = pattern.trim_start_matches('*').chars().peekable();
    let mut length = 0;
    while let Some(c) = rest.next() {
        let fine = match c {
            '*' if length > 1 => return true,
            '*' => true,
            '\\' => rest.next().is_some(),
            '[' => is_glob_class(&mut rest),
            _ => true,
        };
        if !fine {
            return false;
        }
        length += 1;
    }
    true
}

/// Reads a class behind its `[`.
fn is_glob_class(rest: &mut Peekable<Chars<'_>>) -> bool {
    rest.next_if_eq(&'^');
    let mut ranges = 0;
    loop {
        if ranges > 0 && rest.next_if_eq(&']').is_some() {
            return true;
        }
        if !is_glob_class_member(rest) {
            return false;
        }
        if rest.next_if_eq(&'-').is_some() && !is_glob_class_member(rest) {
            return false;
        }
        ranges += 1;
    }
}

fn is_glob_class_member(rest: &mut Peekable<Chars<'_>>) -> bool {
    match rest.next() {
        None | Some('-' | ']') => false,
        // What is escaped must be there, and the class must go on behind it.
        Some('\\') => rest.next().is_some() && rest.peek().is_some(),
        Some(_) => rest.peek().is_some(),
    }
}

/// Rewrites a Go regular expression for the `regex` crate: escapes and classes mean the same again.
/// `None` if Go would refuse it.
pub(super) fn translate(go: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = go.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => out.push_str(&escape(rest.next()?)?),
            '[' => class(&mut rest, &mut out)?,
            ']' => out.push_str(r"\]"),
            c => out.push(c),
        }
    }
    Some(out)
}

/// An escape, given what is behind the backslash. Go's classes are ASCII; the `regex` crate's are not.
fn escape(c: char) -> Option<String> {
    Some(match c {
        'd' => "[0-9]".to_owned(),
        'D' => "[^0-9]".to_owned(),
        'w' => "[0-9A-Za-z_]".to_owned(),
        'W' => "[^0-9A-Za-z_]".to_owned(),
        's' => r"[\t\n\f\r ]".to_owned(),
        'S' => r"[^\t\n\f\r ]".to_owned(),
        'b' => r"(?-u:\b)".to_owned(),
        'A' | 'z' | 'a' | 'f' | 'n' | 'r' | 't' | 'v' | 'x' | 'p' | 'P' => format!("\\{c}"),
        c => literal(c)?,
    })
}

/// What stands for itself behind a backslash: all of ASCII but letters and digits.
fn literal(c: char) -> Option<String> {
    (c.is_ascii() && !c.is_ascii_alphanumeric()).then(|| regex::escape(&c.to_string()))
}

/// A class behind its `[`. The `regex` crate nests classes and knows set operators; Go does neither.
fn class(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Option<()> {
    out.push('[');
    if rest.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    loop {
        let c = rest.next()?;
        match c {
            '[' if rest.peek() == Some(&':') => match named_class(rest) {
                Some(class) => out.push_str(&class),
                None => out.push_str(r"\["),
            },
            ']' if !first => break,
            '\\' => match rest.next()? {
                c @ ('d' | 'D' | 'w' | 'W' | 's' | 'S' | 'a' | 'f' | 'n' | 'r' | 't' | 'v' | 'x' | 'p'
                | 'P') => {
                    out.push_str(&escape(c)?);
                }
                c => out.push_str(&literal(c)?),
            },
            '-' if !first && rest.peek() != Some(&']') => out.push('-'),
            '[' | ']' | '&' | '~' | '-' | '^' => out.extend(['\\', c]),
            c => out.push(c),
        }
        first = false;
    }
    out.push(']');
    Some(())
}

/// `[:name:]` behind its `[`, if it is one.
fn named_class(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let ahead: String = rest.clone().take(12).collect();
    let (name, _) = ahead.strip_prefix(':')?.split_once(":]")?;
    let known = name.strip_prefix('^').unwrap_or(name).chars().all(|c| c.is_ascii_lowercase());
    known.then(|| {
        rest.by_ref().take(name.len() + 3).for_each(drop);
        format!("[:{name}:]")
    })
}
