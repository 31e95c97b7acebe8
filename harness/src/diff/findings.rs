//! What was found so far, and what is learnt on the way that explains it once all is seen.

use std::collections::{BTreeMap, BTreeSet};

use super::causes::{self, Found, Notes};
use super::members::shown;
use super::record::{Content, Record};
use super::{Cause, Difference, Kind};
use crate::oci::{Digest, EntryKind, display_path};

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
    /// As it stands in the layer; empty for what is no entry.
    pub(super) path: Box<[u8]>,
    /// Of an entry that only one has.
    pub(super) content: Option<Digest>,
    /// Paths whose differences would make this one a consequence.
    pub(super) depends: Vec<Vec<u8>>,
    /// Whether it is not known unless all of those differ.
    pub(super) guess: bool,
}

/// All differences, in the order in which they are met.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) all: Vec<Finding>,
    pub(super) notes: Notes,
}

impl Findings {
    pub(super) fn len(&self) -> usize {
        self.all.len()
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
            finding.path = record.path.clone();
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
            finding.path = path.into();
            finding.depends = depends;
            finding.guess = guess;
        }
    }

    /// An entry that only one of two layers has.
    pub(super) fn alone(&mut self, layer: u32, whose: Whose, record: Record) {
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
        finding.path = record.path;
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
        let mut removed: BTreeMap<(Box<[u8]>, String), Vec<usize>> = BTreeMap::new();
        for (place, finding) in self.all.iter().enumerate() {
            if finding.difference.kind == Kind::Removed && !finding.path.is_empty() {
                removed.entry((finding.path.clone(), finding.difference.a.clone())).or_default().push(place);
            }
        }
        for place in 0..self.all.len() {
            let finding = &self.all[place];
            if finding.difference.kind != Kind::Added || finding.path.is_empty() {
                continue;
            }
            let key = (finding.path.clone(), finding.difference.b.clone());
            let Some(places) = removed.get_mut(&key) else { continue };
            let (layer, content) = (finding.difference.layer, finding.content);
            let matches = |other: &usize| {
                self.all[*other].content == content && self.all[*other].difference.layer != layer
            };
            if let Some(at) = places.iter().position(matches) {
                let other = places.remove(at);
                for place in [place, other] {
                    self.all[place].difference.cause = Cause::LayerBoundaries;
                }
            }
        }
    }

    /// Gives to packages that came in another version what belongs to them.
    fn packages(&mut self) {
        let drift = self.notes.drift();
        for finding in &mut self.all {
            let difference = &mut finding.difference;
            if !matches!(difference.kind, Kind::Added | Kind::Removed | Kind::Content)
                || matches!(difference.cause, Cause::LayerBoundaries | Cause::Whiteout)
            {
                continue;
            }
            if let Some((cause, a, b)) = drift.of(&finding.path) {
                difference.cause = cause;
                (difference.a, difference.b) = (a, b);
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
            if entry && !finding.path.is_empty() {
                causes.entry(&finding.path).or_default().insert(finding.difference.cause);
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
            path: Box::default(),
            content: None,
            depends: Vec::new(),
            guess: false,
        });
        self.all.last_mut().expect("it was pushed just now")
    }
}
