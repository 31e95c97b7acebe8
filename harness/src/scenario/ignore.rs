//! Which files of a context `.dockerignore` leaves out, to choose a file that a build really sees.
//! Only a choice hangs on it; what is sent to the engine is decided by the engine's own patterns.

use std::path::Path;

use regex::Regex;

/// The patterns of an ignore file, in order: the last that matches decides.
pub(super) struct Ignore {
    patterns: Vec<(bool, Regex)>,
}

impl Ignore {
    /// Those that hold for `dockerfile` on `context`: its own ignore file, else `.dockerignore`, else none.
    pub(super) fn of(dockerfile: &Path, context: &Path) -> Self {
        let mut own = dockerfile.as_os_str().to_owned();
        own.push(".dockerignore");
        let text =
            std::fs::read_to_string(own).or_else(|_| std::fs::read_to_string(context.join(".dockerignore")));
        Self::parse(&text.unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let patterns = lines.filter_map(|line| {
            let (exception, pattern) =
                line.strip_prefix('!').map_or((false, line), |rest| (true, rest.trim()));
            Some((exception, glob(pattern)?))
        });
        Self { patterns: patterns.collect() }
    }

    /// Whether the file at `path` (slash-separated, relative) is left out.
    pub(super) fn leaves_out(&self, path: &str) -> bool {
        let last = self.patterns.iter().rev().find(|(_, pattern)| pattern.is_match(path));
        last.is_some_and(|(exception, _)| !exception)
    }
}

/// A pattern as Docker reads it: it covers what it names and all below. `None` where it is malformed.
pub(crate) fn glob(pattern: &str) -> Option<Regex> {
    let parts: Vec<&str> = pattern.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.is_empty() {
        return Regex::new("").ok();
    }
    let mut regex = String::from("^");
    for (index, part) in parts.iter().enumerate() {
        let last = index + 1 == parts.len();
        if *part == "**" {
            regex.push_str(if last { ".*" } else { "(?:.*/)?" });
            continue;
        }
        regex.push_str(&part_regex(part));
        if !last {
            regex.push('/');
        }
    }
    regex.push_str("(?:/.*)?$");
    Regex::new(&regex).ok()
}

fn part_regex(part: &str) -> String {
    let mut regex = String::new();
    let mut chars = part.chars().peekable();
    let mut class = false;
    while let Some(c) = chars.next() {
        match c {
            '*' if !class && chars.next_if_eq(&'*').is_some() => regex.push_str(".*"),
            '*' if !class => regex.push_str("[^/]*"),
            '?' if !class => regex.push_str("[^/]"),
            '[' | ']' => {
                class = c == '[';
                regex.push(c);
            }
            '\\' => regex.push_str(&regex::escape(&chars.next().unwrap_or('\\').to_string())),
            '-' | '^' if class => regex.push(c),
            _ => regex.push_str(&regex::escape(&c.to_string())),
        }
    }
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_pattern_decides() {
        let ignore = Ignore::parse("# data\n*.md\n!README.md\ndata\n**/cache/*\n/x?.[ch]\n");
        for out in ["a.md", "data/x/y", "cache/a", "deep/er/cache/a", "x1.c"] {
            assert!(ignore.leaves_out(out), "{out}");
        }
        for kept in ["README.md", "sub/a.md", "database", "x12.c", "src/x1.c", "cache"] {
            assert!(!ignore.leaves_out(kept), "{kept}");
        }
    }

    #[test]
    fn nothing_is_left_out_without_a_file() {
        assert!(!Ignore::parse("").leaves_out("app.py"));
    }

    #[test]
    fn a_dot_covers_everything() {
        assert!(glob(".").unwrap().is_match("src/app.py"));
        assert!(glob("./src/").unwrap().is_match("src/app.py"));
    }
}
