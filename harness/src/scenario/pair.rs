//! `--pair`: a scenario from two folders with a Dockerfile each, and no scenario file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Result;
use walkdir::WalkDir;

use super::dockerfile::Dockerfile;
use super::document::{Document, shown};
use super::ignore::{Ignore, glob};
use super::{Edit, EditContent, Estimate, Event, NONCE_TOKEN, Pair, Scenario, Source, Variant};
use crate::error::BadInput;

/// Nothing is known of a pair before it is built; a plan still needs a figure.
const GUESS: Estimate =
    Estimate { cold_s: Pair { naive: 60.0, optimized: 60.0 }, block_disk_bytes: 4_000_000_000 };

/// Languages by their file endings, likeliest in an ML image first, with the start of a line comment.
const LANGUAGES: &[(&[&str], &str)] = &[
    (&["py"], "#"),
    (&["rs", "go", "js", "mjs", "ts", "java", "kt", "scala", "cs", "swift"], "//"),
    (&["c", "h", "cc", "cpp", "hpp", "cu", "cuh"], "//"),
    (&["jl", "r", "R", "rb", "pl", "lua"], "#"),
    (&["sh"], "#"),
];

/// Names of the file that a service is usually worked on in.
const USUAL: &[&str] =
    &["app", "main", "server", "service", "serve", "api", "inference", "predict", "index", "lib"];

/// Folders and files that a developer's everyday edit does not touch.
const UNUSUAL: &[&str] =
    &["test", "tests", "conftest", "setup", "docs", "examples", "vendor", "node_modules", "venv"];

/// A user's own two folders, as a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct UserPair {
    /// Events cold, noop and, where a source file was found, edit-source; no claims.
    pub scenario: Scenario,
    /// What the edit changes, or why there is none, in one line for the user.
    pub notice: String,
}

/// Makes a scenario of two folders, each a build context with its `Dockerfile`.
///
/// The edit appends a comment to a source file. The file is at the same path in both folders, is copied
/// by a `COPY` or `ADD` of both Dockerfiles, is not left out by `.dockerignore`, and is never data or a
/// lock file. Of several: Python before other languages; `app`, `main`, `server` and the like before
/// others, tests and `setup.py` last; then the one nearest to the root, then by name.
///
/// Images that the Dockerfiles start `FROM` are taken where no unknown variable is in their name.
///
/// # Errors
///
/// [`BadInput`] where a folder or its Dockerfile is missing.
pub fn pair(naive: &Path, optimized: &Path) -> Result<UserPair> {
    let variants = Pair { naive: source(naive)?, optimized: source(optimized)? };
    let mut bases = BTreeSet::new();
    let mut apt = false;
    let mut editable = Vec::new();
    for variant in Variant::BOTH {
        let source = variants.get(variant);
        let text = Document::read(source.dockerfile.clone(), "make it readable")?;
        let dockerfile = Dockerfile::parse(text.text());
        let from = dockerfile.bases(&BTreeMap::new()).into_iter().map(|base| base.reference);
        bases.extend(from.filter(|reference| !reference.contains('$')));
        apt |= dockerfile.uses_apt();
        editable.push(source_files(source, &dockerfile));
    }

    let mut events = vec![Event::Cold, Event::Noop];
    let mut edits = BTreeMap::new();
    let in_both = editable[0].intersection(&editable[1]);
    let notice = match in_both.min_by_key(rank) {
        Some(path) => {
            let name = "source".to_owned();
            let line = format!("{} tare {NONCE_TOKEN}", comment(path).unwrap_or("#"));
            let what = format!("a comment is appended to `{path}`");
            let files = BTreeMap::from([(path.clone(), EditContent::Appended { line })]);
            edits.insert(name.clone(), Edit { name: name.clone(), files, around: None, what: what.clone() });
            events.push(Event::Edit(name.into()));
            format!("edit-source: {what}, in both folders, as a build sees it; nothing is changed on disk")
        }
        None => "no edit is measured: no source file at the same path in both folders is copied by both \
                 Dockerfiles; a scenario file can name one (`cargo xtask new NAME`)"
            .to_owned(),
    };

    let scenario = Scenario {
        name: name(naive, optimized),
        question: format!("What does {} save against {}?", folder_name(optimized), folder_name(naive)),
        analysis: format!("Two folders of the user's own. {notice}."),
        caveat:
            "The two folders may differ by more than one practice: what is measured is the whole difference. \
                 Nothing checked that both images do the same. Packages come from where the Dockerfiles have them \
                 from, and the time that it takes to get them is in the builds."
                .to_owned(),
        variants,
        events,
        edits,
        nonce_files: Vec::new(),
        steps: BTreeMap::new(),
        bases: bases.into_iter().collect(),
        locks: Vec::new(),
        apt,
        build_args: BTreeMap::new(),
        variant_args: Pair { naive: BTreeMap::new(), optimized: BTreeMap::new() },
        secrets: BTreeMap::new(),
        canaries: Vec::new(),
        generated: BTreeMap::new(),
        later_locks: Vec::new(),
        starts: BTreeMap::new(),
        startup: None,
        mounts: Pair::from_fn(|_| BTreeMap::new()),
        releases: None,
        development: None,
        compression: Pair::default(),
        fixes: Vec::new(),
        source_date_epoch: Pair { naive: true, optimized: true },
        answer: None,
        claims: Vec::new(),
        estimate: GUESS,
    };
    Ok(UserPair { scenario, notice })
}

