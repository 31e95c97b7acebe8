//! Containers.

use std::collections::{BTreeMap, HashMap};

use bollard::query_parameters::ListContainersOptionsBuilder;
use harness::engine::LABEL;
use harness::engine::containers::{Container, ContainerSpec, Mounts};

use crate::support::{BASE, engine, token};

fn spec(run: &str, script: &str) -> ContainerSpec {
    ContainerSpec {
        run: run.to_owned(),
        command: ["sh", "-c", script].map(String::from).to_vec(),
        env: BTreeMap::from([("WORD".to_owned(), "a b".to_owned())]),
        ..ContainerSpec::default()
    }
}

#[tokio::test]
async fn a_container_sees_what_is_mounted_and_cannot_change_it() {
    let engine = engine().await;
    let (file, name) = (tempfile::NamedTempFile::new().unwrap(), "/models/deep/m");
    std::fs::write(file.path(), "weights").unwrap();
    let mounted = ContainerSpec {
        mounts: Mounts::from([(name.to_owned(), file.path().to_owned())]),
        ..spec("test-mounts", "cat /models/deep/m; echo no > /models/deep/m || echo read-only")
    };
    let container = Container::start(&engine.docker, BASE, mounted).await.unwrap();
    assert_eq!(container.wait().await.unwrap(), 0);
    assert_eq!(container.logs().await.unwrap().stdout, b"weightsread-only\n");
    container.remove().await.unwrap();
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "weights");
}

#[tokio::test]
async fn a_container_runs_with_its_environment_and_goes() {
    let engine = engine().await;
    let script = "echo \"$WORD\"; echo err >&2; ls /sys/class/net | grep -qx lo && exit 3";
    let container = Container::start(&engine.docker, BASE, spec(&token(), script)).await.unwrap();
    assert_eq!(container.wait().await.unwrap(), 3);
    let logs = container.logs().await.unwrap();
    assert_eq!((logs.stdout.as_slice(), logs.stderr.as_slice()), (&b"a b\n"[..], &b"err\n"[..]));
    let id = container.id().to_owned();
    container.remove().await.unwrap();
    assert!(engine.docker.inspect_container(&id, None).await.is_err());
}

#[tokio::test]
async fn a_dropped_or_forgotten_container_goes_too() {
    let engine = engine().await;
    let run = token();
    let dropped = Container::start(&engine.docker, BASE, spec(&run, "sleep 1000")).await.unwrap();
    let id = dropped.id().to_owned();
    let labels = engine.docker.inspect_container(&id, None).await.unwrap().config.unwrap().labels.unwrap();
    assert_eq!(labels[LABEL], run);
    drop(dropped);
    let mut gone = false;
    for _ in 0..200 {
        gone = engine.docker.inspect_container(&id, None).await.is_err();
        if gone {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(gone);

    let forgotten = Container::start(&engine.docker, BASE, spec(&run, "sleep 1000")).await.unwrap();
    let bystander = Container::start(&engine.docker, BASE, spec(&token(), "sleep 1000")).await.unwrap();
    engine.shared.engine.remove_labelled(&run).await.unwrap();
    assert!(engine.docker.inspect_container(forgotten.id(), None).await.is_err());
    assert!(engine.docker.inspect_container(bystander.id(), None).await.is_ok());
    bystander.remove().await.unwrap();
    forgotten.remove().await.expect("gone already is as good");
}

#[tokio::test]
async fn a_container_that_cannot_start_leaves_nothing() {
    let engine = engine().await;
    let run = token();
    let count = || async {
        let all = ListContainersOptionsBuilder::default().all(true);
        let ours = HashMap::from([("label", vec![format!("{LABEL}={run}")])]);
        engine.docker.list_containers(Some(all.filters(&ours).build())).await.unwrap().len()
    };
    let mut bad = spec(&run, "");
    bad.command = vec!["/no/such/program".to_owned()];
    let error = Container::start(&engine.docker, BASE, bad).await.unwrap_err();
    assert!(format!("{error:#}").contains("/no/such/program"), "{error:#}");
    for _ in 0..200 {
        if count().await == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(count().await, 0);
    assert!(Container::start(&engine.docker, "localhost:1/none:1", spec(&run, "")).await.is_err());
}

#[tokio::test]
async fn a_container_started_again_finds_what_it_wrote_and_is_timed_anew() {
    let engine = engine().await;
    let script = "test -e /seen && exit 7; touch /seen && sleep 1";
    let container = Container::start(&engine.docker, BASE, spec(&token(), script)).await.unwrap();
    assert_eq!(container.wait().await.unwrap(), 0);
    let first = container.ran().await.unwrap();
    container.begin().await.unwrap();
    assert_eq!(container.wait().await.unwrap(), 7, "it lost its file");
    let again = container.ran().await.unwrap();
    assert!(first.as_secs_f64() >= 1.0 && again < first, "{first:?}, then {again:?}");
    container.remove().await.unwrap();
}

#[tokio::test]
async fn a_running_container_has_no_duration() {
    let engine = engine().await;
    let container = Container::start(&engine.docker, BASE, spec(&token(), "sleep 1000")).await.unwrap();
    assert!(container.ran().await.is_err());
    container.stop(0).await.unwrap();
    container.wait().await.unwrap();
    assert!(container.ran().await.is_ok());
    container.remove().await.unwrap();
}

#[tokio::test]
async fn a_read_only_container_writes_to_tmp_alone() {
    let engine = engine().await;
    let script = "mkdir -p /tmp; touch /tmp/a || exit 1; touch /a && exit 2; exit 0";
    for (read_only, code) in [(true, 0), (false, 2)] {
        let spec = ContainerSpec { read_only, ..spec(&token(), script) };
        let container = Container::start(&engine.docker, BASE, spec).await.unwrap();
        assert_eq!(container.wait().await.unwrap(), code, "read-only: {read_only}");
        container.remove().await.unwrap();
    }
}
