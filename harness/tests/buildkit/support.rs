//! What the tests stand on: an engine, a base image of one program, a request to start from.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bollard::Docker;
use harness::engine::Address;
use harness::engine::buildkit::{BuildKit, BuildOutcome, BuildRequest, Context, Export, OverlayFile, Vertex};
use harness::engine::containers::docker_client;
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// A reference that no registry is asked for in vain: the connection is refused at once.
pub(crate) const BASE: &str = "localhost:1/tare-test/busybox:1";

/// An engine with the base image on it.
pub(crate) struct Engine {
    pub(crate) address: Address,
    pub(crate) kit: BuildKit,
    pub(crate) docker: Docker,
}

pub(crate) async fn engine() -> Engine {
    static BASE_BUILT: OnceCell<()> = OnceCell::const_new();
    let address =
        Address::Unix(PathBuf::from(std::env::var_os("TARE_TEST_ENGINE").expect("TARE_TEST_ENGINE")));
    let kit = BuildKit::connect(&address).await.unwrap();
    BASE_BUILT.get_or_init(|| build_base(&kit)).await;
    let docker = docker_client(&address).await.unwrap();
    Engine { address, kit, docker }
}

fn busybox() -> PathBuf {
    PathBuf::from(std::env::var_os("TARE_TEST_BUSYBOX").expect("TARE_TEST_BUSYBOX"))
}

async fn build_base(kit: &BuildKit) {
    let dir = dir(&[(
        "Dockerfile",
        "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\n",
    )]);
    fs::copy(busybox(), dir.path().join("busybox")).unwrap();
    let mut request = request(&dir);
    request.export = Export::Store { name: BASE.to_owned() };
    kit.build(request).await.unwrap();
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
        context: Context { root: dir.path().to_owned(), overlay: BTreeMap::new() },
        dockerfile: dir.path().join("Dockerfile"),
        build_args: BTreeMap::new(),
        named_contexts: BTreeMap::from([("base".to_owned(), format!("docker-image://{BASE}"))]),
        secrets: BTreeMap::new(),
        shared_key: token(),
        cache_mount_namespace: token(),
        no_cache: false,
        export: Export::Nothing,
        timeout: Duration::from_secs(120),
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
        bytes: Arc::from(text.as_bytes()),
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
