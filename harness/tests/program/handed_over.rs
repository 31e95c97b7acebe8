//! Images that another machine has built and pushed to a private registry: `nightly.yml` has the runner with a GPU start
//! them by their digests, and nothing is built there.

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use harness::cache::Cache;
use harness::debian::{Archive, Suite, Unpacked};
use harness::engine::buildkit::{BuildRequest, Context, Export, OverlayContent, OverlayFile};
use harness::engine::{Choice, Data, Engine, Home, image_name};
use harness::record::{Records, RunDir};
use harness::scenario::{Compression, Phase, Profile, Scenario, Seen, Start, TOTAL, Variant};
use harness::supply::{BaseChoice, Bases, Link, Needs, Options, Supply};
use serde_json::Value;

use crate::support::{cache, copy, engine_lock, replace, tare, workspace};

/// The images of `gpu-startup` on a base that is quickly there.
const IMAGE: &str = "\
FROM python:3.11-slim
WORKDIR /app
COPY --chmod=644 answer.py cuda.py startup.py ./
ENV MODEL=/models/model.safetensors
USER 10001:10001
";
const BAKED: &str = "COPY --chmod=755 weights /models\n";

/// A user of the registry, as docker's client keeps it, and by the registry's own file.
const LOGIN: &str = "YWxpOm9wZW4gc2VzYW1l";
const USERS: &str = "ali:$2b$04$eChvchsowni.kBI1GDWBougVpvkrM5Hg.u4DUhyMOE7WBIlJ/uB7W\n";

