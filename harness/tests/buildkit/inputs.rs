//! Build arguments, secrets, the Dockerfile, progress.

use std::sync::{Arc, Mutex};

use harness::engine::buildkit::{BuildError, Progress, Vertex};

use crate::support::{dir, edit, engine, request, step, token};

#[tokio::test]
async fn a_secret_reaches_its_step_and_an_unknown_one_only_those_that_can_do_without() {
    let engine = engine().await;
    let files = dir(&[(
        "Dockerfile",
        "FROM base\nARG TURN\n\
         RUN --mount=type=secret,id=tok test \"$(cat /run/secrets/tok)\" = s3cret\n\
         RUN --mount=type=secret,id=nope test ! -e /run/secrets/nope\n",
    )]);
    let mut with = request(&files);
    with.build_args.insert("TURN".to_owned(), token());
    with.secrets.insert("tok".to_owned(), b"s3cret".to_vec());
    engine.kit.build(with).await.unwrap();

    let required = dir(&[("Dockerfile", "FROM base\nRUN --mount=type=secret,id=nope,required=true true\n")]);
    let error = engine.kit.build(request(&required)).await.unwrap_err();
    assert!(matches!(&error, BuildError::Failed { message, .. } if message.contains("nope")), "{error}");
}

#[tokio::test]
async fn an_edit_of_the_dockerfile_is_what_is_built() {
    let engine = engine().await;
    let files = dir(&[("Dockerfile", "FROM base\nRUN false\n")]);
    let mut edited = request(&files);
    edited.context.overlay.insert("Dockerfile".to_owned(), edit("FROM base\nRUN echo edited\n", 1));
    step(&engine.kit.build(edited).await.unwrap(), "RUN echo edited");
}

#[tokio::test]
async fn a_dockerfile_may_lie_outside_the_context_under_any_name() {
    let engine = engine().await;
    let files = dir(&[("ctx/f", "x"), ("images/Small.dockerfile", "FROM base\nCOPY f /f\n")]);
    let mut request = request(&files);
    request.context.root = files.path().join("ctx");
    request.dockerfile = files.path().join("images/Small.dockerfile");
    step(&engine.kit.build(request).await.unwrap(), "COPY f /f");
}

#[tokio::test]
async fn a_wrong_or_missing_dockerfile_is_said_so() {
    let engine = engine().await;
    let wrong = dir(&[("Dockerfile", "FROM base\nRUNN true\n")]);
    let error = engine.kit.build(request(&wrong)).await.unwrap_err();
    assert!(matches!(&error, BuildError::Failed { message, .. } if message.contains("RUNN")), "{error}");
    let missing = dir(&[]);
    let error = engine.kit.build(request(&missing)).await.unwrap_err();
    assert!(matches!(&error, BuildError::Context(message) if message.contains("Dockerfile")), "{error}");
}

#[derive(Default)]
struct Seen(Mutex<Vec<Vertex>>);

impl Progress for Seen {
    fn vertex(&self, vertex: &Vertex) {
        self.0.lock().unwrap().push(vertex.clone());
    }
}

#[tokio::test]
async fn progress_is_told_of_a_step_while_it_runs() {
    let engine = engine().await;
    let files = dir(&[("Dockerfile", "FROM base\nARG TURN\nRUN sleep 1\n")]);
    let seen = Arc::new(Seen::default());
    let mut ask = request(&files);
    ask.build_args.insert("TURN".to_owned(), token());
    ask.progress = Some(Arc::clone(&seen) as Arc<dyn Progress>);
    engine.kit.build(ask).await.unwrap();
    let seen = seen.0.lock().unwrap();
    let running = |v: &&Vertex| v.name.contains("RUN sleep") && v.started.is_some() && v.completed.is_none();
    assert!(seen.iter().any(|vertex| running(&vertex)), "{seen:#?}");
}
