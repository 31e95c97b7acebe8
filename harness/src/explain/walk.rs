//! The walk from a step upwards to the first thing that differs from the build before.

use std::collections::BTreeMap;

use anyhow::Result;
use regex::Regex;

use super::files::Change;
use super::stages::{At, Parent, Stages};
use super::{IGNORED_LINK, Inputs, UNKNOWN};
use crate::engine::buildkit::Vertex;
use crate::scenario::{Copied, Instruction, Link, glob};

/// Letters of an instruction that a cause shows.
const SHOWN: usize = 64;

/// Paths that a cause names.
const NAMED: usize = 3;

pub(super) fn causes(before: &Inputs, after: &Inputs, vertexes: &[Vertex]) -> Result<Vec<Option<String>>> {
    let stages = Stages::of(&after.dockerfile, &after.args);
    let walk = Walk {
        before,
        after,
        old: Stages::of(&before.dockerfile, &before.args),
        changes: before.files.changes(&after.files)?,
        vertexes: stages.vertexes(vertexes),
        stages,
    };
    Ok(vertexes.iter().map(|vertex| walk.cause(vertex)).collect())
}

struct Walk<'a> {
    before: &'a Inputs,
    after: &'a Inputs,
    old: Stages,
    stages: Stages,
    changes: BTreeMap<String, Change>,
    vertexes: BTreeMap<At, &'a Vertex>,
}

/// Variables whose value an argument changed, each with the argument.
type Tainted = BTreeMap<String, String>;

