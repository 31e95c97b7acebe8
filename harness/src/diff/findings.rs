//! What was found so far, and what is learnt on the way that explains it once all is seen.

use std::collections::{BTreeMap, BTreeSet};

use super::causes::{self, Found, Notes};
use super::members::shown;
use super::record::{Content, Record};
use super::{Cause, Difference, Kind};
use crate::oci::{Digest, EntryKind, LayerError, display_path};

/// Bytes that all findings may take, with what is held until they are made. One takes some 310, so two images of
/// 200 000 files each that have nothing in common take 120 MB. A hostile layer of a million long names would take
/// gigabytes, where a comparison is to get by on 256 MB.
const FINDINGS: usize = 128 << 20;

/// Whose an entry is that only one image has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    A,
    B,
}

/// A difference before all is seen.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) difference: Difference,
    /// Whether others ask for it by its path.
    by_path: bool,
    /// The path as it stands in the layer, where the difference cannot show it: it is no UTF-8.
    raw: Option<Box<[u8]>>,
    /// Of an entry that only one has.
    pub(super) content: Option<Digest>,
    /// Paths whose differences would make this one a consequence.
    pub(super) depends: Vec<Vec<u8>>,
    /// Whether it is not known unless all of those differ.
    pub(super) guess: bool,
}

impl Finding {
    /// Lets others ask for it by `path`, which the difference shows.
    fn lies_at(&mut self, path: &[u8]) {
        self.by_path = true;
        // Paths are most of what is held: what is shown as it is need not be held twice.
        self.raw = std::str::from_utf8(path).is_err().then(|| path.into());
    }

    /// As it stands in the layer; empty for what is no entry, or asked for by nobody.
    fn path(&self) -> &[u8] {
        match &self.raw {
            Some(raw) => raw,
            // Behind the `/` that it is shown with.
            None if self.by_path => self.difference.path.as_bytes().get(1..).unwrap_or_default(),
            None => &[],
        }
    }

    /// Bytes of memory that it takes, its own place in a list included.
    fn heap_bytes(&self) -> usize {
        let Difference { path, a, b, .. } = &self.difference;
        let raw = self.raw.as_ref().map_or(0, |raw| raw.len());
        let depends = self.depends.iter().map(|path| size_of::<Vec<u8>>() + path.len()).sum::<usize>();
        size_of::<Self>() + path.len() + a.len() + b.len() + raw + depends
    }
}

/// All differences, in the order in which they are met.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) all: Vec<Finding>,
    pub(super) notes: Notes,
    /// Bytes that are held: by the first `counted` of all, and beside them.
    held: usize,
    counted: usize,
}

impl Findings {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Counts `bytes` that are held beside the findings until some are made of them.
    pub(super) fn hold(&mut self, bytes: usize) {
        self.held += bytes;
    }

    /// To be asked after every few findings.
    ///
    /// # Errors
    /// What was found so far takes more memory than it may.
    pub(super) fn bounded(&mut self) -> Result<(), LayerError> {
        self.held += self.all[self.counted..].iter().map(Finding::heap_bytes).sum::<usize>();
        self.counted = self.all.len();
        if self.held <= FINDINGS {
            return Ok(());
        }
        let path = self.all.last().map(|finding| finding.difference.path.clone()).unwrap_or_default();
        let what = "the two images differ in too much to be told in bounded memory";
        Err(LayerError::Member { path, what: what.to_owned() })
    }

    /// A difference of a document.
    pub(super) fn document(&mut self, path: String, cause: Cause, a: String, b: String) {
        self.push(path, None, Kind::Config, cause, (a, b), 0);
    }

    /// A difference of a layer as a whole.
    pub(super) fn layer(&mut self, layer: u32, kind: Kind, cause: Cause, a: String, b: String) {
        self.push(String::new(), Some(layer), kind, cause, (a, b), 0);
    }

    /// A difference of an entry that both have.
    pub(super) fn entry(
        &mut self,
        layer: u32,
        kind: Kind,
        cause: Cause,
        record: &Record,
        sides: (String, String),
    ) {
        let path = display_path(&record.path).into_owned();
        let finding = self.push(path, Some(layer), kind, cause, sides, record.bytes());
        // What explains others is asked for by path; of other metadata there may be very many.
        if kind == Kind::Content {
            finding.lies_at(&record.path);
        }
    }

    /// A file whose content differs: looks into both.
    pub(super) fn look(&mut self, layer: u32, path: &[u8], a: &[u8], b: &[u8]) {
        self.notes.changed(path, a, b);
        self.content(layer, path, (a.len() as u64, b.len() as u64), causes::look(path, a, b));
    }

