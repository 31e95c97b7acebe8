//! What is sent, and what cannot be.

use std::fs::{self, File};
use std::process::Command;

use harness::engine::buildkit::BuildError;

use crate::support::{dir, engine, is_open, request, token};

fn context_error(error: BuildError) -> String {
    match error {
        BuildError::Context(message) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_pipe_is_named_at_once_and_not_waited_for() {
    let engine = engine().await;
    let files = dir(&[("Dockerfile", "FROM base\nCOPY . /all\n"), ("a", "")]);
    assert!(Command::new("mkfifo").arg(files.path().join("b.pipe")).status().unwrap().success());
    let message = context_error(engine.kit.build(request(&files)).await.unwrap_err());
    assert!(message.contains("b.pipe"), "{message}");
    fs::write(files.path().join(".dockerignore"), "*.pipe").unwrap();
    engine.kit.build(request(&files)).await.unwrap();
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_sent_is_an_error() {
    let engine = engine().await;
    let files = dir(&[("Dockerfile", &format!("FROM base\nLABEL t={}\nCOPY . /all\n", token()))]);
    let path = files.path().canonicalize().unwrap().join("big");
    // Sparse; large enough not to be sent in the moment between seeing it open and cutting it.
    File::create(&path).unwrap().set_len(8 << 30).unwrap();
    let mut ask = request(&files);
    ask.context.root = path.parent().unwrap().to_owned();
    let build = tokio::spawn(async move { engine.kit.build(ask).await });
    crate::support::eventually("the file is being read", || is_open(&path)).await;
    File::options().write(true).open(&path).unwrap().set_len(100 << 20).unwrap();
    let message = context_error(build.await.unwrap().unwrap_err());
    assert!(message.contains("/big: changed"), "{message}");
}

#[tokio::test]
async fn a_malformed_ignore_file_is_an_error() {
    let engine = engine().await;
    let files = dir(&[("Dockerfile", "FROM base\nCOPY . /all\n"), (".dockerignore", "fine\n[broken\n")]);
    let error = engine.kit.build(request(&files)).await.unwrap_err();
    assert!(
        matches!(&error, BuildError::Failed { message, .. } if message.contains("syntax error in pattern"))
    );
}

#[tokio::test]
async fn the_dockerfiles_own_ignore_file_comes_before_the_contexts() {
    let engine = engine().await;
    let files = dir(&[
        ("Small", "FROM base\nCOPY . /all\nRUN test -e /all/a && test ! -e /all/b\n"),
        ("Small.dockerignore", "b"),
        (".dockerignore", "a"),
        ("a", ""),
        ("b", ""),
    ]);
    let mut ask = request(&files);
    ask.dockerfile = files.path().join("Small");
    engine.kit.build(ask).await.unwrap();
}

#[tokio::test]
async fn names_need_not_be_ascii() {
    let engine = engine().await;
    let files = dir(&[
        (
            "Dockerfile",
            "FROM base\nCOPY [\"d\u{e9}j\u{e0} vu.txt\", \"/here\"]\nRUN test \"$(cat /here)\" = seen\n",
        ),
        ("d\u{e9}j\u{e0} vu.txt", "seen"),
        (".dockerignore", "\u{e9}t\u{e9}\n"),
        ("\u{e9}t\u{e9}", ""),
    ]);
    engine.kit.build(request(&files)).await.unwrap();
}
