//! As much of a Dockerfile as must be known outside BuildKit: what it starts `FROM`, what it copies, whether
//! it uses apt, and its instructions one by one. Not a full parser: BuildKit is the judge of the rest.

use std::collections::{BTreeMap, BTreeSet};

/// The instructions of a Dockerfile, continuation lines joined as BuildKit joins them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dockerfile {
    instructions: Vec<Instruction>,
}

/// One instruction, its continuation lines joined.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Instruction {
    /// Where it begins, from 1.
    pub(crate) line: usize,
    /// In upper case.
    pub(crate) keyword: String,
    /// What follows it; the bodies of here-documents on lines of their own.
    pub(crate) rest: String,
}

/// What a `COPY` or `ADD` takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Copied {
    /// The stage, image or named context of `--from`; the build context where there is none.
    pub(crate) from: Option<String>,
    /// The sources as written, slash-separated; here-documents and addresses left out.
    pub(crate) sources: Vec<String>,
    /// What is written of `--link`.
    pub(crate) link: Link,
}

/// Whether what was built before a `COPY` or `ADD` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// It does.
    None,
    /// It does not: `--link`.
    Linked,
    /// It does in spite of `--link`, which BuildKit's Dockerfile frontend (`dispatchCopy`) passes over without a word
    /// where there is a `--chmod` beside it.
    Ignored,
}

/// An image reference and the line of its `FROM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct From {
    pub(crate) line: usize,
    pub(crate) reference: String,
}

impl Dockerfile {
    pub(crate) fn parse(text: &str) -> Self {
        let mut instructions = Vec::new();
        let mut lines = text.lines().enumerate();
        while let Some((index, line)) = lines.next() {
            if line.trim().is_empty() || is_comment(line) {
                continue;
            }
            let mut joined = String::new();
            let mut part = line;
            // A comment or an empty line within a continued instruction does not end it.
            loop {
                let skipped = is_comment(part) || (part.trim().is_empty() && !joined.is_empty());
                match part.trim_end().strip_suffix('\\') {
                    _ if skipped => {}
                    Some(open) => joined.push_str(open),
                    None => {
                        joined.push_str(part);
                        break;
                    }
                }
                match lines.next() {
                    Some((_, next)) => part = next,
                    None => break,
                }
            }
            let (keyword, rest) =
                joined.trim().split_once(char::is_whitespace).unwrap_or((joined.trim(), ""));
            let mut instruction = Instruction {
                line: index + 1,
                keyword: keyword.to_ascii_uppercase(),
                rest: rest.trim().to_owned(),
            };
            for end in heredocs(&instruction) {
                for (_, body) in lines.by_ref() {
                    if body.trim_start_matches('\t') == end {
                        break;
                    }
                    instruction.rest.push('\n');
                    instruction.rest.push_str(body);
                }
            }
            instructions.push(instruction);
        }
        Self { instructions }
    }

    /// Whether an instruction, written on one line as BuildKit names its vertex, contains `text`.
    pub(super) fn has_step(&self, text: &str) -> bool {
        self.instructions.iter().any(|step| format!("{} {}", step.keyword, step.rest).contains(text))
    }

    /// Whether a `RUN` uses apt, and so needs the caching proxy.
    pub(super) fn uses_apt(&self) -> bool {
        self.with_keyword("RUN").any(|run| {
            run.rest
                .split(|c: char| c.is_whitespace() || ";&|()".contains(c))
                .any(|word| matches!(word, "apt" | "apt-get"))
        })
    }

    /// The images it starts from, stages of its own and `scratch` left out; `build_args` and the
    /// defaults of `ARG` lines before the first `FROM` are filled in.
    pub(crate) fn bases(&self, build_args: &BTreeMap<String, String>) -> Vec<From> {
        let mut args = BTreeMap::new();
        let mut stages: Vec<String> = Vec::new();
        let mut bases = Vec::new();
        for step in &self.instructions {
            if step.keyword == "ARG" && stages.is_empty() {
                if let Some((name, default)) = step.rest.split_once('=') {
                    args.insert(name.trim().to_owned(), default.trim().trim_matches('"').to_owned());
                }
            } else if step.keyword == "FROM" {
                let mut words = step.rest.split_whitespace().filter(|word| !word.starts_with("--"));
                let written = words.next().unwrap_or_default();
                let reference = filled(written, |name| build_args.get(name).or_else(|| args.get(name)));
                let known = stages.iter().any(|stage| stage.eq_ignore_ascii_case(&reference));
                if !known && reference != "scratch" {
                    bases.push(From { line: step.line, reference });
                }
                let stage = words.next().filter(|word| word.eq_ignore_ascii_case("as")).and(words.next());
                stages.push(stage.unwrap_or_default().to_owned());
            }
        }
        bases
    }

    /// The names of the arguments that a stage declares. One that stands before the first `FROM` is for the `FROM`
    /// lines alone.
    pub(super) fn declared_args(&self) -> BTreeSet<&str> {
        let stages = self.instructions.iter().skip_while(|step| step.keyword != "FROM");
        let declarations =
            stages.filter(|step| step.keyword == "ARG").flat_map(|arg| arg.rest.split_whitespace());
        declarations.map(|word| word.split_once('=').map_or(word, |(name, _)| name)).collect()
    }