#[test]
fn images_from_a_private_registry_are_started_by_digest_and_not_built() {
    let _engine = engine_lock();
    let dir = tempfile::tempdir().expect("a directory");
    let scenarios = dir.path().join("handed-over");
    let scenario = scenarios.join("gpu-start");
    copy(&workspace().join(".github/handed-over"), &scenarios);

    let mut registry = Registry::start(dir.path().join("registry"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let images = runtime.block_on(built_elsewhere(&mut registry, &scenario));
    for (variant, image) in &images {
        let file = scenario.join(format!("{variant}.Dockerfile"));
        replace(&file, &format!("@{}@", variant.to_string().to_uppercase()), image);
    }

    let login = format!(r#"{{ "auths": {{ "{}": {{ "auth": "{LOGIN}" }} }} }}"#, registry.host());
    fs::write(dir.path().join("config.json"), login).expect("a file");
    let run = dir.path().join("run");
    let output = tare()
        .args(["bench", "gpu-start", "--profile", "smoke", "--gpu", "off", "--engine", "managed"])
        // Two: an image that differs between builds would end the night.
        .args(["--blocks", "2", "--strict"])
        .arg("--scenarios")
        .arg(&scenarios)
        .arg("--out")
        .arg(&run)
        .env("DOCKER_CONFIG", dir.path())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let records = RunDir::open(&run).expect("a run").read().expect("records");
    for (variant, image) in &images {
        let (_, digest) = image.split_once('@').expect("a digest");
        let base = records.info.bases.iter().find(|base| base.reference == *image).expect("it is recorded");
        assert_eq!((base.kind.as_str(), base.digest.as_str()), ("registry", digest));
        nothing_was_built(&records, *variant, image);
        has_the_layers_of(&registry, digest, &records, *variant);
        has_its_phases(&records, *variant);
    }
}

/// Builds and pushes both images, as the ordinary runner does, and gives what they are handed over by.
async fn built_elsewhere(registry: &mut Registry, scenario: &Path) -> BTreeMap<Variant, String> {
    let cache = Cache::at(cache()).expect("a cache");
    let home = Home::of(&cache).expect("a home");
    let note = |line: &str| eprintln!("{line}");
    let engine = Engine::open(&home, &Choice::Managed, Data::Wipe, &note).await.expect("an engine");

    let generated = Scenario::load(scenario, Profile::Smoke).expect("it loads").generated;
    let known = Bases::read(&workspace().join("scenarios/bases.toml")).expect("bases");
    let options = Options { base: BaseChoice::Local, link: Link::None };
    let needs = |bases: Vec<String>| Needs { scenario: "s".to_owned(), bases, ..Needs::default() };
    let prepare =
        async |needs| Supply::prepare(&cache, &known, &[needs], options, engine.docker(), &note).await;
    let supply = prepare(needs(vec!["python:3.11-slim".to_owned()])).await.expect("a supply");
    assert!(supply.failure("s").is_none(), "{:?}", supply.failure("s"));

    let mut overlay = BTreeMap::new();
    for (path, bytes) in generated {
        let made = supply.weights().first(&path, bytes).expect("weights");
        let modified = fs::metadata(made.path()).and_then(|file| file.modified()).expect("a time");
        let content = OverlayContent::File(made.path().into());
        overlay.insert(path, OverlayFile { content, mode: 0o644, modified });
    }
    let dockerfile = registry.dir.join("Dockerfile");
    let mut images = BTreeMap::new();
    for (variant, text) in [(Variant::Naive, [IMAGE, BAKED].concat()), (Variant::Optimized, IMAGE.to_owned())]
    {
        fs::write(&dockerfile, text).expect("a file");
        let name = image_name("elsewhere", &format!("gpu-startup:{variant}"));
        let request = BuildRequest {
            context: Context {
                root: workspace().join("scenarios/gpu-startup/context"),
                overlay: overlay.clone(),
                ..Context::default()
            },
            dockerfile: dockerfile.clone(),
            build_args: BTreeMap::new(),
            named_contexts: supply.named_contexts("s"),
            secrets: BTreeMap::new(),
            shared_key: "elsewhere".to_owned(),
            cache_mount_namespace: "elsewhere".to_owned(),
            no_cache: false,
            export: Export::Store { name: name.clone() },
            compression: Compression::Gzip,
            timeout: Duration::from_secs(300),
            history: false,
            cache_from: None,
            progress: None,
        };
        engine.build(request).await.unwrap_or_else(|error| panic!("{error}"));
        engine.push(&name, &registry.host()).await.expect("it is pushed");
        images.insert(variant, registry.pinned(&name));
    }

    // Whoever has no login learns what to do.
    registry.ask_for_a_login();
    let refused = prepare(needs(vec![images[&Variant::Naive].clone()])).await.expect("a supply");
    let why = format!("{:#}", refused.failure("s").expect("it is private"));
    assert!(why.contains("cannot pull") && why.contains("docker login"), "{why}");
    engine.down(Data::Wipe).await.expect("it goes down");
    images
}

/// No instruction but `FROM`: what changes the image's configuration alone is no step.
fn nothing_was_built(records: &Records, variant: Variant, image: &str) {
    let steps: Vec<_> = records.steps.iter().filter(|step| step.variant == variant).collect();
    assert!(!steps.is_empty(), "{variant}: BuildKit did nothing");
    for step in steps {
        assert!(!step.instruction || step.name.contains("FROM "), "{variant}: {}", step.name);
    }
    let plan = &records.plan.scenarios[0].dockerfiles;
    assert!(plan.get(variant).contains(image), "{variant}: {plan:?}");
}

/// What was started is, layer by layer, what was handed over.
fn has_the_layers_of(registry: &Registry, digest: &str, records: &Records, variant: Variant) {
    let manifest: Value = serde_json::from_slice(&registry.blob(digest)).expect("a manifest");
    let handed = manifest["layers"].as_array().expect("layers");
    let handed: Vec<u64> = handed.iter().filter_map(|layer| layer["size"].as_u64()).collect();
    let layers = records.layers.iter().filter(|layer| layer.variant == variant && layer.block == 1);
    assert_eq!(layers.map(|layer| layer.compressed_bytes).collect::<Vec<_>>(), handed, "{variant}");
    let image = records.images.iter().find(|image| image.variant == variant).expect("its sizes");
    assert_eq!(image.unique_bytes, 0, "{variant}: it has layers of its own");
}

fn has_its_phases(records: &Records, variant: Variant) {
    for start in [Start::First, Start::Again] {
        let rows = records
            .starts
            .iter()
            .filter(|row| row.variant == variant && row.event == start && row.block == 1);
        let found: BTreeMap<&str, _> = rows.map(|row| (&*row.phase, row)).collect();
        assert!(found[TOTAL].seconds.is_some(), "{variant}: {found:#?}");
        for phase in Phase::ALL.iter().filter(|phase| phase.happens(start, false)) {
            let row = found[phase.as_str()];
            match phase.seen() {
                Seen::Outside | Seen::Inside => assert!(row.seconds.is_some(), "{variant}: {row:?}"),
                _ => assert!(row.error.as_ref().is_some_and(|why| why.starts_with("not measured: "))),
            }
        }
    }
}

/// A registry as it stands on another machine; the harness knows nothing of it. It ends with the test.
struct Registry {
    dir: PathBuf,
    port: u16,
    packages: Unpacked,
    process: Child,
}

impl Registry {
    fn start(dir: PathBuf) -> Self {
        fs::create_dir(&dir).expect("a directory");
        let debian = Cache::open().and_then(|cache| cache.room("debian")).expect("a room");
        let archive = Archive::open(&debian).expect("an archive");
        let packages = archive.unpack(&Suite::Own, &["docker-registry"]).expect("its package");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let port = free.expect("a port").port();
        let process = serve(&packages, &dir, port, "");
        Self { dir, port, packages, process }
    }

    /// The same with all that it holds, for those who log in.
    fn ask_for_a_login(&mut self) {
        self.end();
        fs::write(self.dir.join("users"), USERS).expect("a file");
        let auth = "auth:\n  htpasswd:\n    realm: test\n    path: users\n";
        self.process = serve(&self.packages, &self.dir, self.port, auth);
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `HOST/REPOSITORY@DIGEST` of what was pushed as `name`.
    fn pinned(&self, name: &str) -> String {
        let (repository, tag) = name.rsplit_once(':').expect("a tag");
        let link = format!("repositories/{repository}/_manifests/tags/{tag}/current/link");
        let digest = fs::read_to_string(self.stored(&link)).expect("it was pushed");
        format!("{}/{repository}@{digest}", self.host())
    }

    fn blob(&self, digest: &str) -> Vec<u8> {
        let (kind, hex) = digest.split_once(':').expect("a digest");
        fs::read(self.stored(&format!("blobs/{kind}/{}/{hex}/data", &hex[..2]))).expect("it is stored")
    }

    fn stored(&self, path: &str) -> PathBuf {
        self.dir.join("data/docker/registry/v2").join(path)
    }

    fn end(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.end();
    }
}

fn serve(packages: &Unpacked, dir: &Path, port: u16, auth: &str) -> Child {
    let configuration = format!(
        "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    rootdirectory: data\n\
         http:\n  addr: 127.0.0.1:{port}\n  secret: test\n{auth}"
    );
    fs::write(dir.join("config.yml"), configuration).expect("a file");
    let mut program: Command = packages.command("docker-registry").expect("the program");
    program.args(["serve", "config.yml"]).env("OTEL_TRACES_EXPORTER", "none").current_dir(dir);
    let log = dir.join("log");
    let process = program.stderr(fs::File::create(&log).expect("a file")).spawn().expect("it starts");
    let end = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "the registry does not listen: {:?}", fs::read_to_string(&log));
        std::thread::sleep(Duration::from_millis(50));
    }
    process
}
