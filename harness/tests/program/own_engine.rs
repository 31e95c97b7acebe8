//! A run on an engine of the user's: it is used, and afterwards it is as it was.

use std::fs;
use std::path::PathBuf;

use harness::cache::Cache;
use harness::debian::{Archive, Suite, Unpacked};

use crate::dockerd::Dockerd;
use crate::support::{engine_lock, rows, tare};

#[test]
fn docker_host_is_used_and_left_as_it_was() {
    let _engine = engine_lock();
    let archive = Archive::open(&Cache::open().expect("a cache").room("debian").expect("a room"));
    let archive = archive.expect("an archive");
    let unpack = |suite, packages: &[&str]| archive.unpack(&suite, packages).expect("packages");
    // Another version than that of the engine that we would bring.
    let engine = unpack(Suite::Named("trixie".to_owned()), &["docker.io", "containerd"]);
    // One of another suite wants a newer C library.
    let runc = unpack(Suite::Own, &["runc"]);
    let dir = tempfile::tempdir().expect("a directory");
    let store = serde_json::json!({ "containerd-snapshotter": true });
    let theirs = Dockerd::start(dir.path(), &[&engine, &runc], &[("features", store)]);
    let programs = unpack(Suite::Named("testing".to_owned()), &["docker-cli", "docker-buildx"]);
    let client = Client::of(programs, dir.path().join("client"), theirs.url());

    let busybox = unpack(Suite::Own, &["busybox-static"]).program("busybox").expect("busybox");
    let context = dir.path().join("context");
    fs::create_dir(&context).expect("a folder");
    fs::copy(busybox, context.join("busybox")).expect("a file");
    let dockerfile =
        "FROM scratch\nCOPY --chmod=755 busybox /bin/sh\nRUN [\"/bin/sh\", \"-c\", \"echo > /ran\"]\n";
    fs::write(context.join("Dockerfile"), dockerfile).expect("a Dockerfile");
    let folder = context.to_str().expect("UTF-8");
    client.docker(&["build", "--network", "host", "--tag", "theirs:1", folder]);
    // An image without a name is what a prune takes first.
    fs::write(context.join("Dockerfile"), format!("{dockerfile}LABEL newer=1\n")).expect("a Dockerfile");
    client.docker(&["build", "--network", "host", folder]);
    client.docker(&["volume", "create", "theirs"]);
    client.docker(&["network", "create", "--driver", "bridge", "theirs"]);
    let run = ["run", "--network", "host", "--volume", "theirs:/data"];
    let shell = |script| ["theirs:1", "/bin/sh", "-c", script];
    client.docker(&[&run[..], &["--name", "ended"], &shell("echo held > /data/file")].concat());
    client.docker(&[&run[..], &["--name", "running", "--detach"], &shell("sleep 100000")].concat());
    let before = client.contents();
    for theirs in
        ["theirs:1", "<none>:<none>", "/ended", "/running", "volume theirs", "network theirs", "cache "]
    {
        assert!(before.iter().any(|line| line.contains(theirs)), "{theirs}: {before:#?}");
    }

    let run = dir.path().join("run");
    let output = tare()
        .env("DOCKER_HOST", theirs.url())
        .args(["bench", "layer-order", "--profile", "smoke", "--out"])
        .arg(&run)
        .output()
        .expect("it runs");
    let after = client.contents();
    // Its bridge would outlive the engine.
    client.docker(&["network", "rm", "theirs"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(after, before);
    let held =
        client.docker(&[&["run", "--rm", "--volume", "theirs:/data"], &shell("cat /data/file")[..]].concat());
    assert_eq!(held, "held\n");

    let info: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("run.json")).expect("run.json")).expect("JSON");
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
}

/// The docker client, as the owner of the engine uses it.
struct Client {
    programs: Unpacked,
    settings: PathBuf,
    host: String,
}

impl Client {
    fn of(programs: Unpacked, settings: PathBuf, host: String) -> Self {
        let plugins = programs.root.join("usr/libexec/docker/cli-plugins");
        let text = serde_json::json!({ "cliPluginsExtraDirs": [plugins] }).to_string();
        fs::create_dir(&settings).expect("a folder");
        fs::write(settings.join("config.json"), text).expect("settings");
        Self { programs, settings, host }
    }

    /// What it prints.
    fn docker(&self, arguments: &[&str]) -> String {
        let mut docker = self.programs.command("docker").expect("docker");
        docker.env("DOCKER_HOST", &self.host).env("DOCKER_CONFIG", &self.settings).args(arguments);
        let output = docker.output().expect("docker runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker {arguments:?}: {said}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// All that the engine holds, a line each, in one order.
    fn contents(&self) -> Vec<String> {
        let containers = self.docker(&["ps", "--all", "--quiet", "--no-trunc"]);
        let state =
            "{{.Id}} {{.Name}} {{.Image}} {{.State.Status}} {{.State.StartedAt}} {{.State.FinishedAt}}";
        let inspect: Vec<&str> =
            ["inspect", "--format", state].into_iter().chain(containers.lines()).collect();
        let lists = [
            (
                "image",
                self.docker(&[
                    "image",
                    "ls",
                    "--all",
                    "--no-trunc",
                    "--format",
                    "{{.ID}} {{.Repository}}:{{.Tag}}",
                ]),
            ),
            ("container", self.docker(&inspect)),
            ("volume", self.docker(&["volume", "ls", "--quiet"])),
            ("network", self.docker(&["network", "ls", "--no-trunc", "--format", "{{.Name}} {{.ID}}"])),
            ("cache", self.docker(&["buildx", "du", "--format", "{{.ID}}"])),
        ];
        let lines =
            lists.iter().flat_map(|(kind, list)| list.lines().map(move |line| format!("{kind} {line}")));
        let mut lines: Vec<String> = lines.collect();
        lines.sort();
        lines
    }
}