    /// The instructions, in order.
    pub(crate) fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// What `COPY` and `ADD` take from the context: the sources as written, slash-separated.
    pub(super) fn copied(&self) -> Vec<String> {
        let copies = self.instructions.iter().filter(|step| matches!(step.keyword.as_str(), "COPY" | "ADD"));
        copies
            .map(|step| Copied::parse(&step.rest))
            .filter(|copied| copied.from.is_none())
            .flat_map(|copied| copied.sources)
            .collect()
    }

    /// The instructions that begin with `keyword`, in capitals.
    pub(crate) fn with_keyword<'a>(&'a self, keyword: &'a str) -> impl Iterator<Item = &'a Instruction> {
        self.instructions.iter().filter(move |step| step.keyword == keyword)
    }
}

impl Copied {
    /// Reads what follows `COPY` or `ADD`.
    pub(crate) fn parse(rest: &str) -> Self {
        let line = rest.lines().next().unwrap_or_default();
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let count = words.iter().take_while(|word| word.starts_with("--")).count();
        let flags: Vec<&str> = words.drain(..count).collect();
        let exec_form = serde_json::from_str::<Vec<String>>(&words.join(" "));
        let mut sources = exec_form
            .unwrap_or_else(|_| words.into_iter().map(|word| word.trim_matches('"').to_owned()).collect());
        sources.pop();
        sources.retain(|path| !path.starts_with("<<") && !path.contains("://"));
        Self {
            from: flags.iter().find_map(|flag| flag.strip_prefix("--from=")).map(str::to_owned),
            link: if !flags.iter().any(|flag| matches!(*flag, "--link" | "--link=true")) {
                Link::None
            } else if flags.iter().any(|flag| flag.starts_with("--chmod=")) {
                Link::Ignored
            } else {
                Link::Linked
            },
            sources,
        }
    }
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// The words that end the here-documents of an instruction.
fn heredocs(instruction: &Instruction) -> Vec<String> {
    if !matches!(instruction.keyword.as_str(), "RUN" | "COPY" | "ADD") {
        return Vec::new();
    }
    let words = instruction.rest.split_whitespace().filter_map(|word| word.split_once("<<"));
    words
        .map(|(_, word)| word.trim_start_matches('-').trim_matches(['"', '\'']).to_owned())
        .filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
        .collect()
}

/// `$NAME`, `${NAME}` and `${NAME:-default}` replaced where their value is known.
fn filled<'a>(text: &str, value: impl Fn(&str) -> Option<&'a String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, default, next) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((inner, next)) => {
                let (name, default) = inner.split_once(":-").map_or((inner, None), |(n, d)| (n, Some(d)));
                (name, default, next)
            }
            None => {
                let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
                (&after[..end], None, &after[end..])
            }
        };
        match value(name).map(String::as_str).or(default) {
            Some(value) => out.push_str(value),
            None => out.push_str(&rest[at..rest.len() - next.len()]),
        }
        rest = next;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# syntax=docker/dockerfile:1
ARG PYTHON=3.11
from --platform=linux/amd64 python:${PYTHON}-slim AS builder
# a comment
RUN apt-get update \\
    # within
 && apt-get install -y gcc
COPY <<EOF /etc/motd
FROM nothing
EOF
FROM builder AS test
FROM ${RUNTIME:-python:3.12-slim}
COPY --from=builder /opt/venv /opt/venv
COPY --chown=app app/ [x].py ./
COPY [\"a file.py\", \"./\"]
ADD https://localhost/data /data
FROM scratch
";

    #[test]
    fn bases_are_images_and_not_stages() {
        let bases = Dockerfile::parse(TEXT).bases(&BTreeMap::new());
        let found: Vec<_> = bases.iter().map(|from| (from.line, from.reference.as_str())).collect();
        assert_eq!(found, [(3, "python:3.11-slim"), (12, "python:3.12-slim")]);
    }

    #[test]
    fn a_build_argument_beats_the_default() {
        let args = BTreeMap::from([("PYTHON".to_owned(), "3.13".to_owned())]);
        assert_eq!(Dockerfile::parse(TEXT).bases(&args)[0].reference, "python:3.13-slim");
    }

    #[test]
    fn sources_come_from_the_context_alone() {
        assert_eq!(Dockerfile::parse(TEXT).copied(), ["app/", "[x].py", "a file.py"]);
    }

    #[test]
    fn a_step_is_found_in_its_joined_line() {
        let file = Dockerfile::parse(TEXT);
        assert!(file.has_step("RUN apt-get update"));
        assert!(file.has_step("&& apt-get install -y gcc"));
        assert!(!file.has_step("a comment"));
        assert!(file.uses_apt());
        assert!(!Dockerfile::parse("FROM a\nRUN pip install adapt-get\n").uses_apt());
    }
}
