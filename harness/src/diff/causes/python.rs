//! What installers of Python packages write beside a package.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cause, Found};
use crate::oci::{normalise, split};

/// What an installer notes of itself and of where a package came from.
pub(super) const INSTALLER_FILES: [&[u8]; 4] =
    [b"direct_url.json", b"INSTALLER", b"REQUESTED", b"uv_cache.json"];

/// `None` where `path` is none of these files; an empty list where it is and the difference is not known.
pub(super) fn look(path: &[u8], a: &[u8], b: &[u8]) -> Option<Vec<Found>> {
    let (dir, name) = split(path);
    if !split(dir).1.ends_with(b".dist-info") {
        return None;
    }
    if INSTALLER_FILES.contains(&name) {
        return Some(vec![Found::of(Cause::InstallMetadata)]);
    }
    (name == b"RECORD").then(|| record(dir, a, b).into_iter().collect())
}

/// RECORD is a CSV file with a line for each file: path, hash, length.
fn record(dir: &[u8], a: &[u8], b: &[u8]) -> Option<Found> {
    let (lines_a, lines_b) = (lines(a), lines(b));
    let (counts_a, counts_b) = (count(&lines_a), count(&lines_b));
    if counts_a == counts_b {
        return Some(Found::of(Cause::RecordOrder));
    }
    let only = |own: &BTreeMap<Line<'_>, usize>, other: &BTreeMap<Line<'_>, usize>| {
        let only = own.iter().filter(|(line, count)| other.get(*line) != Some(count));
        only.map(|(line, _)| line.path.to_vec()).collect::<BTreeSet<_>>()
    };
    let (only_a, only_b) = (only(&counts_a, &counts_b), only(&counts_b, &counts_a));
    // Paths are relative to the folder that holds the dist-info folder.
    let root = split(dir).0;
    let depends = only_a.union(&only_b).map(|path| normalise(&[root, path].join(&b"/"[..]))).collect();
    let shown = |only: &BTreeSet<Vec<u8>>| format!("{} lines that the other has not", only.len());
    Some(Found { depends, guess: true, ..Found::with(Cause::RecordFollows, shown(&only_a), shown(&only_b)) })
}

fn count<'a>(lines: &[Line<'a>]) -> BTreeMap<Line<'a>, usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        *counts.entry(*line).or_default() += 1;
    }
    counts
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line<'a> {
    pub(super) path: &'a [u8],
    rest: &'a [u8],
}

/// The lines of a RECORD. A path with a comma is in quotes.
pub(super) fn lines(text: &[u8]) -> Vec<Line<'_>> {
    let split = |line: &'_ [u8]| -> (usize, usize, usize) {
        if line.first() == Some(&b'"') {
            let end = line[1..].iter().position(|&byte| byte == b'"').map_or(line.len(), |at| at + 1);
            return (1.min(end), end, (end + 1).min(line.len()));
        }
        let end = line.iter().position(|&byte| byte == b',').unwrap_or(line.len());
        (0, end, end)
    };
    let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (start, end, rest) = split(line);
            Line { path: &line[start..end], rest: &line[rest..] }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIR: &[u8] = b"usr/lib/python3/site-packages/p-1.dist-info";

    #[test]
    fn lines_in_another_order_are_told_from_other_lines() {
        let found = record(DIR, b"a.py,sha256=x,1\nb.py,,\n", b"b.py,,\na.py,sha256=x,1\n").unwrap();
        assert_eq!(found.cause, Cause::RecordOrder);
        let found = record(DIR, b"../../bin/p,sha256=x,1\n", b"../../bin/p,sha256=y,1\n").unwrap();
        assert_eq!(found.cause, Cause::RecordFollows);
        assert_eq!(found.depends, [b"usr/lib/bin/p".to_vec()]);
    }

    #[test]
    fn a_path_in_quotes_may_hold_a_comma() {
        let found = lines(b"\"a,b.py\",sha256=x,1\nc.py,,\n");
        assert_eq!(found.iter().map(|line| line.path).collect::<Vec<_>>(), [&b"a,b.py"[..], b"c.py"]);
    }
}
