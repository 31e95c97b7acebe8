//! Causes of made-up builds: which vertexes ran is given, why is asked.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::*;
use crate::engine::buildkit::{Context, Export, OverlayContent, OverlayFile};
use crate::scenario::Compression;

const SINGLE: &str = "\
FROM python:3.11-slim
ARG VERSION=1
WORKDIR /app
COPY requirements requirements
RUN pip install -r requirements/all.txt
COPY . .
RUN python -m compileall .
";

const STAGES: &str = "\
FROM python:3.11-slim AS deps
COPY requirements requirements
RUN pip install -r requirements/all.txt
FROM deps AS test
RUN --mount=type=bind,source=tests,target=/tests python -m pytest
FROM python:3.11-slim
COPY --from=deps /usr/local /usr/local
COPY --link app.py .
RUN --mount=from=deps,target=/deps ls /deps
";

/// A folder with a Dockerfile and some files.
struct Rig {
    dir: TempDir,
    request: BuildRequest,
}

impl Rig {
    fn new(dockerfile: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let files = [
            ("Dockerfile", dockerfile),
            ("app.py", "print(1)\n"),
            ("notes.md", "notes\n"),
            ("requirements/all.txt", "numpy\n"),
            ("tests/test.py", "assert True\n"),
        ];
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let request = BuildRequest {
            context: Context { root: dir.path().to_owned(), ..Context::default() },
            dockerfile: dir.path().join("Dockerfile"),
            build_args: BTreeMap::new(),
            named_contexts: BTreeMap::from([(
                "python:3.11-slim".to_owned(),
                "docker-image://x:1".to_owned(),
            )]),
            secrets: BTreeMap::new(),
            shared_key: String::new(),
            cache_mount_namespace: String::new(),
            no_cache: false,
            cache_from: None,
            history: false,
            export: Export::Nothing,
            compression: Compression::Gzip,
            timeout: Duration::from_secs(1),
            progress: None,
        };
        Self { dir, request }
    }

    fn lay(&mut self, path: &str, text: &str) {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_836_800);
        let file =
            OverlayFile { content: OverlayContent::Bytes(text.as_bytes().into()), mode: 0o644, modified };
        self.request.context.overlay.insert(path.to_owned(), file);
    }

    fn inputs(&self) -> Inputs {
        Inputs::of(&self.request).unwrap()
    }
}

/// Vertexes by name; those that begin with `=` were cached.
fn vertexes(names: &[&str]) -> Vec<Vertex> {
    let vertex = |name: &&str| Vertex {
        digest: (*name).to_owned(),
        name: name.trim_start_matches('=').to_owned(),
        cached: name.starts_with('='),
        started: Some(SystemTime::UNIX_EPOCH),
        completed: Some(SystemTime::UNIX_EPOCH),
        error: None,
        inputs: Vec::new(),
        parts: Vec::new(),
    };
    names.iter().map(vertex).collect()
}

/// The causes of a build, each given as the vertex that it belongs to, cached or not.
fn said(before: &Inputs, after: &Inputs, names: &[&str]) -> Vec<String> {
    let causes = causes(before, after, &vertexes(names)).unwrap();
    causes.into_iter().map(|cause| cause.unwrap_or_else(|| "-".to_owned())).collect()
}

const ALL_RAN: [&str; 5] = [
    "=[1/6] WORKDIR /app",
    "[2/6] COPY requirements requirements",
    "[3/6] RUN pip install -r requirements/all.txt",
    "[4/6] COPY . .",
    "[5/6] RUN python -m compileall .",
];

#[test]
fn a_changed_source_is_the_cause_of_all_that_follows_it() {
    let mut rig = Rig::new(SINGLE);
    let before = rig.inputs();
    rig.lay("app.py", "print(2)\n");
    let names =
        [&ALL_RAN[..1], &["=[2/6] COPY requirements requirements", "=[3/6] RUN pip"], &ALL_RAN[3..]].concat();
    let cause = "[4/6] COPY . .: app.py changed";
    assert_eq!(said(&before, &rig.inputs(), &names), ["-", "-", "-", cause, cause]);
}

#[test]
fn the_first_of_several_causes_is_named() {
    let mut rig = Rig::new(SINGLE);
    let before = rig.inputs();
    rig.lay("app.py", "print(2)\n");
    rig.lay("requirements/all.txt", "numpy\npandas\n");
    let cause = "[2/6] COPY requirements requirements: requirements/all.txt changed";
    assert_eq!(said(&before, &rig.inputs(), &ALL_RAN), ["-", cause, cause, cause, cause]);
}

#[test]
fn a_copied_time_is_no_change_and_what_is_not_known_is_said_so() {
    let mut rig = Rig::new(SINGLE);
    let before = rig.inputs();
    rig.lay("app.py", "print(1)\n");
    assert_eq!(said(&before, &rig.inputs(), &ALL_RAN[3..]), ["unknown", "unknown"]);
}

#[test]
fn an_argument_counts_from_its_arg_on_even_where_it_is_not_used() {
    let mut rig = Rig::new(SINGLE);
    let before = rig.inputs();
    rig.request.build_args.insert("VERSION".to_owned(), "2".to_owned());
    let names = [&["=[1/6] WORKDIR /app", "=[2/6] COPY requirements requirements"], &ALL_RAN[2..]].concat();
    let cause = "[3/6] RUN pip install -r requirements/all.txt: build argument VERSION changed";
    assert_eq!(said(&before, &rig.inputs(), &names), ["-", "-", cause, cause, cause]);
}

