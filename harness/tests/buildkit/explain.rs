//! Why a step ran again, on real builds: each kind of change, scripted.

use std::fs;

use harness::engine::buildkit::{BuildOutcome, BuildRequest, Export};
use harness::explain::{Inputs, causes};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

use crate::support::{Engine, dir, edit, engine, request, token};

const DOCKERFILE: &str = "\
FROM base AS deps
ARG VERSION=1
WORKDIR /app
COPY deps ./
RUN cat deps > installed
FROM deps AS notes
RUN --mount=type=bind,source=notes.md,target=/notes.md cat /notes.md > /noted
FROM base
COPY --from=deps /app /app
COPY --from=notes /noted /noted
COPY . .
RUN cat main > built
";

/// What is built again and again, and what it was made from last.
struct Rig {
    engine: Engine,
    files: TempDir,
    ask: Box<dyn Fn(&TempDir) -> BuildRequest>,
    /// One of these tests at a time: builds side by side have a say in each other's flags.
    _alone: MutexGuard<'static, ()>,
}

impl Rig {
    async fn new() -> Self {
        Self::of(DOCKERFILE).await
    }

    async fn of(dockerfile: &str) -> Self {
        static ALONE: Mutex<()> = Mutex::const_new(());
        // Held while waiting, so that it stays up from one test to the next.
        let engine = engine().await;
        let alone = ALONE.lock().await;
        // Builds at the same time that share a step share its flags as well: no step is another test's.
        let dockerfile = dockerfile.replace("/app", &format!("/{}", token()));
        let files = dir(&[
            ("Dockerfile", &dockerfile),
            ("deps", &token()),
            ("main", &token()),
            ("notes.md", &token()),
            ("data.csv", &token()),
            (".dockerignore", "data.csv\n"),
        ]);
        let (key, namespace) = (token(), token());
        let ask = move |files: &TempDir| {
            let mut request = request(files);
            (request.shared_key, request.cache_mount_namespace) = (key.clone(), namespace.clone());
            request
        };
        let rig = Self { engine, files, ask: Box::new(ask), _alone: alone };
        rig.build(rig.request()).await;
        rig
    }

    fn request(&self) -> BuildRequest {
        (self.ask)(&self.files)
    }

    async fn build(&self, request: BuildRequest) -> BuildOutcome {
        self.engine.kit.build(request).await.unwrap()
    }

    /// Builds once more with a change; gives the instructions that ran, each with its cause.
    async fn after(&self, change: impl FnOnce(&mut BuildRequest)) -> Vec<(String, String)> {
        let before = Inputs::of(&self.request()).unwrap();
        let mut request = self.request();
        change(&mut request);
        let after = Inputs::of(&request).unwrap();
        let outcome = self.build(request).await;
        let causes = causes(&before, &after, &outcome.vertexes).unwrap();
        let ran = outcome.vertexes.iter().zip(causes);
        let mut ran: Vec<_> = ran.filter_map(|(vertex, cause)| Some((vertex.name.clone(), cause?))).collect();
        ran.sort();
        ran
    }
}

/// The change that lays this text over a file.
fn lay(path: &str, text: &str) -> impl FnOnce(&mut BuildRequest) {
    let (path, file) = (path.to_owned(), edit(text, 1));
    move |request| {
        request.context.overlay.insert(path, file);
    }
}

/// All steps that ran have the cause, and exactly `steps` did.
fn assert_all(ran: &[(String, String)], steps: usize, cause: &str) {
    assert!(ran.iter().all(|(_, found)| found == cause), "not all by {cause:?}: {ran:#?}");
    assert_eq!(ran.len(), steps, "{ran:#?}");
}

#[tokio::test]
async fn nothing_and_a_new_time_have_no_cause_for_nothing_runs() {
    let rig = Rig::new().await;
    assert_all(&rig.after(|_| {}).await, 0, "");
    let text = fs::read_to_string(rig.files.path().join("main")).unwrap();
    let touched = rig.after(lay("main", &text)).await;
    assert_all(&touched, 0, "");
}

