//! The stages of a Dockerfile: which there are, and which of them a build of the last one goes through.

use std::collections::BTreeSet;
use std::path::Path;

use super::dockerfile::{Copied, Dockerfile, Instruction};

/// The names of the stages that a build of the last one goes through: that itself and those without a name
/// left out. What only `--target` builds, such as a stage for tests or development, is not among them.
///
/// # Errors
/// The file cannot be read.
pub fn stages(dockerfile: &Path) -> std::io::Result<Vec<String>> {
    Ok(built(&Dockerfile::parse(&std::fs::read_to_string(dockerfile)?)))
}

/// The names of all stages but the last.
pub(super) fn named(dockerfile: &Dockerfile) -> Vec<String> {
    let mut names: Vec<Option<String>> = all(dockerfile).into_iter().map(|stage| stage.name).collect();
    names.pop();
    names.into_iter().flatten().collect()
}

/// The name of the last stage, which is what a build gives.
pub(super) fn shipped(dockerfile: &Dockerfile) -> Option<String> {
    all(dockerfile).pop().and_then(|stage| stage.name)
}

/// One stage.
struct Stage {
    name: Option<String>,
    /// What it starts from or takes files of: names of stages and images, numbers of stages.
    needs: BTreeSet<String>,
}

fn built(dockerfile: &Dockerfile) -> Vec<String> {
    let stages = all(dockerfile);
    let mut reached = BTreeSet::new();
    let mut open: Vec<usize> = stages.len().checked_sub(1).into_iter().collect();
    while let Some(stage) = open.pop() {
        if reached.insert(stage) {
            open.extend(stages[stage].needs.iter().flat_map(|name| find(&stages[..stage], name)));
        }
    }
    let earlier = reached.into_iter().filter(|stage| stage + 1 < stages.len());
    earlier.filter_map(|stage| stages[stage].name.clone()).collect()
}

/// The stages that `name` may stand for. BuildKit fills variables in: one that is not known here may be any.
fn find(earlier: &[Stage], name: &str) -> Vec<usize> {
    if name.contains('$') {
        return (0..earlier.len()).collect();
    }
    let called = |stage: &Stage| stage.name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name));
    let number = || name.parse().ok().filter(|number| *number < earlier.len());
    earlier.iter().rposition(called).or_else(number).into_iter().collect()
}

fn all(dockerfile: &Dockerfile) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    for step in dockerfile.instructions() {
        if step.keyword == "FROM" {
            let mut words = step.rest.split_whitespace().filter(|word| !word.starts_with("--"));
            let from = words.next().map(str::to_owned);
            let name = words.next().filter(|word| word.eq_ignore_ascii_case("as")).and(words.next());
            stages.push(Stage { name: name.map(str::to_owned), needs: from.into_iter().collect() });
        } else if let Some(stage) = stages.last_mut() {
            stage.needs.extend(taken(step));
        }
    }
    stages
}

/// What an instruction takes files of, beside its own stage and the build context.
fn taken(step: &Instruction) -> Vec<String> {
    match step.keyword.as_str() {
        "COPY" | "ADD" => Copied::parse(&step.rest).from.into_iter().collect(),
        "RUN" => {
            let flags = step.rest.split_whitespace().take_while(|word| word.starts_with("--"));
            let mounts = flags.filter_map(|flag| flag.strip_prefix("--mount="));
            let from =
                |mount: &str| mount.split(',').find_map(|part| part.strip_prefix("from=").map(str::to_owned));
            mounts.filter_map(from).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
FROM python:3.11-slim AS base
FROM base AS packages
RUN pip install numpy
FROM packages AS dev
RUN pip install pytest
FROM scratch AS model
COPY model.onnx /
FROM scratch AS tools
COPY uv /
FROM base
COPY --from=packages /opt/venv /opt/venv
RUN --mount=type=cache,target=/root/.cache --mount=type=bind,from=TOOLS,target=/tools /tools/uv
COPY --from=3 /model.onnx /
";

    #[test]
    fn what_only_a_target_builds_is_no_part_of_the_build() {
        let dockerfile = Dockerfile::parse(TEXT);
        assert_eq!(named(&dockerfile), ["base", "packages", "dev", "model", "tools"]);
        assert_eq!(built(&dockerfile), ["base", "packages", "model", "tools"]);
    }

    #[test]
    fn a_stage_that_is_named_by_a_variable_may_be_any() {
        let text = TEXT.replace("--from=3", "--from=${MODEL}");
        assert_eq!(built(&Dockerfile::parse(&text)), ["base", "packages", "dev", "model", "tools"]);
    }

    #[test]
    fn one_stage_has_none_before_it() {
        assert!(built(&Dockerfile::parse("FROM python:3.11-slim AS only\n")).is_empty());
        assert!(built(&Dockerfile::parse("")).is_empty());
    }
}