#[test]
fn an_argument_that_no_stage_declares_is_no_cause() {
    let mut rig = Rig::new(SINGLE);
    let before = rig.inputs();
    rig.request.build_args.insert("HTTP_PROXY".to_owned(), "2".to_owned());
    assert_eq!(said(&before, &rig.inputs(), &ALL_RAN)[2], "unknown");
}

#[test]
fn a_new_base_is_the_cause_of_everything() {
    let mut rig = Rig::new(SINGLE);
    let before = rig.inputs();
    rig.request.named_contexts.insert("python:3.11-slim".to_owned(), "docker-image://x:2".to_owned());
    rig.lay("app.py", "print(2)\n");
    let cause = "FROM python:3.11-slim: the base image changed";
    assert_eq!(said(&before, &rig.inputs(), &ALL_RAN), ["-", cause, cause, cause, cause]);
}

#[test]
fn a_base_that_is_chosen_by_an_argument() {
    let mut rig = Rig::new("ARG V=3.11\nFROM python:$V\nRUN make\n");
    let before = rig.inputs();
    rig.request.build_args.insert("V".to_owned(), "3.12".to_owned());
    let names = ["[1/2] FROM docker.io/library/python:3.12@sha256:1", "[2/2] RUN make"];
    let cause = "FROM python:3.12: build argument V changed";
    assert_eq!(said(&before, &rig.inputs(), &names), [cause, cause]);
}

#[test]
fn what_an_ignore_file_lets_through_is_named_with_it() {
    let mut rig = Rig::new(SINGLE);
    rig.lay(".dockerignore", ".dockerignore\n./notes.md\nDockerfile\n");
    let before = rig.inputs();
    rig.lay("notes.md", "other notes\n");
    assert_eq!(said(&before, &rig.inputs(), &ALL_RAN[3..4]), ["unknown"], "what is ignored is no cause");
    rig.lay(".dockerignore", ".dockerignore\nDockerfile\ntests\n");
    assert_eq!(
        said(&before, &rig.inputs(), &ALL_RAN[3..4]),
        [
            "[4/6] COPY . .: notes.md no longer ignored by .dockerignore; tests/test.py now ignored by .dockerignore"
        ]
    );
}

#[test]
fn a_dockerfiles_own_ignore_file_goes_before_the_contexts() {
    let mut rig = Rig::new(SINGLE);
    std::fs::write(rig.dir.path().join("Dockerfile.dockerignore"), "*.md\n").unwrap();
    let before = rig.inputs();
    rig.lay("notes.md", "other notes\n");
    rig.lay("new.py", "\n");
    assert_eq!(said(&before, &rig.inputs(), &ALL_RAN[3..4]), ["[4/6] COPY . .: new.py added"]);
}

#[test]
fn a_line_that_was_not_there_before() {
    let mut rig = Rig::new(SINGLE);
    let before = rig.inputs();
    let other = SINGLE.replace("WORKDIR /app\n", "WORKDIR /app\nENV MODE=fast\n");
    std::fs::write(rig.dir.path().join("Dockerfile"), other).unwrap();
    rig.lay("app.py", "print(2)\n");
    let found = said(&before, &rig.inputs(), &ALL_RAN);
    assert_eq!(found[2], "ENV MODE=fast: this line of the Dockerfile is new or changed");
}

#[test]
fn causes_reach_through_stages_and_mounts_and_stop_at_links() {
    let mut rig = Rig::new(STAGES);
    let before = rig.inputs();
    rig.lay("requirements/all.txt", "pandas\n");
    rig.lay("tests/test.py", "assert 1\n");
    let names = [
        "[deps 1/3] COPY requirements requirements",
        "[deps 2/3] RUN pip install -r requirements/all.txt",
        "[test 1/1] RUN --mount=type=bind,source=tests,target=/tests python -m pytest",
        "[stage-2 1/4] COPY --from=deps /usr/local /usr/local",
        "[stage-2 2/4] COPY --link app.py .",
        "[stage-2 3/4] RUN --mount=from=deps,target=/deps ls /deps",
    ];
    let cause = "[deps 1/3] COPY requirements requirements: requirements/all.txt changed";
    let found = said(&before, &rig.inputs(), &names);
    assert_eq!(found, [cause, cause, cause, cause, "unknown", cause]);

    // Beside --chmod there is no link.
    let ignored = STAGES.replace("COPY --link app.py", "COPY --link --chmod=644 app.py");
    std::fs::write(rig.dir.path().join("Dockerfile"), &ignored).unwrap();
    let inputs = rig.inputs();
    rig.lay("requirements/all.txt", "polars\n");
    let found = said(
        &inputs,
        &rig.inputs(),
        &["[deps 1/3] COPY requirements requirements", "[stage-2 2/4] COPY --link --chmod=644 app.py ."],
    );
    assert_eq!(found[1..], [format!("{cause} (--link does nothing beside --chmod)")]);
    std::fs::write(rig.dir.path().join("Dockerfile"), STAGES).unwrap();

    // Where the stage came from the cache, a changed mount is what is left.
    let names = ["=[deps 1/3] COPY requirements requirements", "=[deps 2/3] RUN pip", names[2]];
    let found = said(&before, &rig.inputs(), &names);
    assert!(found[2].starts_with("[test 1/1] RUN --mount=type=bind,source=tests"), "{found:?}");
    assert!(found[2].ends_with(": tests/test.py changed"), "{found:?}");
}

#[test]
fn many_files_are_counted() {
    let mut rig = Rig::new(SINGLE);
    let before = rig.inputs();
    ["a", "b", "c", "d", "e"].iter().for_each(|name| rig.lay(name, name));
    assert_eq!(said(&before, &rig.inputs(), &ALL_RAN[3..4]), ["[4/6] COPY . .: a, b, c and 2 more added"]);
}
