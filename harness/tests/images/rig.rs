//! A managed engine of the test's own, and images of a busybox: no base image is needed, and none fetched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use harness::cache::Cache;
use harness::debian::{Archive, Suite, Unpacked};
use harness::engine::buildkit::{BuildRequest, Context, Export};
use harness::engine::{Choice, Data, Engine, Home};
use harness::scenario::Compression;

/// The start of a Dockerfile: a shell and its tools, some three hundred hard links to one file.
pub(crate) const BUSYBOX: &str =
    "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"/bin\"]\n";

/// What a test works with. Its directory goes with it.
pub(crate) struct Rig {
    pub(crate) engine: Engine,
    tools: Unpacked,
    dir: tempfile::TempDir,
}

impl Rig {
    /// Brings up an engine, and unpacks the programs that the test runs beside it.
    pub(crate) async fn up(programs: &[&str]) -> Self {
        let debian = Cache::open().unwrap().room("debian").unwrap();
        let packages = [programs, &["busybox-static"]].concat();
        let tools = Archive::open(&debian).unwrap().unpack(&Suite::Own, &packages).unwrap();
        let dir = tempfile::tempdir().unwrap();
        for name in ["engine", "context"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::copy(tools.program("busybox").unwrap(), dir.path().join("context/busybox")).unwrap();
        let home = Home { engine: dir.path().join("engine"), debian };
        let note = |line: &str| eprintln!("{line}");
        let engine = Engine::open(&home, &Choice::Managed, Data::Wipe, &note).await.unwrap();
        Self { engine, tools, dir }
    }

    /// A place for what the test writes.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Puts a file into the build context.
    pub(crate) fn context_file(&self, name: &str, text: &str) {
        fs::write(self.path("context").join(name), text).unwrap();
    }

    /// A build of the Dockerfile with this text.
    pub(crate) fn request(&self, dockerfile: &str, export: Export) -> BuildRequest {
        let path = self.path("Dockerfile");
        fs::write(&path, dockerfile).unwrap();
        BuildRequest {
            context: Context { root: self.path("context"), ..Context::default() },
            dockerfile: path,
            build_args: [("SOURCE_DATE_EPOCH".to_owned(), "1700000000".to_owned())].into(),
            named_contexts: [].into(),
            secrets: [].into(),
            shared_key: "test".to_owned(),
            cache_mount_namespace: "test".to_owned(),
            no_cache: false,
            export,
            compression: Compression::Gzip,
            timeout: Duration::from_secs(300),
            history: false,
            cache_from: None,
            progress: None,
        }
    }

    /// Runs one of the programs; gives what it printed.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> String {
        let mut command: Command = self.tools.command(program).unwrap();
        let output = command.args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Takes the engine down.
    pub(crate) async fn down(self) {
        self.engine.down(Data::Wipe).await.unwrap();
    }
}

/// Every entry below `dir`, that itself included.
pub(crate) fn below(dir: &Path) -> impl Iterator<Item = fs::Metadata> {
    walkdir::WalkDir::new(dir).into_iter().map(|entry| entry.unwrap().metadata().unwrap())
}
