//! Real builds on the managed engine that consume the supply.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use bollard::query_parameters::RemoveImageOptions;
use harness::cache::Cache;
use harness::engine::buildkit::{BuildRequest, Context, Export};
use harness::engine::{Choice, Data, Engine, Home};
use harness::scenario::Compression;
use harness::supply::{BaseChoice, Link, Options, Supply};

use super::{bases, known_bases, lock, needs};

/// Builds Dockerfiles as one scenario does.
pub(super) struct Builder<'a> {
    pub(super) engine: &'a Engine,
    pub(super) supply: &'a Supply,
    pub(super) scenario: &'static str,
}

impl Builder<'_> {
    /// Builds with no step cached; fails with BuildKit's message.
    pub(super) async fn build(&self, dockerfile: &str) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("Dockerfile");
        std::fs::write(&path, dockerfile).unwrap();
        let key = format!("{:?}", SystemTime::now());
        let request = BuildRequest {
            context: Context { root: dir.path().to_owned(), ..Context::default() },
            dockerfile: path,
            build_args: self.supply.build_args(self.scenario),
            named_contexts: self.supply.named_contexts(self.scenario),
            secrets: BTreeMap::new(),
            shared_key: key.clone(),
            cache_mount_namespace: key,
            no_cache: true,
            export: Export::Nothing,
            compression: Compression::Gzip,
            timeout: Duration::from_secs(300),
            history: false,
            cache_from: None,
            progress: None,
        };
        if let Err(error) = self.engine.build(request).await {
            panic!("{error}");
        }
    }
}

/// As people write it: compile in one stage, copy what was installed into another.
const SERVICE: &str = r#"
FROM python:3.11-slim AS builder
ARG PIP_INDEX_URL
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir --no-build-isolation --no-binary markupsafe --prefix=/install markupsafe six

FROM python:3.11-slim
COPY --from=builder /install /usr/local
RUN python -c 'import six, markupsafe._speedups; assert markupsafe._speedups.__file__.endswith(".so")'
"#;

/// The other way to copy.
const SITE_PACKAGES: &str = r#"
FROM python:3.11-slim AS builder
ARG PIP_INDEX_URL
RUN pip install --no-cache-dir markupsafe six
FROM python:3.11-slim
COPY --from=builder /usr/local/lib/python3.11/site-packages /usr/local/lib/python3.11/site-packages
RUN python -c 'import six, markupsafe._speedups' && pip list | grep MarkupSafe
"#;

/// Something that takes the proxy for one to the internet.
const STRANGER: &str = r#"
FROM python:3.11-slim
RUN ! python -c 'import urllib.request; urllib.request.urlopen("http://elsewhere.example/secret")'
"#;

#[tokio::test(flavor = "multi_thread")]
async fn builds_find_all_that_they_need_and_the_proxy_serves_apt_alone() {
    let cache = Cache::open().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let home = Home { engine: dir.path().to_owned(), debian: cache.room("debian").unwrap() };
    let engine =
        Engine::open(&home, &Choice::Managed, Data::Wipe, &|line| eprintln!("{line}")).await.unwrap();

    let mut service = needs("service");
    service.bases = vec!["python:3.11-slim".into()];
    service.locks = vec![lock()];
    service.apt = true;
    let mut broken = needs("broken");
    let broken_lock = dir.path().join("broken.txt");
    std::fs::write(&broken_lock, format!("six==1.16.0 --hash=sha256:{}\n", "0".repeat(64))).unwrap();
    broken.locks = vec![broken_lock];
    let mut unknown = needs("unknown");
    unknown.bases = vec!["python:2.7".into()];

    let said = Mutex::new(Vec::new());
    let progress = |line: &str| said.lock().unwrap().push(line.to_owned());
    let options = Options { base: BaseChoice::Local, link: Link::None };
    let needs = [service, broken, unknown];
    let supply =
        Supply::prepare(&cache, &known_bases(), &needs, options, engine.docker(), &progress).await.unwrap();

    // What one scenario lacks costs that scenario alone.
    assert!(supply.failure("service").is_none(), "{:?}", supply.failure("service"));
    let broken = supply.failure("broken").unwrap().to_string();
    assert!(broken.contains("broken.txt:1") && broken.contains("six 1.16.0"), "{broken}");
    assert!(supply.failure("unknown").unwrap().to_string().contains("`python:2.7`"));

    let args = supply.build_args("service");
    assert_eq!(args["no_proxy"], "127.0.0.1,localhost");
    assert!(args["PIP_INDEX_URL"].ends_with("/service/simple/"));
    assert!(!supply.build_args("broken").contains_key("http_proxy"), "only those who need apt get the proxy");
    assert_eq!(
        supply.named_contexts("service")["python:3.11-slim"],
        "docker-image://localhost:1/python:3.11-slim"
    );

    let builder = Builder { engine: &engine, supply: &supply, scenario: "service" };
    bases::keeps_its_contract(&builder, &supply, &[cache.root(), Path::new(env!("CARGO_MANIFEST_DIR"))])
        .await;

    builder.build(SERVICE).await;
    let apt = supply.apt().unwrap();
    assert_eq!(apt.refused(), [""; 0], "no request but apt's reaches the proxy");
    let fetched = apt.fetched();
    builder.build(SERVICE).await;
    assert_eq!(apt.fetched(), fetched, "a second build asks no mirror");
    builder.build(SITE_PACKAGES).await;
    assert_eq!(apt.refused(), [""; 0]);

    builder.build(STRANGER).await;
    assert_eq!(apt.refused(), ["GET http://elsewhere.example/secret"]);

    // An engine that was wiped gets its base images back.
    let tag = supply.base_tags()[0];
    engine.docker().remove_image(tag, None::<RemoveImageOptions>, None).await.unwrap();
    supply.restore_bases(engine.docker(), "service").await.unwrap();
    builder.build("FROM python:3.11-slim\nRUN pip --version\n").await;

    // A second supply finds all in cache and engine.
    said.lock().unwrap().clear();
    drop(supply);
    let again = Supply::prepare(&cache, &known_bases(), &needs[..1], options, engine.docker(), &progress)
        .await
        .unwrap();
    assert!(again.failure("service").is_none());
    let slow: Vec<String> = std::mem::take(&mut said.lock().unwrap());
    assert!(!slow.iter().any(|line| line.contains("stand-in") || line.contains("fetching")), "{slow:?}");

    // Made a second time from nothing, the stand-in is the same to the byte.
    let other = Cache::at(dir.path().join("other-cache")).unwrap();
    std::os::unix::fs::symlink(&home.debian, other.root().join("debian")).unwrap();
    let mut base_alone = super::needs("base");
    base_alone.bases = vec!["python:3.11-slim".into()];
    let digest = again.base_infos()[0].digest.clone();
    drop(again);
    let made = Supply::prepare(&other, &known_bases(), &[base_alone], options, engine.docker(), &progress)
        .await
        .unwrap();
    assert_eq!(made.base_infos()[0].digest, digest);
    assert!(said.lock().unwrap().iter().any(|line| line.contains("making the stand-in")), "it was made");

    engine.down(Data::Wipe).await.unwrap();
}