impl Walk<'_> {
    fn cause(&self, vertex: &Vertex) -> Option<String> {
        if !vertex.is_instruction() || vertex.cached || vertex.started.is_none() {
            return None;
        }
        let at = self.vertexes.iter().find(|(_, known)| known.digest == vertex.digest).map(|(at, _)| *at);
        let cause = match at {
            Some((stage, place)) => self.until(stage, place),
            None => self.base_by_name(&vertex.name),
        };
        Some(cause.unwrap_or_else(|| UNKNOWN.to_owned()))
    }

    /// The first cause in a stage up to the instruction at `last`, and in all that it is built on.
    fn until(&self, stage: usize, last: usize) -> Option<String> {
        let parent = &self.stages.0[stage].parent;
        let mut tainted = self.inherited(stage);
        let mut found = match parent {
            Parent::Stage(parent) => self.at_end(*parent),
            Parent::Image { .. } => self.base(stage),
            Parent::Scratch => None,
        };
        for (place, step) in self.stages.0[stage].steps.iter().enumerate().take(last + 1) {
            self.taint(step, &mut tainted);
            let vertex = self.vertexes.get(&(stage, place));
            let link = match step.keyword.as_str() {
                "COPY" | "ADD" => Copied::parse(&step.rest).link,
                _ => Link::None,
            };
            // What comes after a step that was found in the cache does not hang on what came before it, unless that step
            // did not hang on it either. (WORKDIR is reported as cached whether it was or not.)
            let cached = vertex.is_some_and(|vertex| vertex.cached) && step.keyword != "WORKDIR";
            if cached && place != last {
                if link != Link::Linked {
                    found = None;
                }
                continue;
            }
            if place == last {
                found = match link {
                    Link::None => found,
                    Link::Linked => None,
                    Link::Ignored => found.map(|cause| format!("{cause} ({IGNORED_LINK})")),
                };
            }
            if found.is_none() {
                found = self.own(stage, place, step, &tainted);
            }
        }
        found
    }

    fn at_end(&self, stage: usize) -> Option<String> {
        let last = self.stages.0[stage].steps.len().checked_sub(1);
        match (last, &self.stages.0[stage].parent) {
            (Some(last), _) => self.until(stage, last),
            (None, Parent::Stage(parent)) => self.at_end(*parent),
            (None, Parent::Image { .. }) => self.base(stage),
            (None, Parent::Scratch) => None,
        }
    }

    /// What differs in an instruction itself or in what it takes from elsewhere.
    fn own(&self, stage: usize, place: usize, step: &Instruction, tainted: &Tainted) -> Option<String> {
        let label = self.label(stage, place, step);
        if self.is_new(stage, step) {
            return Some(format!("{label}: this line of the Dockerfile is new or changed"));
        }
        let used = tainted.iter().find(|(name, _)| step.keyword == "RUN" || uses(&step.rest, name));
        let argument = used.map(|(_, argument)| format!("{label}: build argument {argument} changed"));
        // As BuildKit names the step, with the variables filled in.
        let text = self.vertexes.get(&(stage, place)).and_then(|vertex| vertex.name.split_once("] "));
        let text =
            text.and_then(|(_, text)| text.split_once(' ')).map_or(step.rest.as_str(), |(_, rest)| rest);
        match step.keyword.as_str() {
            "COPY" | "ADD" => {
                let copied = Copied::parse(text);
                argument.or_else(|| match &copied.from {
                    Some(from) => self.elsewhere(from),
                    None => self.files(&label, &copied.sources),
                })
            }
            "RUN" => argument.or_else(|| {
                mounts(text).find_map(|mount| match mount.from {
                    Some(from) => self.elsewhere(from),
                    None => self.files(&label, &[mount.source.to_owned()]),
                })
            }),
            "WORKDIR" => argument,
            // No step of its own: what comes after it names the argument.
            _ => None,
        }
    }

    /// Whether the build before had no such line in this stage. Lines that leave later steps alone do not count.
    fn is_new(&self, stage: usize, step: &Instruction) -> bool {
        let counts = matches!(
            step.keyword.as_str(),
            "RUN" | "COPY" | "ADD" | "WORKDIR" | "ENV" | "ARG" | "USER" | "SHELL"
        );
        let had = |old: &Instruction| old.keyword == step.keyword && old.rest == step.rest;
        counts && !self.old.0.get(stage).is_some_and(|old| old.steps.iter().any(had))
    }

    /// What differs in a stage, an image or a named context that something is copied from.
    fn elsewhere(&self, from: &str) -> Option<String> {
        match self.stages.find(from) {
            Some(stage) => self.at_end(stage),
            None if self.before.named.get(from) != self.after.named.get(from) => {
                Some(format!("image {from} changed"))
            }
            None => None,
        }
    }

    fn base(&self, stage: usize) -> Option<String> {
        let Parent::Image { written, reference } = &self.stages.0[stage].parent else { return None };
        let old = self.old.0.get(stage).map(|old| &old.parent);
        let changed = |what: String| Some(format!("FROM {reference}: {what}"));
        match old {
            Some(Parent::Image { reference: before, written: had }) if before != reference => {
                let argument = self.changed_args().into_iter().find(|name| uses(written, name));
                match argument.filter(|_| had == written) {
                    Some(name) => changed(format!("build argument {name} changed")),
                    None => changed("this line of the Dockerfile is new or changed".to_owned()),
                }
            }
            Some(Parent::Image { .. })
                if self.before.named.get(reference) != self.after.named.get(reference) =>
            {
                changed("the base image changed".to_owned())
            }
            Some(Parent::Image { .. }) => None,
            _ => changed("this line of the Dockerfile is new or changed".to_owned()),
        }
    }

    /// The cause of a vertex `[1/5] FROM reference`.
    fn base_by_name(&self, name: &str) -> Option<String> {
        let (_, reference) = name.split_once("] FROM ")?;
        let is_it = |parent: &Parent| matches!(parent, Parent::Image { reference: known, .. } if reference.contains(known.as_str()));
        self.base(self.stages.0.iter().position(|stage| is_it(&stage.parent))?)
    }

    /// Which of `sources` hold changed files.
    fn files(&self, label: &str, sources: &[String]) -> Option<String> {
        let covered: Vec<Regex> = sources.iter().filter_map(|source| glob(source)).collect();
        let mut by_change: BTreeMap<Change, Vec<&str>> = BTreeMap::new();
        for (path, change) in &self.changes {
            if covered.iter().any(|source| source.is_match(path)) {
                by_change.entry(*change).or_default().push(path);
            }
        }
        let said: Vec<String> = by_change.iter().map(|(change, paths)| self.said(*change, paths)).collect();
        (!said.is_empty()).then(|| format!("{label}: {}", said.join("; ")))
    }

    fn said(&self, change: Change, paths: &[&str]) -> String {
        let named = paths[..paths.len().min(NAMED)].join(", ");
        let more = match paths.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let by = match change {
            Change::NoLongerIgnored => format!(" by {}", self.before.files.ignore()),
            Change::NowIgnored => format!(" by {}", self.after.files.ignore()),
            _ => String::new(),
        };
        format!("{named}{more} {}{by}", change.words())
    }

    /// The build arguments that have another value than before.
    fn changed_args(&self) -> Vec<&str> {
        let (before, after) = (&self.before.args, &self.after.args);
        let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
        names.filter(|name| before.get(*name) != after.get(*name)).map(String::as_str).collect()
    }

    /// What a stage takes over from the one that it starts from.
    fn inherited(&self, stage: usize) -> Tainted {
        let Parent::Stage(parent) = self.stages.0[stage].parent else { return Tainted::new() };
        let mut tainted = self.inherited(parent);
        self.stages.0[parent].steps.iter().for_each(|step| self.taint(step, &mut tainted));
        tainted
    }

    /// An argument counts from its `ARG` on, in itself and through each `ENV` that it is put into.
    fn taint(&self, step: &Instruction, tainted: &mut Tainted) {
        if !matches!(step.keyword.as_str(), "ARG" | "ENV") {
            return;
        }
        for word in step.rest.split_whitespace() {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            if step.keyword == "ARG" && self.changed_args().contains(&name) {
                tainted.insert(name.to_owned(), name.to_owned());
            } else if let Some(argument) =
                tainted.iter().find(|(used, _)| uses(value, used)).map(|(_, a)| a.clone())
            {
                tainted.insert(name.to_owned(), argument);
            }
        }
    }

    /// An instruction as BuildKit names it, in short.
    fn label(&self, stage: usize, place: usize, step: &Instruction) -> String {
        let name = match self.vertexes.get(&(stage, place)) {
            Some(vertex) => vertex.name.clone(),
            None => format!("{} {}", step.keyword, step.rest),
        };
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        match name.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}\u{2026}", name[..end].trim_end()),
            None => name,
        }
    }
}

/// Whether `$name` or `${name…}` stands in `text`.
fn uses(text: &str, name: &str) -> bool {
    text.match_indices('$').any(|(at, _)| {
        let after = text[at + 1..].trim_start_matches('{');
        after
            .strip_prefix(name)
            .is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_'))
    })
}

/// A mount whose content counts for the cache.
struct Mount<'t> {
    from: Option<&'t str>,
    source: &'t str,
}

/// The mounts of a `RUN` that bring files in: from the context, or from another stage.
fn mounts(text: &str) -> impl Iterator<Item = Mount<'_>> {
    let flags = text.split_whitespace().take_while(|word| word.starts_with("--"));
    flags.filter_map(|flag| flag.strip_prefix("--mount=")).filter_map(|mount| {
        let value = |keys: &[&str]| {
            mount.split(',').filter_map(|part| part.split_once('=')).find(|(key, _)| keys.contains(key))
        };
        let from = value(&["from"]).map(|(_, from)| from);
        let kind = value(&["type"]).map_or("bind", |(_, kind)| kind);
        let brings = kind == "bind" || (kind == "cache" && from.is_some());
        brings.then(|| Mount { from, source: value(&["source", "src"]).map_or(".", |(_, source)| source) })
    })
}
