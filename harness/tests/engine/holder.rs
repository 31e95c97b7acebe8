//! Another process that holds an engine, to be killed without warning.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{CreateContainerOptions, StartContainerOptions};
use harness::engine::buildkit::Export;
use harness::engine::{Choice, Data, Engine, Home};

const READY: &str = "holding ";

pub(crate) struct Holder {
    child: Mutex<Child>,
    pub(crate) generation: String,
    /// What it noted on the way.
    pub(crate) notes: Vec<String>,
}

impl Holder {
    /// Returns once it has the engine. `extra` goes into its environment.
    pub(crate) fn start(home: &Home, choice: &str, extra: &[(&str, &str)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "holder::hold", "--ignored", "--nocapture", "--test-threads", "1"])
            .env("HOLD_ENGINE", &home.engine)
            .env("HOLD_DEBIAN", &home.debian)
            .env("HOLD_CHOICE", choice)
            .envs(extra.iter().copied())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut notes = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some((_, generation)) = line.split_once(READY) {
                return Self { child: Mutex::new(child), generation: generation.to_owned(), notes };
            }
            notes.push(line);
        }
        panic!("it ended ({}) and got no engine: {notes:?}", child.wait().unwrap());
    }

    /// As `kill -9`.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
#[ignore = "run by the other tests as a process of its own"]
fn hold() {
    let dir = |name: &str| std::env::var_os(name).unwrap().into();
    let home = Home { engine: dir("HOLD_ENGINE"), debian: dir("HOLD_DEBIAN") };
    let choice: Choice = std::env::var("HOLD_CHOICE").unwrap().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let engine = Engine::open(&home, &choice, Data::Wipe, &|line| println!("{line}")).await.unwrap();
        if std::env::var_os("HOLD_CONTAINER").is_some() {
            start_container(&engine, &home).await;
        }
        println!("{READY}{}", engine.info().await.unwrap().generation);
        std::future::pending::<()>().await;
    });
}

/// One that outlives whoever started it.
async fn start_container(engine: &Engine, home: &Home) {
    let root = super::busybox(home).await;
    let dockerfile = "FROM scratch\nCOPY busybox /busybox\nCMD [\"/busybox\", \"sleep\", \"100000\"]\n";
    super::build(engine, dockerfile, &root, Export::Store { name: "sleeper:1".to_owned() }).await;
    let body = ContainerCreateBody {
        image: Some("sleeper:1".to_owned()),
        host_config: Some(HostConfig { network_mode: Some("host".to_owned()), ..HostConfig::default() }),
        ..ContainerCreateBody::default()
    };
    let docker = engine.docker();
    let made = docker.create_container(None::<CreateContainerOptions>, body).await.unwrap();
    docker.start_container(&made.id, None::<StartContainerOptions>).await.unwrap();
}