    /// A file whose content differs, and what was found by looking inside; nothing found is not known.
    pub(super) fn content(&mut self, layer: u32, path: &[u8], bytes: (u64, u64), found: Vec<Found>) {
        let size = |bytes: u64| format!("{bytes} bytes");
        let found = if found.is_empty() { vec![Found::of(Cause::Unknown)] } else { found };
        for Found { cause, a, b, depends, guess } in found {
            let sides = if a.is_empty() && b.is_empty() { (size(bytes.0), size(bytes.1)) } else { (a, b) };
            let shown = display_path(path).into_owned();
            let larger = bytes.0.max(bytes.1);
            let finding = self.push(shown, Some(layer), Kind::Content, cause, sides, larger);
            finding.lies_at(path);
            finding.depends = depends;
            finding.guess = guess;
        }
    }

    /// An entry that only one of two layers has.
    pub(super) fn alone(&mut self, layer: u32, whose: Whose, record: &Record) {
        if let Content::Whole(bytes) = &record.content {
            self.notes.alone(whose, &record.path, bytes);
        }
        let cause = if record.again {
            Cause::DuplicateEntry
        } else if matches!(record.kind, EntryKind::Whiteout | EntryKind::Opaque) {
            Cause::Whiteout
        } else {
            causes::alone(&record.path)
        };
        let (kind, sides) = match whose {
            Whose::A => (Kind::Removed, (shown(&record.kind), String::new())),
            Whose::B => (Kind::Added, (String::new(), shown(&record.kind))),
        };
        let path = display_path(&record.path).into_owned();
        let finding = self.push(path, Some(layer), kind, cause, sides, record.bytes());
        finding.content = Some(record.content.digest().unwrap_or(Digest::NONE));
        finding.lies_at(&record.path);
    }

    /// Takes note of a file that both have, changed or not.
    pub(super) fn saw(&mut self, path: &[u8], content: &Content) {
        if let Content::Whole(bytes) = content {
            self.notes.both(path, bytes);
        }
    }

    /// What was found since `from` and is not known comes with a layer that only one image has.
    pub(super) fn extra_layer(&mut self, from: usize) {
        for finding in &mut self.all[from..] {
            if finding.difference.cause == Cause::Unknown {
                finding.difference.cause = Cause::ExtraLayer;
            }
        }
    }

    /// The differences, with what is explained by others. `copied` are the layers that a COPY or ADD made.
    pub(super) fn finish(mut self, copied: &BTreeSet<u32>) -> Vec<Difference> {
        self.moved();
        self.packages();
        self.follow();
        for finding in &mut self.all {
            let difference = &mut finding.difference;
            let entry = matches!(difference.kind, Kind::Added | Kind::Removed | Kind::Content);
            let copied = difference.layer.is_some_and(|layer| copied.contains(&layer));
            if difference.cause == Cause::Unknown && entry && copied {
                difference.cause = Cause::CopiedContent;
            }
        }
        let mut all: Vec<Difference> = self.all.into_iter().map(|finding| finding.difference).collect();
        all.sort_by(|one, other| one.layer.cmp(&other.layer).then_with(|| one.path.cmp(&other.path)));
        all
    }

    /// The same entry, gone from one layer and new in another, has only moved.
    fn moved(&mut self) {
        let mut removed: BTreeMap<(&[u8], &str), Vec<usize>> = BTreeMap::new();
        for (place, finding) in self.all.iter().enumerate() {
            if finding.difference.kind == Kind::Removed && !finding.path().is_empty() {
                let key = (finding.path(), finding.difference.a.as_str());
                removed.entry(key).or_default().push(place);
            }
        }
        let mut moved = Vec::new();
        for (place, finding) in self.all.iter().enumerate() {
            if finding.difference.kind != Kind::Added || finding.path().is_empty() {
                continue;
            }
            let key = (finding.path(), finding.difference.b.as_str());
            let Some(places) = removed.get_mut(&key) else { continue };
            let (layer, content) = (finding.difference.layer, finding.content);
            let matches = |other: &usize| {
                self.all[*other].content == content && self.all[*other].difference.layer != layer
            };
            if let Some(at) = places.iter().position(matches) {
                moved.extend([place, places.remove(at)]);
            }
        }
        for place in moved {
            self.all[place].difference.cause = Cause::LayerBoundaries;
        }
    }