fn source(dir: &Path) -> Result<Source> {
    let context = std::path::absolute(dir)?;
    let dockerfile = context.join("Dockerfile");
    if !dockerfile.is_file() {
        let say =
            format!("there is no {}: --pair takes two folders, each with a Dockerfile", shown(&dockerfile));
        return Err(BadInput(say).into());
    }
    Ok(Source { dockerfile, context })
}

/// A name that may stand in an image's tag.
fn name(naive: &Path, optimized: &Path) -> String {
    format!("{}-vs-{}", folder_name(naive), folder_name(optimized))
}

fn folder_name(dir: &Path) -> String {
    let real = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let name = real.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let slug: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    match slug.trim_matches('-') {
        "" => "folder".to_owned(),
        slug => slug.to_owned(),
    }
}

/// The source files that a build of `source` copies, slash-separated and relative.
fn source_files(source: &Source, dockerfile: &Dockerfile) -> BTreeSet<String> {
    let ignore = Ignore::of(&source.dockerfile, &source.context);
    let copied: Vec<_> = dockerfile.copied().iter().filter_map(|path| glob(path)).collect();
    let hidden =
        |entry: &walkdir::DirEntry| entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.');
    let entries = WalkDir::new(&source.context).into_iter().filter_entry(|entry| !hidden(entry));
    // What cannot be read is not offered; the build will say so, if it needs it.
    let files = entries.filter_map(Result::ok).filter(|entry| entry.file_type().is_file());
    let paths = files.filter_map(|entry| slash_separated(entry.path().strip_prefix(&source.context).ok()?));
    paths
        .filter(|path| comment(path).is_some())
        .filter(|path| copied.iter().any(|pattern| pattern.is_match(path)) && !ignore.leaves_out(path))
        .collect()
}

fn slash_separated(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    Some(parts?.join("/"))
}

/// How a line comment begins in the file's language; `None` for what is not source code.
fn comment(path: &str) -> Option<&'static str> {
    let ending = Path::new(path).extension()?.to_str()?;
    LANGUAGES.iter().find(|(endings, _)| endings.contains(&ending)).map(|(_, comment)| *comment)
}

