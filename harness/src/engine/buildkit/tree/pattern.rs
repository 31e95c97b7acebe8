//! Docker's path patterns, as in `.dockerignore`: the rules of Go's `filepath.Match` with `**` and `!`
//! added, the last pattern that matches deciding. The behaviour, corner cases included, is that of
//! moby/patternmatcher, which Docker's own client uses.

use regex::Regex;

use super::ContextError;
use super::goregex;

/// An ordered list of patterns.
#[derive(Debug)]
pub struct Patterns(Vec<Pattern>);

#[derive(Debug)]
struct Pattern {
    /// The cleaned text, without the `!`.
    text: String,
    /// Starts with `!`: takes back what earlier patterns matched.
    exception: bool,
    /// `None` if the text is malformed where Docker's client notices it only on trying the pattern.
    matcher: Option<Matcher>,
}

#[derive(Debug)]
enum Matcher {
    Exact,
    /// `dir/**`: all that starts with the text before the stars.
    Prefix,
    /// `**/name`: all that ends with the text after the stars.
    Suffix,
    Regex(Regex),
}

/// How a path fared.
#[derive(Debug, Default, Clone)]
pub(super) struct Matched {
    /// Whether the list as a whole matches.
    pub(super) matched: bool,
    /// Which patterns did; what lies below a directory inherits them.
    pub(super) by: Vec<bool>,
}

impl Patterns {
    /// Reads a list, one pattern an item; empty ones are ignored.
    ///
    /// # Errors
    /// A pattern that Docker refuses too: `!` alone, an unclosed `[`, a trailing backslash.
    pub fn new<S: AsRef<str>>(texts: &[S]) -> Result<Self, ContextError> {
        let texts = texts.iter().map(|text| text.as_ref().trim()).filter(|text| !text.is_empty());
        Ok(Self(texts.map(Pattern::new).collect::<Result<_, _>>()?))
    }

    /// The patterns that the text of an ignore file holds, as BuildKit's frontend passes them on: without
    /// comments, each cleaned of `.` and doubled slashes.
    pub fn lines(ignore_file: &str) -> Vec<String> {
        let lines = ignore_file.lines().map(str::trim);
        lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .filter_map(|line| {
                let (mark, pattern) = line.strip_prefix('!').map_or(("", line), |rest| ("!", rest.trim()));
                let parts: Vec<&str> = pattern.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
                (!parts.is_empty()).then(|| format!("{mark}{}", parts.join("/")))
            })
            .collect()
    }

    /// Whether the list covers `path` (slash-separated, relative), itself or by a directory that it lies in.
    ///
    /// # Errors
    /// A pattern that decides is malformed.
    pub fn covers(&self, path: &str) -> Result<bool, ContextError> {
        let mut found = Matched::default();
        for end in path.match_indices('/').map(|(at, _)| at).chain([path.len()]) {
            found = self.matches(&path[..end], &found.by)?;
        }
        Ok(found.matched)
    }

    /// Matches `path` (slash-separated, relative), of whose directory it is known which patterns matched
    /// (empty at the root).
    ///
    /// # Errors
    /// A pattern that decides is malformed.
    pub(super) fn matches(&self, path: &str, parent: &[bool]) -> Result<Matched, ContextError> {
        let mut result = Matched { matched: false, by: vec![false; self.0.len()] };
        for (i, pattern) in self.0.iter().enumerate() {
            let inherited = parent.get(i).copied().unwrap_or_default();
            // A pattern that cannot change the outcome is not evaluated, and so is not inherited either:
            // that is visible in corner cases, and Docker does it so.
            if !inherited && pattern.exception != result.matched {
                continue;
            }
            if inherited || pattern.matches(path)? {
                result.by[i] = true;
                result.matched = !pattern.exception;
            }
        }
        Ok(result)
    }

    /// Whether any pattern starts with `!`.
    pub(super) fn has_exceptions(&self) -> bool {
        self.0.iter().any(|pattern| pattern.exception)
    }

    /// The fixed part of each pattern with (or without) `!`, less a trailing `/**` or `/*`.
    pub(super) fn prefixes(&self, exceptions: bool) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |pattern| pattern.exception == exceptions).map(|pattern| {
            let text = pattern.text.strip_suffix("/**").unwrap_or(&pattern.text);
            text.strip_suffix("/*").unwrap_or(text)
        })
    }

    /// Whether there is no pattern at all.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Pattern {
    fn new(text: &str) -> Result<Self, ContextError> {
        let cleaned = clean(text);
        let (exception, cleaned) = match cleaned.strip_prefix('!') {
            Some("") => return Err(ContextError("illegal exclusion pattern: \"!\"".to_owned())),
            Some(rest) => (true, rest.to_owned()),
            None => (false, cleaned),
        };
        if !goregex::is_glob(&cleaned) {
            return Err(malformed(&cleaned));
        }
        Ok(Self { matcher: Matcher::new(&cleaned), text: cleaned, exception })
    }

    fn matches(&self, path: &str) -> Result<bool, ContextError> {
        Ok(match self.matcher.as_ref().ok_or_else(|| malformed(&self.text))? {
            Matcher::Exact => path == self.text,
            Matcher::Prefix => path.starts_with(&self.text[..self.text.len() - 2]),
            Matcher::Suffix => {
                let suffix = &self.text[2..];
                path.ends_with(suffix) || suffix.strip_prefix('/') == Some(path)
            }
            Matcher::Regex(regex) => regex.is_match(path),
        })
    }
}

fn malformed(pattern: &str) -> ContextError {
    ContextError(format!("syntax error in pattern {pattern:?}"))
}

impl Matcher {
    /// Translates a cleaned pattern; `None` if it makes no regular expression.
    fn new(pattern: &str) -> Option<Self> {
        let mut matcher = Self::Exact;
        let mut needs_regex = false;
        let mut go = String::from("^");
        let mut rest = pattern.chars().peekable();
        let mut first = true;
        while let Some(c) = rest.next() {
            match c {
                '*' if rest.peek() == Some(&'*') => {
                    rest.next();
                    rest.next_if_eq(&'/');
                    if rest.peek().is_some() {
                        go.push_str("(.*/)?");
                        needs_regex = true;
                    } else if matches!(matcher, Self::Exact) && !needs_regex {
                        matcher = Self::Prefix;
                    } else {
                        go.push_str(".*");
                        needs_regex = true;
                    }
                    if first {
                        matcher = Self::Suffix;
                        needs_regex = false;
                    }
                }
                '*' => {
                    go.push_str("[^/]*");
                    needs_regex = true;
                }
                '?' => {
                    go.push_str("[^/]");
                    needs_regex = true;
                }
                '.' | '+' | '(' | ')' | '|' | '{' | '}' | '$' => go.extend(['\\', c]),
                '\\' => {
                    go.push('\\');
                    if let Some(escaped) = rest.next() {
                        go.push(escaped);
                        needs_regex = true;
                    }
                }
                '[' | ']' => {
                    go.push(c);
                    needs_regex = true;
                }
                c => go.push(c),
            }
            first = false;
        }
        if !needs_regex {
            return Some(matcher);
        }
        go.push('$');
        Regex::new(&goregex::translate(&go)?).ok().map(Self::Regex)
    }
}

/// The shortest equal path, by the rules of Go's `filepath.Clean`.
pub(super) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
