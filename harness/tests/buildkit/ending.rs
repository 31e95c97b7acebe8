//! Builds that do not end well.

use std::time::Duration;

use harness::engine::Address;
use harness::engine::buildkit::{BuildError, BuildKit};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{bring_up, dir, engine, eventually, request, runs, token};

#[tokio::test]
async fn a_failing_step_gives_buildkits_message_and_the_last_output() {
    let engine = engine().await;
    let files =
        dir(&[("Dockerfile", "FROM base\nARG TURN\nRUN seq 100 && echo \"no such wheel\" >&2 && exit 7\n")]);
    let mut ask = request(&files);
    ask.build_args.insert("TURN".to_owned(), token());
    let error = engine.kit.build(ask).await.unwrap_err();
    let BuildError::Failed { message, vertexes } = error else { panic!("{error}") };
    assert!(message.contains("exit code: 7"), "{message}");
    assert!(message.contains("\n  no such wheel") && message.contains("\n  91"), "{message}");
    assert!(!message.contains("\n  50\n"), "only the last lines: {message}");
    let failed = vertexes.iter().find(|vertex| vertex.name.contains("RUN seq")).expect("the step");
    assert!(failed.error.is_some());
}

fn sleeper() -> (tempfile::TempDir, String) {
    // A number that no other process sleeps for.
    let seconds = (1_000_000 + u64::from(rand::random::<u32>())).to_string();
    (dir(&[("Dockerfile", &format!("FROM base\nRUN sleep {seconds}\n"))]), seconds)
}

#[tokio::test]
async fn a_time_out_is_an_error_and_ends_the_step() {
    let engine = engine().await;
    let (files, seconds) = sleeper();
    let mut ask = request(&files);
    ask.timeout = Duration::from_secs(8);
    let build = tokio::spawn(async move { engine.kit.build(ask).await });
    eventually("the step runs", || runs(&seconds)).await;
    let error = build.await.unwrap().unwrap_err();
    assert!(matches!(error, BuildError::TimedOut(limit) if limit == Duration::from_secs(8)), "{error}");
    eventually("the step is gone", || !runs(&seconds)).await;
}

#[tokio::test]
async fn dropping_a_build_ends_its_step() {
    let engine = engine().await;
    let (files, seconds) = sleeper();
    let ask = request(&files);
    let build = tokio::spawn(async move { engine.kit.build(ask).await });
    eventually("the step runs", || runs(&seconds)).await;
    build.abort();
    eventually("the step is gone", || !runs(&seconds)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_killed_in_mid_build_is_told_from_a_failing_step() {
    let shared = bring_up().await;
    let (files, seconds) = sleeper();
    let kit = BuildKit::connect(shared.engine.address()).await.unwrap();
    let ask = request(&files);
    let build = tokio::spawn({
        let kit = kit.clone();
        async move { kit.build(ask).await }
    });
    eventually("the step runs", || runs(&seconds)).await;
    let Address::Unix(socket) = shared.engine.address() else { panic!("a managed engine has a socket") };
    let pid = std::fs::read_to_string(socket.with_file_name("docker.pid")).unwrap();
    kill_process(Pid::from_raw(pid.trim().parse().unwrap()).unwrap(), Signal::KILL).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(30), build).await.expect("it does not hang");
    let error = ended.unwrap().unwrap_err();
    assert!(matches!(error, BuildError::EngineLost(_)), "{error:?}");
    let error = kit.build(request(&files)).await.unwrap_err();
    assert!(matches!(error, BuildError::EngineLost(_)), "{error:?}");
}
