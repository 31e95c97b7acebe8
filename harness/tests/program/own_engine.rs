//! A run on an engine of the user's: it is used, and afterwards it is as it was.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bollard::query_parameters::{ListContainersOptionsBuilder, ListImagesOptionsBuilder};
use harness::cache::Cache;
use harness::engine::buildkit::{BuildRequest, Context, Export};
use harness::engine::{Choice, Data, Engine, Home};
use harness::scenario::Compression;

use crate::support::{engine_lock, rows, tare};

#[test]
fn docker_host_is_used_and_left_as_it_was() {
    let _engine = engine_lock();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let dir = tempfile::tempdir().expect("a directory");
    let home = Home {
        engine: dir.path().join("engine"),
        debian: Cache::open().expect("a cache").room("debian").expect("a room"),
    };
    std::fs::create_dir(&home.engine).expect("a directory");
    let theirs = runtime
        .block_on(Engine::open(&home, &Choice::Managed, Data::Wipe, &|_| {}))
        .expect("somebody else's engine");
    std::fs::write(dir.path().join("file"), "theirs").expect("a file");
    runtime.block_on(build(&theirs, dir.path()));
    // What came into being long before a build of ours is not ours; the engine notes times by the second.
    std::thread::sleep(Duration::from_secs(2));
    let before = runtime.block_on(contents(&theirs));
    assert!(!before.cache.is_empty() && before.images.contains(&"theirs:1".to_owned()));

    let run = dir.path().join("run");
    let output = tare()
        .env("DOCKER_HOST", theirs.address().to_string())
        .args(["bench", "layer-order", "--profile", "smoke", "--out"])
        .arg(&run)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(runtime.block_on(contents(&theirs)), before);

    let info: serde_json::Value =
        serde_json::from_slice(&std::fs::read(run.join("run.json")).expect("run.json")).expect("JSON");
    assert_eq!(info["engine"]["kind"], "own");
    let samples = rows(&run.join("samples.csv"));
    // A user's builder is not emptied to see what an empty one does.
    let (fresh_builder, others): (Vec<_>, Vec<_>) =
        samples.iter().partition(|row| row["event"].starts_with("ci-"));
    assert!(others.iter().all(|row| row["error"].is_empty() && row["cpu_s"].is_empty()), "{others:#?}");
    assert!(!fresh_builder.is_empty());
    for row in fresh_builder {
        assert!(row["error"].contains("not measured") && row["wall_s"].is_empty(), "{row:#?}");
    }
    runtime.block_on(theirs.down(Data::Wipe)).expect("it goes down");
}

/// All that an engine holds, by name or id.
#[derive(Debug, PartialEq)]
struct Contents {
    images: Vec<String>,
    containers: usize,
    cache: Vec<String>,
}

async fn contents(engine: &Engine) -> Contents {
    let list = ListImagesOptionsBuilder::default().all(true).build();
    let images = engine.docker().list_images(Some(list)).await.expect("images");
    let mut names: Vec<String> =
        images.into_iter().flat_map(|image| image.repo_tags.into_iter().chain([image.id])).collect();
    names.sort();
    let list = ListContainersOptionsBuilder::default().all(true).build();
    let containers = engine.docker().list_containers(Some(list)).await.expect("containers").len();
    let records = engine.buildkit().cache_records().await.expect("build cache");
    let mut cache: Vec<String> = records.into_iter().map(|record| record.id).collect();
    cache.sort();
    Contents { images: names, containers, cache }
}

/// An image and build cache of the user's.
async fn build(engine: &Engine, root: &Path) {
    let dockerfile = root.join("Dockerfile");
    std::fs::write(&dockerfile, "FROM scratch\nCOPY file /file\n").expect("a file");
    let request = BuildRequest {
        context: Context { root: root.to_owned(), ..Context::default() },
        dockerfile,
        build_args: BTreeMap::new(),
        named_contexts: BTreeMap::new(),
        secrets: BTreeMap::new(),
        shared_key: "theirs".to_owned(),
        cache_mount_namespace: String::new(),
        no_cache: false,
        history: true,
        export: Export::Store { name: "docker.io/library/theirs:1".to_owned() },
        compression: Compression::Gzip,
        timeout: Duration::from_secs(120),
        cache_from: None,
        progress: None,
    };
    engine.build(request).await.expect("a build");
}
