//! A Dockerfile as stages, and which vertex is which of its instructions.

use std::collections::BTreeMap;

use crate::engine::buildkit::Vertex;
use crate::scenario::{Dockerfile, Instruction};

/// The stages of a Dockerfile, in order.
#[derive(Debug)]
pub(super) struct Stages(pub(super) Vec<Stage>);

/// One stage.
#[derive(Debug)]
pub(super) struct Stage {
    /// As in `AS name`, in lower case.
    name: String,
    pub(super) parent: Parent,
    pub(super) steps: Vec<Instruction>,
}

/// What a stage starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parent {
    Stage(usize),
    /// An image: as it is written, and with its arguments filled in.
    Image {
        written: String,
        reference: String,
    },
    Scratch,
}

/// An instruction by its stage and its place in there.
pub(super) type At = (usize, usize);

impl Stages {
    /// Takes a Dockerfile apart; what stands before the first `FROM` belongs to no stage.
    pub(super) fn of(dockerfile: &Dockerfile, args: &BTreeMap<String, String>) -> Self {
        let references: BTreeMap<usize, String> =
            dockerfile.bases(args).into_iter().map(|base| (base.line, base.reference)).collect();
        let mut stages = Self(Vec::new());
        for step in dockerfile.instructions() {
            if step.keyword == "FROM" {
                let mut words = step.rest.split_whitespace().filter(|word| !word.starts_with("--"));
                let written = words.next().unwrap_or_default();
                let name = words.next().filter(|word| word.eq_ignore_ascii_case("as")).and(words.next());
                let parent = match (references.get(&step.line), stages.find(written)) {
                    (Some(reference), _) => {
                        Parent::Image { written: written.to_owned(), reference: reference.clone() }
                    }
                    (None, Some(stage)) => Parent::Stage(stage),
                    (None, None) => Parent::Scratch,
                };
                let name = name.unwrap_or_default().to_ascii_lowercase();
                stages.0.push(Stage { name, parent, steps: Vec::new() });
            } else if let Some(stage) = stages.0.last_mut() {
                stage.steps.push(step.clone());
            }
        }
        stages
    }

    /// The stage of that name or number.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let named = self.0.iter().rposition(|stage| stage.name.eq_ignore_ascii_case(name));
        named.filter(|_| !name.is_empty()).or_else(|| {
            let number: usize = name.parse().ok()?;
            (number < self.0.len()).then_some(number)
        })
    }

    /// Which vertex is which instruction. BuildKit numbers those of a stage; a `FROM` has a number only
    /// where no named context stands in for it.
    pub(super) fn vertexes<'v>(&self, vertexes: &'v [Vertex]) -> BTreeMap<At, &'v Vertex> {
        let mut found = BTreeMap::new();
        let numbered: Vec<_> = vertexes.iter().filter_map(|vertex| Some((number(vertex)?, vertex))).collect();
        for (index, stage) in self.0.iter().enumerate() {
            let own: Vec<_> =
                numbered.iter().filter(|((label, ..), _)| self.is_called(index, label)).collect();
            let counts_from = own.iter().any(|((_, n, text), _)| *n == 1 && text.starts_with("FROM "));
            let counted = stage.steps.iter().enumerate().filter(|(_, step)| is_counted(step));
            for ((place, step), n) in counted.zip(if counts_from { 2.. } else { 1.. }) {
                let is_it = |((_, number, text), _): &&&((&str, usize, &str), &Vertex)| {
                    *number == n && text.split_whitespace().next() == Some(step.keyword.as_str())
                };
                if let Some((_, vertex)) = own.iter().find(is_it) {
                    found.insert((index, place), *vertex);
                }
            }
        }
        found
    }

    /// Whether BuildKit calls the stage by `label`.
    fn is_called(&self, stage: usize, label: &str) -> bool {
        let name = &self.0[stage].name;
        if name.is_empty() {
            label == format!("stage-{stage}") || (label.is_empty() && self.0.len() == 1)
        } else {
            label == name || (label.is_empty() && self.0.len() == 1)
        }
    }
}

fn is_counted(step: &Instruction) -> bool {
    matches!(step.keyword.as_str(), "RUN" | "COPY" | "ADD" | "WORKDIR")
}

/// The stage, the number and the text of `[linux/amd64 stage 2/5] text`.
fn number(vertex: &Vertex) -> Option<(&str, usize, &str)> {
    let (head, text) = vertex.name.strip_prefix('[')?.split_once("] ")?;
    let (label, position) =
        head.rsplit_once(' ').map_or(("", head), |(label, position)| (label.trim(), position));
    let (n, total) = position.split_once('/')?;
    total.parse::<usize>().ok()?;
    // The platform of a build for several comes before the stage.
    let label = label.rsplit(' ').next().unwrap_or_default();
    Some((label, n.parse().ok()?, text))
}