/// The lower, the likelier a developer edits the file.
fn rank(path: &&String) -> (usize, bool, bool, usize, String) {
    let stem = PathBuf::from(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let ending = Path::new(path).extension().unwrap_or_default().to_string_lossy().into_owned();
    let language = LANGUAGES.iter().position(|(endings, _)| endings.contains(&ending.as_str()));
    let unusual = path.split('/').any(|part| UNUSUAL.contains(&part))
        || UNUSUAL.contains(&stem.as_str())
        || stem.starts_with("test_")
        || stem == "__init__";
    (
        language.unwrap_or(LANGUAGES.len()),
        unusual,
        !USUAL.contains(&stem.as_str()),
        path.matches('/').count(),
        (*path).clone(),
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::scenario::{Canaries, overlay};

    /// Two folders `a` and `b` with the same files; a path ending in `/` is a folder.
    fn folders(dockerfile: &str, files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for side in ["a", "b"] {
            for (path, text) in files.iter().map(|path| (*path, "x = 1")).chain([("Dockerfile", dockerfile)])
            {
                let path = root.path().join(side).join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        }
        root
    }

    fn made(root: &tempfile::TempDir) -> UserPair {
        pair(&root.path().join("a"), &root.path().join("b")).unwrap()
    }

    fn edited(root: &tempfile::TempDir) -> Option<String> {
        made(root).scenario.edits.get("source").and_then(|edit| edit.files.keys().next().cloned())
    }

    const COPY_ALL: &str = "FROM python:3.11-slim\nRUN apt-get update\nCOPY . .\n";

    #[test]
    fn the_likeliest_source_file_is_edited() {
        let files = [
            "data.csv",
            "poetry.lock",
            "setup.py",
            "tests/app.py",
            "src/train.py",
            "src/app.py",
            "web/main.js",
        ];
        assert_eq!(edited(&folders(COPY_ALL, &files)).as_deref(), Some("src/app.py"));
        assert_eq!(edited(&folders(COPY_ALL, &["deep/a/train.py", "eval.py"])).as_deref(), Some("eval.py"));
        assert_eq!(edited(&folders(COPY_ALL, &["go.mod", "main.go", "run.sh"])).as_deref(), Some("main.go"));
    }

    #[test]
    fn only_what_the_build_copies_is_edited() {
        let root =
            folders("FROM a\nCOPY pkg/ ./\nCOPY --from=b /x/main.py .\n", &["main.py", "pkg/worker.py"]);
        assert_eq!(edited(&root).as_deref(), Some("pkg/worker.py"));
    }

    #[test]
    fn what_one_side_ignores_or_lacks_is_not_edited() {
        let root = folders(COPY_ALL, &["app.py", "main.py", "zoo.py"]);
        fs::write(root.path().join("b/.dockerignore"), "app.py\n").unwrap();
        fs::remove_file(root.path().join("a/main.py")).unwrap();
        assert_eq!(edited(&root).as_deref(), Some("zoo.py"));
    }

    #[test]
    fn without_a_source_file_no_edit_is_measured_and_the_user_is_told() {
        let pair = made(&folders(COPY_ALL, &["data.csv", "requirements.txt", ".venv/app.py"]));
        assert_eq!(pair.scenario.events, [Event::Cold, Event::Noop]);
        assert!(pair.notice.starts_with("no edit is measured"), "{}", pair.notice);
    }

    #[test]
    fn the_edit_is_a_comment_with_the_token() {
        let root = folders(COPY_ALL, &["main.py"]);
        let pair = made(&root);
        assert_eq!(pair.scenario.events, [Event::Cold, Event::Noop, Event::Edit("source".into())]);
        assert!(pair.notice.contains("`main.py`"), "{}", pair.notice);
        assert_eq!(pair.scenario.name, "a-vs-b");
        assert_eq!(pair.scenario.bases, ["python:3.11-slim"]);
        assert!(pair.scenario.apt);
        let edits = [("source".to_owned(), "n".to_owned())];
        let files = overlay(&pair.scenario, Variant::Optimized, &Canaries::default(), "c", &edits).unwrap();
        assert_eq!(files["main.py"], b"x = 1\n# tare n\n");
        assert!(overlay(&pair.scenario, Variant::Naive, &Canaries::default(), "c", &[]).unwrap().is_empty());
    }
}
