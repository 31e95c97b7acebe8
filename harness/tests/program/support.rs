//! What tests of the whole program share: the binary with a cache of the tests' own, scenarios to
//! break, and a look at what a run leaves on the machine.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError, TryLockResult};
use std::time::Duration;

use assert_cmd::Command;

/// How many managed engines are up at a time, each with a cache of its own: tests of one program run side by
/// side, and builds wait for disk and network half of their time.
static LANES: [Mutex<()>; 2] = [Mutex::new(()), Mutex::new(())];

thread_local! {
    /// The lane of the test that runs on this thread.
    static LANE: Cell<usize> = const { Cell::new(0) };
}

/// Waits for a lane, and takes it.
pub(crate) fn engine_lock() -> MutexGuard<'static, ()> {
    loop {
        for (number, lane) in LANES.iter().enumerate() {
            if let Some(guard) = free(lane.try_lock()) {
                LANE.set(number);
                return guard;
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits for all lanes: what is looked for on the machine must come from one engine alone.
pub(crate) fn machine_lock() -> [MutexGuard<'static, ()>; 2] {
    LANE.set(0);
    LANES.each_ref().map(|lane| lane.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The lane, if nobody has it; that a test failed in it does not matter to the next.
fn free(tried: TryLockResult<MutexGuard<'static, ()>>) -> Option<MutexGuard<'static, ()>> {
    match tried {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// A cache with an engine of its own, so that a run of the user's is not in the way; what is fetched or
/// built once is the user's cache's, so that tests do not fetch it again.
pub(crate) fn cache() -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cache-{}", LANE.get()));
    std::fs::create_dir_all(&root).expect("the target directory is writable");
    share_rooms(&root);
    root
}

/// Gives the cache at `root` what the user's cache has fetched or built.
pub(crate) fn share_rooms(root: &Path) {
    let shared = harness::cache::Cache::open().expect("a cache");
    for room in ["apt", "bases", "debian", "wheels"] {
        // Another test that begins at the same time may come first.
        match std::os::unix::fs::symlink(shared.room(room).expect("a room"), root.join(room)) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => panic!("no link to {room}: {error}"),
            _ => {}
        }
    }
}

/// Two blocks of `layer-order` as a process of its own, whose engine is in this cache; a run that is there goes on.
pub(crate) fn begin_or_resume(cache: &Path, run: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tare"));
    command.env("TARE_CACHE", cache).env_remove("DOCKER_HOST");
    command.args(["bench", "--engine", "managed"]);
    if run.join("run.json").is_file() {
        command.arg("--resume").arg(run);
    } else {
        command.args(["layer-order", "--profile", "smoke", "--blocks", "2", "--out"]).arg(run);
    }
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// The program, in an environment that points at no engine of the user's.
pub(crate) fn tare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tare"));
    command.env("TARE_CACHE", cache());
    for name in ["DOCKER_HOST", "DOCKER_CONTEXT"] {
        command.env_remove(name);
    }
    command
}

/// The repository.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// What a run could leave behind, as lines that name it.
pub(crate) fn traces() -> BTreeSet<String> {
    let mut found: BTreeSet<String> =
        read_lines("/proc/mounts").map(|line| format!("mount {line}")).collect();
    for table in ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"] {
        found.extend(read_lines(table).map(|line| format!("{table} {line}")));
    }
    for entry in std::fs::read_dir("/sys/class/net").expect("network devices").flatten() {
        found.insert(format!("network device {}", entry.file_name().display()));
    }
    for entry in walkdir::WalkDir::new("/sys/fs/cgroup").into_iter().flatten() {
        if entry.file_type().is_dir() {
            found.insert(format!("cgroup {}", entry.path().display()));
        }
    }
    for entry in std::fs::read_dir("/proc").expect("processes").flatten() {
        let Ok(exe) = std::fs::read_link(entry.path().join("exe")) else { continue };
        let name = exe.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("dockerd") || name.starts_with("containerd") || name == "runc" {
            found.insert(format!("process {} {}", entry.file_name().display(), exe.display()));
        }
    }
    found
}

/// Fails if there is now something that `before` does not have.
pub(crate) fn assert_no_new_traces(before: &BTreeSet<String>) {
    let now = traces();
    let left: Vec<_> = now.difference(before).collect();
    assert!(left.is_empty(), "the run left behind: {left:#?}");
}

/// Fails if something of this lane is still mounted, a disk of its own among it, or still runs: an engine, a node, a
/// registry, a store.
pub(crate) fn assert_nothing_left() {
    let ours = format!("{}/", cache().display());
    let mut left: Vec<String> = read_lines("/proc/mounts").filter(|line| line.contains(&ours)).collect();
    for process in std::fs::read_dir("/proc").expect("processes").flatten() {
        let words = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let works_in = std::fs::read_link(process.path().join("cwd")).unwrap_or_default();
        let line =
            format!("{} in {}/", String::from_utf8_lossy(&words).replace('\0', " "), works_in.display());
        if line.contains(&ours) {
            left.push(format!("process {}: {line}", process.file_name().display()));
        }
    }
    assert!(left.is_empty(), "the run left behind: {left:#?}");
}

/// The rows of a CSV file as maps from column to value.
pub(crate) fn rows(path: &Path) -> Vec<std::collections::BTreeMap<String, String>> {
    let mut reader =
        csv::Reader::from_path(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    reader.deserialize().map(|row| row.expect("a row")).collect()
}

fn read_lines(path: &str) -> impl Iterator<Item = String> {
    std::fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect::<Vec<_>>()
        .into_iter()
}

/// A folder of scenarios with one scenario in it: a copy of `layer-order` under `name`.
pub(crate) fn scenario_copy(root: &Path, name: &str) -> PathBuf {
    copy_of(root, "layer-order", name)
}

/// The same of any scenario of the repository.
pub(crate) fn copy_of(root: &Path, scenario: &str, name: &str) -> PathBuf {
    let to = root.join(name);
    copy(&workspace().join("scenarios").join(scenario), &to);
    to
}

/// A step that installs a Python package as its own metadata has it; no package index is needed.
pub(crate) fn package(name: &str, version: &str) -> String {
    format!(
        "RUN mkdir -p /opt/{name}.dist-info && printf 'Name: {name}\\nVersion: {version}\\n' > /opt/{name}.dist-info/METADATA\n"
    )
}

/// A copy of a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.expect("the folder is readable");
        let target = to.join(entry.path().strip_prefix(from).expect("a prefix"));
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(&target).expect("a folder");
        } else {
            std::fs::copy(entry.path(), &target).expect("a file");
        }
    }
}

/// Replaces text in a file; fails if it is not there, so that a test cannot pass by a typing error.
pub(crate) fn replace(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(text.contains(from), "{} does not contain {from:?}", path.display());
    std::fs::write(path, text.replace(from, to)).expect("the file is writable");
}