#[tokio::test]
async fn a_source_file() {
    let rig = Rig::new().await;
    let ran = rig.after(lay("main", &token())).await;
    assert_all(&ran, 2, "[stage-2 3/5] COPY . .: main changed");
}

#[tokio::test]
async fn a_dependency_list_reaches_through_all_stages() {
    let rig = Rig::new().await;
    let ran = rig.after(lay("deps", &token())).await;
    // All but WORKDIR, and but the copy of what the stage `notes` noted, which is as before.
    assert!(ran.iter().any(|(name, _)| name.contains("COPY --from=deps")), "{ran:#?}");
    assert!(ran.len() >= 6, "{ran:#?}");
    assert_all(&ran, ran.len(), "[deps 2/4] COPY deps ./: deps changed");
}

#[tokio::test]
async fn a_link_stands_by_itself_unless_there_is_a_mode_beside_it() {
    let dockerfile = "FROM base\nWORKDIR /app\nCOPY deps ./\nCOPY --link main /linked/\n\
                      COPY --link --chmod=644 notes.md /moded/\n";
    let rig = Rig::of(dockerfile).await;
    let ran = rig.after(lay("deps", &token())).await;
    let changed = "[2/5] COPY deps ./: deps changed";
    let expected = [
        ("[2/5] COPY deps ./", changed.to_owned()),
        (
            "[4/5] COPY --link --chmod=644 notes.md /moded/",
            format!("{changed} (--link does nothing beside --chmod)"),
        ),
    ];
    assert_eq!(ran, expected.map(|(name, cause)| (name.to_owned(), cause)));
}

#[tokio::test]
async fn a_mounted_file() {
    let rig = Rig::new().await;
    let ran = rig.after(lay("notes.md", &token())).await;
    let cause = |text: &str| ran.iter().find(|(name, _)| name.contains(text)).map(|(_, cause)| cause.clone());
    let mounted = cause("[notes 1/1] RUN").expect("the step with the mount runs");
    assert!(
        mounted.starts_with("[notes 1/1] RUN --mount=type=bind") && mounted.ends_with(": notes.md changed")
    );
    assert_eq!(cause("COPY --from=notes"), Some(mounted.clone()));
}

#[tokio::test]
async fn a_build_argument() {
    let rig = Rig::new().await;
    let ran = rig
        .after(|request| {
            request.build_args.insert("VERSION".to_owned(), token());
        })
        .await;
    let argument = "[deps 3/4] RUN cat deps > installed: build argument VERSION changed";
    // What is copied from the stage is as before, and so comes from the cache by its content.
    for name in ["RUN cat deps", "[notes 1/1] RUN"] {
        assert!(ran.iter().any(|(step, _)| step.contains(name)), "{name} is not told of: {ran:#?}");
    }
    assert_all(&ran, ran.len(), argument);
}

#[tokio::test]
async fn a_base_image() {
    let rig = Rig::new().await;
    let other = format!("localhost:1/tare-test/bumped:{}", token());
    let bump = dir(&[("Dockerfile", &format!("FROM base\nRUN echo {} > /bump\n", token()))]);
    let mut bumped = request(&bump);
    bumped.export = Export::Store { name: other.clone() };
    rig.build(bumped).await;
    let ran = rig
        .after(|request| {
            request.named_contexts.insert("base".to_owned(), format!("docker-image://{other}"));
        })
        .await;
    assert!(ran.iter().any(|(name, _)| name.contains("RUN cat main")), "{ran:#?}");
    assert_all(&ran, ran.len(), "FROM base: the base image changed");
}

#[tokio::test]
async fn an_ignore_file() {
    let rig = Rig::new().await;
    let ignored = rig.after(lay("data.csv", &token())).await;
    assert_all(&ignored, 0, "");
    let ran = rig.after(lay(".dockerignore", "*.log\n")).await;
    assert_all(
        &ran,
        2,
        "[stage-2 3/5] COPY . .: .dockerignore changed; data.csv no longer ignored by .dockerignore",
    );
}
