//! What the tests stand on: an engine, a base image of one program, a request to start from.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use bollard::Docker;
use harness::cache::Cache;
use harness::debian::{Archive, Suite, Unpacked};
use harness::engine::buildkit::{
    BuildKit, BuildOutcome, BuildRequest, Context, Export, OverlayContent, OverlayFile, Vertex,
};
use harness::engine::{Choice, Data, Home};
use harness::scenario::Compression;
use tempfile::TempDir;
use tokio::sync::Mutex;

/// A reference that no registry is asked for in vain: the connection is refused at once.
pub(crate) const BASE: &str = "localhost:1/tare-test/busybox:1";

/// An engine with the base image on it, as one test holds it.
pub(crate) struct Engine {
    pub(crate) kit: BuildKit,
    pub(crate) docker: Docker,
    /// Goes down when no test holds it any more.
    pub(crate) shared: Arc<Shared>,
}

/// The managed engine of this process.
pub(crate) struct Shared {
    pub(crate) engine: harness::engine::Engine,
    /// After the engine, which lives in it.
    _dir: TempDir,
}

pub(crate) async fn engine() -> Engine {
    static SHARED: Mutex<Weak<Shared>> = Mutex::const_new(Weak::new());
    let mut slot = SHARED.lock().await;
    let shared = match slot.upgrade() {
        Some(shared) => shared,
        None => {
            let shared = Arc::new(bring_up().await);
            *slot = Arc::downgrade(&shared);
            shared
        }
    };
    // A connection belongs to the runtime that opened it, and each test has its own.
    let kit = BuildKit::connect(shared.engine.address()).await.unwrap();
    Engine { kit, docker: shared.engine.docker().clone(), shared }
}

/// An engine that no other test has.
pub(crate) async fn bring_up() -> Shared {
    let dir = TempDir::new().unwrap();
    let home = Home { engine: dir.path().to_owned(), debian: packages() };
    let note = |line: &str| eprintln!("{line}");
    let engine = harness::engine::Engine::open(&home, &Choice::Managed, Data::Wipe, &note).await.unwrap();
    build_base(engine.buildkit()).await;
    Shared { engine, _dir: dir }
}

/// Where packages are unpacked: once, in the user's cache.
fn packages() -> PathBuf {
    Cache::open().unwrap().room("debian").unwrap()
}

/// Programs from the distribution's packages.
pub(crate) async fn unpack(suite: Suite, names: &'static [&'static str]) -> Unpacked {
    let work = move || Archive::open(&packages()).unwrap().unpack(&suite, names).unwrap();
    tokio::task::spawn_blocking(work).await.unwrap()
}

async fn build_base(kit: &BuildKit) {
    let dir = dir(&[(
        "Dockerfile",
        "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\n",
    )]);
    let busybox = unpack(Suite::Own, &["busybox-static"]).await.program("busybox").unwrap();
    fs::copy(busybox, dir.path().join("busybox")).unwrap();
    let mut request = request(&dir);
    request.export = Export::Store { name: BASE.to_owned() };
    kit.build(request).await.unwrap();
    use_base(kit).await;
}

/// Builds upon the base once, alone. As long as the first build upon a base runs, BuildKit finds no cache
/// for any other upon it: a test that sleeps in that build would make all beside it run their steps again.
async fn use_base(kit: &BuildKit) {
    let dir = dir(&[("Dockerfile", "FROM base\nRUN :\n")]);
    kit.build(request(&dir)).await.unwrap();
}

/// A directory with these files.
pub(crate) fn dir(files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

/// A build of `dir`, in which `FROM base` works; no file of it is known to the engine.
pub(crate) fn request(dir: &TempDir) -> BuildRequest {
    BuildRequest {
        context: Context { root: dir.path().to_owned(), ..Context::default() },
        dockerfile: dir.path().join("Dockerfile"),
        build_args: BTreeMap::new(),
        named_contexts: BTreeMap::from([("base".to_owned(), format!("docker-image://{BASE}"))]),
        secrets: BTreeMap::new(),
        shared_key: token(),
        cache_mount_namespace: token(),
        no_cache: false,
        export: Export::Nothing,
        compression: Compression::Gzip,
        timeout: Duration::from_secs(120),
        history: false,
        cache_from: None,
        progress: None,
    }
}

/// Something that was never built before.
pub(crate) fn token() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// An edit of the `n`th second of 2020.
pub(crate) fn edit(text: &str, n: u64) -> OverlayFile {
    OverlayFile {
        content: OverlayContent::Bytes(Arc::from(text.as_bytes())),
        mode: 0o644,
        modified: SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_836_800 + n),
    }
}

/// The instruction whose name contains `text`.
pub(crate) fn step<'a>(outcome: &'a BuildOutcome, text: &str) -> &'a Vertex {
    let found = outcome.vertexes.iter().find(|vertex| vertex.is_instruction() && vertex.name.contains(text));
    found.unwrap_or_else(|| panic!("no step {text:?} in {:#?}", outcome.vertexes))
}

/// Waits until `done`, or fails after a time that no healthy machine needs.
pub(crate) async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..600 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("after 30 s still not: {what}");
}

/// Whether a process of this machine has `text` among its arguments.
pub(crate) fn runs(text: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.into_iter().any(|process| {
        let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let mut arguments = command.split(|&byte| byte == 0);
        arguments.any(|argument| argument == text.as_bytes())
    })
}

/// Whether this process has `path` open.
pub(crate) fn is_open(path: &Path) -> bool {
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    open.into_iter().any(|fd| fs::read_link(fd.path()).is_ok_and(|target| target == path))
}
