//! The registry on loopback, as a client of its HTTP API sees it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::cache::Cache;
use harness::debian::Archive;
use harness::supply::{Link, Moved, Registry, Shaper};

/// A cache of its own, but for the unpacked programs.
fn cache_beside(dir: &Path) -> Cache {
    let cache = Cache::at(dir.join("cache")).unwrap();
    let programs = Cache::open().unwrap().room("debian").unwrap();
    std::os::unix::fs::symlink(programs, cache.root().join("debian")).unwrap();
    cache
}

async fn start(cache: &Cache) -> Registry {
    let archive = Arc::new(Archive::open(&cache.room("debian").unwrap()).unwrap());
    Registry::start(cache, archive, Shaper::new(Link::None)).await.unwrap()
}

/// What curl prints: the status code after the body.
async fn curl(arguments: &[&str]) -> String {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--noproxy", "*", "--write-out", "%{http_code}"]);
    command.args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Uploads `text` as a blob, whatever another repository holds, and returns its digest.
async fn upload(registry: &Registry, repository: &str, text: &str, dir: &Path) -> String {
    let file = dir.join("blob");
    std::fs::write(&file, text).unwrap();
    let sum = Command::new("sha256sum").arg(&file).output().unwrap();
    let digest = format!("sha256:{}", &String::from_utf8(sum.stdout).unwrap()[..64]);
    let uploads = format!("http://{}/v2/{repository}/blobs/uploads/", registry.host());
    let from_another = format!("{uploads}?mount={digest}&from=a");
    let said = curl(&["--include", "--request", "POST", &from_another]).await;
    assert!(said.ends_with("202"), "an upload, and no blob taken over: {said}");
    let location = said.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().trim();
    let place = format!("{location}&digest={digest}");
    let data = format!("@{}", file.display());
    // Not as a form, which the registry would read for itself.
    let kind = "Content-Type: application/octet-stream";
    let said = curl(&["--request", "PUT", "--header", kind, "--data-binary", &data, &place]).await;
    assert!(said.ends_with("201"), "{said}");
    digest
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_goes_up_and_down_and_each_byte_is_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let registry = start(&cache_beside(dir.path())).await;
    assert_eq!(curl(&[&format!("http://{}/v2/", registry.host())]).await, "{}200");

    let text = "x".repeat(300_000);
    let before = registry.moved();
    let digest = upload(&registry, "a", &text, dir.path()).await;
    let up = registry.moved().up - before.up;
    assert_eq!(up, 300_000, "the body of the upload, and nothing else");
    let before = registry.moved();
    let blob = format!("http://{}/v2/a/blobs/{digest}", registry.host());
    assert_eq!(curl(&[&blob]).await, format!("{text}200"));
    let after = registry.moved();
    assert_eq!(
        Moved { up: after.up - before.up, down: after.down - before.down },
        Moved { up: 0, down: 300_000 }
    );

    // A second repository uploads it again, and the registry stores it once.
    let before = registry.moved();
    upload(&registry, "b", &text, dir.path()).await;
    assert_eq!(registry.moved().up - before.up, 300_000);
    assert_eq!(registry.stored_bytes().await.unwrap(), 300_000);
    registry.clear().await.unwrap();
    assert_eq!(registry.stored_bytes().await.unwrap(), 0);
    assert!(curl(&["--output", "/dev/null", &blob]).await.ends_with("404"));
}

/// Processes that run in a directory below `dir`.
fn processes_in(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    entries
        .filter_map(|entry| std::fs::read_link(entry.path().join("cwd")).ok())
        .filter(|cwd| cwd.starts_with(dir))
        .collect()
}

/// Runs this test's own program again; the child holds a registry until it is killed.
const HOLDER: &str = "TARE_TEST_HOLDS_A_REGISTRY_IN";

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_ends_with_its_run_also_when_that_is_killed() {
    if let Some(dir) = std::env::var_os(HOLDER) {
        let registry = start(&cache_beside(Path::new(&dir))).await;
        std::fs::write(Path::new(&dir).join("up"), registry.host()).unwrap();
        return std::future::pending().await;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "registry::a_registry_ends_with_its_run_also_when_that_is_killed"])
        .env(HOLDER, dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("the registry to come up", || dir.path().join("up").exists());
    let room = dir.path().join("cache/registry");
    assert!(!processes_in(&room).is_empty());
    holder.kill().unwrap();
    holder.wait().unwrap();
    wait_for("its processes to end", || processes_in(&room).is_empty());

    // What it left on disk goes when the next one starts, and that one leaves nothing.
    let runs = || {
        let entries = std::fs::read_dir(&room).unwrap().filter_map(Result::ok);
        entries.filter(|entry| entry.path().is_dir()).count()
    };
    assert_eq!(runs(), 1);
    let cache = Cache::at(dir.path().join("cache")).unwrap();
    let next = start(&cache).await;
    assert_eq!(runs(), 1, "the new one's alone");
    drop(next);
    assert_eq!((runs(), processes_in(&room)), (0, Vec::new()));
}

fn wait_for(what: &str, done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