    /// Gives to packages that came in another version what belongs to them.
    fn packages(&mut self) {
        let drift = self.notes.drift();
        for finding in &mut self.all {
            if !matches!(finding.difference.kind, Kind::Added | Kind::Removed | Kind::Content)
                || matches!(finding.difference.cause, Cause::LayerBoundaries | Cause::Whiteout)
            {
                continue;
            }
            if let Some((cause, a, b)) = drift.of(finding.path()) {
                let difference = &mut finding.difference;
                difference.cause = cause;
                // A version may be as long as a file, and is told with each file of its package.
                let bytes = a.len() + b.len();
                if self.held + bytes <= FINDINGS {
                    self.held += bytes;
                    (difference.a, difference.b) = (a, b);
                }
                finding.depends.clear();
                finding.guess = false;
            }
        }
    }

    /// Finds of what else a difference is the consequence.
    fn follow(&mut self) {
        let mut causes: BTreeMap<&[u8], BTreeSet<Cause>> = BTreeMap::new();
        for finding in &self.all {
            let entry = matches!(finding.difference.kind, Kind::Added | Kind::Removed | Kind::Content);
            if entry && !finding.path().is_empty() {
                causes.entry(finding.path()).or_default().insert(finding.difference.cause);
            }
        }
        let mut follows = Vec::new();
        let depending = |finding: &Finding| finding.guess || !finding.depends.is_empty();
        for (place, finding) in self.all.iter().enumerate().filter(|(_, finding)| depending(finding)) {
            let of: Vec<_> = finding.depends.iter().map(|path| causes.get(path.as_slice())).collect();
            let all = !of.is_empty() && of.iter().all(Option::is_some);
            let together: BTreeSet<Cause> = of.into_iter().flatten().flatten().copied().collect();
            follows.push((place, all, together));
        }
        for (place, all, together) in follows {
            if all {
                self.all[place].difference.follows = together;
            } else if self.all[place].guess {
                self.all[place].difference.cause = Cause::Unknown;
            }
        }
    }

    fn push(
        &mut self,
        path: String,
        layer: Option<u32>,
        kind: Kind,
        cause: Cause,
        (a, b): (String, String),
        bytes: u64,
    ) -> &mut Finding {
        let follows = BTreeSet::new();
        let difference = Difference { path, layer, kind, cause, a, b, bytes, follows };
        self.all.push(Finding {
            difference,
            by_path: false,
            raw: None,
            content: None,
            depends: Vec::new(),
            guess: false,
        });
        self.all.last_mut().expect("it was pushed just now")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn record(path: &str, content: &[u8]) -> Record {
        Record {
            place: 0,
            again: false,
            path: path.as_bytes().into(),
            kind: EntryKind::File { size: content.len() as u64, content: Digest::NONE },
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime_ns: 0,
            form: Arc::default(),
            raw: 0,
            content: Content::Whole(content.to_vec()),
        }
    }

    #[test]
    fn two_images_of_200_000_files_each_with_nothing_in_common_are_told() {
        let mut findings = Findings::default();
        for n in 0..1000 {
            let path = format!("usr/lib/python3.11/site-packages/{n:057}");
            findings.alone(1, Whose::A, &record(&path, b"some content"));
        }
        findings.bounded().unwrap();
        assert!(findings.held >= 1000 * 90, "{} bytes", findings.held);
        assert!(findings.held * 400 <= FINDINGS, "{} bytes", findings.held);
    }

    #[test]
    fn a_path_is_what_the_layer_has_and_not_what_is_shown() {
        let mut findings = Findings::default();
        for path in [&b"a\xff"[..], b"a\xfe", b"a", b""] {
            findings.content(1, path, (1, 1), Vec::new());
        }
        findings.layer(1, Kind::Metadata, Cause::EntryOrder, String::new(), String::new());
        let paths: Vec<&[u8]> = findings.all.iter().map(Finding::path).collect();
        assert_eq!(paths, [&b"a\xff"[..], b"a\xfe", b"a", b"", b""]);
    }

    #[test]
    fn a_package_is_told_by_its_version_while_there_is_room() {
        let sides = |held: usize| {
            let mut findings = Findings::default();
            findings.alone(1, Whose::A, &record("s/p-1.dist-info/RECORD", b"m.py,,\n"));
            findings.alone(1, Whose::A, &record("s/m.py", b"import os\n"));
            findings.hold(held);
            let all = findings.finish(&BTreeSet::new());
            let module = all.into_iter().find(|difference| difference.path == "/s/m.py").unwrap();
            assert_eq!(module.cause, Cause::PythonPackageSet);
            module.a
        };
        assert_eq!(sides(0), "p 1");
        assert_eq!(sides(FINDINGS), "file, 10 bytes");
    }
}
