//! The compose file and the Kubernetes manifest of each scenario that has them, held against the tools' own rules.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use harness::cache::Cache;
use harness::debian::{Archive, Suite};
use harness::scenario::builtin_dir;
use serde_json::Value;

/// What the compose files ask whoever runs them for.
const GIVEN: [(&str, &str); 5] = [
    ("IMAGE", "example/image@sha256:0000000000000000000000000000000000000000000000000000000000000000"),
    ("AWS_ENDPOINT_URL", "https://storage.example"),
    ("AWS_ACCESS_KEY_ID", "given-by-the-shell"),
    ("AWS_SECRET_ACCESS_KEY", "given-by-the-shell"),
    ("HF_TOKEN", "given-by-the-shell"),
];

/// A scenario with a folder called `production`.
struct Produced {
    name: &'static str,
    /// Whether its weights are fetched at the start.
    fetches: bool,
    /// Whether it goes on listening, or answers once and ends.
    serves: bool,
}

const SCENARIOS: [Produced; 4] = [
    Produced { name: "gpu-startup", fetches: false, serves: false },
    Produced { name: "weights", fetches: false, serves: true },
    Produced { name: "weights-hub", fetches: true, serves: false },
    Produced { name: "weights-s3", fetches: true, serves: false },
];

/// The folders called `production`, and what is in them.
fn folders() -> impl Iterator<Item = (PathBuf, Produced)> {
    let root = builtin_dir().unwrap();
    let scenarios = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
    let found = scenarios.filter(|scenario| scenario.join("production").is_dir()).count();
    assert_eq!(found, SCENARIOS.len(), "one that is not listed here is not looked at");
    SCENARIOS.into_iter().map(move |scenario| (root.join(scenario.name).join("production"), scenario))
}

fn compose(file: &Path, given: &[(&str, &str)]) -> Output {
    let archive = Archive::open(&Cache::open().unwrap().room("debian").unwrap()).unwrap();
    let unpacked = archive.unpack(&Suite::Named("testing".into()), &["docker-compose"]).unwrap();
    let mut command = Command::new(unpacked.root.join("usr/libexec/docker/cli-plugins/docker-compose"));
    // Nothing of this machine's own environment may stand in for what is to be given.
    command.env_clear().envs(given.iter().copied());
    command.arg("-f").arg(file).args(["config", "--format", "json"]);
    command.output().expect("docker-compose runs")
}

#[test]
fn a_compose_file_fetches_once_if_at_all_and_runs_on_a_gpu() {
    for (folder, Produced { fetches, serves, .. }) in folders() {
        let file = folder.join("compose.yaml");
        let output = compose(&file, &GIVEN);
        assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
        let project: Value = serde_json::from_slice(&output.stdout).unwrap();
        let (fetch, model) = (&project["services"]["fetch"], &project["services"]["model"]);
        let devices = &model["deploy"]["resources"]["reservations"]["devices"];
        assert_eq!(
            (&devices[0]["driver"], &devices[0]["capabilities"][0]),
            (&"nvidia".into(), &"gpu".into())
        );
        assert_eq!(model["volumes"][0]["read_only"], true);
        assert!(
            model.get("environment").is_none_or(Value::is_null),
            "the server needs no credentials: {model}"
        );
        let volume = model["volumes"][0]["source"].as_str().expect("a named volume");
        if fetches {
            assert_eq!(model["depends_on"]["fetch"]["condition"], "service_completed_successfully");
            assert_eq!(fetch["volumes"][0]["source"], volume, "one volume");
            let text = fs::read_to_string(&file).unwrap();
            let secrets = fetch["environment"].as_object().unwrap().iter();
            for (key, _) in secrets.filter(|(_, value)| *value == "given-by-the-shell") {
                assert!(text.contains(&format!("{key}: ${{{key}:?")), "{key} has no value of its own");
            }
        } else {
            assert!(fetch.is_null() && model["depends_on"].is_null(), "nothing is waited for: {model}");
            assert_eq!(project["volumes"][volume]["external"], true, "somebody else fills it");
        }
        assert_eq!(model["ports"].is_array(), serves, "who serves has a port: {model}");
        if serves {
            assert_eq!(model["ports"][0]["target"], 8000);
            assert!(model["command"].as_array().unwrap().contains(&"0.0.0.0".into()), "not on loopback");
            let test = model["healthcheck"]["test"].as_array().unwrap().last().unwrap().as_str().unwrap();
            assert!(test.contains(":8000/healthz"), "{test}");
        }
        // Without what it asks for it says so, and starts nothing.
        let output = compose(&file, &GIVEN[1..]);
        assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("IMAGE"));
    }
}

/// What kubernetes-validate, which carries Kubernetes's own schemas, says of a manifest.
fn validated(manifest: &Path) -> Output {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pairs/kubernetes.txt");
    let packages = harness::supply::fetch_locked(&Cache::open().unwrap(), &lock).unwrap();
    let home = tempfile::tempdir().unwrap();
    for package in packages {
        package.unpack(home.path()).unwrap();
    }
    let main = "import sys; from kubernetes_validate.__main__ import main; sys.exit(main())";
    let mut python = Command::new("python3");
    python.args(["-c", main, "--strict"]).arg(manifest).env("PYTHONPATH", home.path());
    python.output().expect("python3 runs")
}

#[test]
fn a_manifest_is_valid_for_kubernetes_and_one_with_a_slip_is_not() {
    for (folder, Produced { fetches, serves, .. }) in folders() {
        let manifest = folder.join("kubernetes.yaml");
        let output = validated(&manifest);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}: {said}", manifest.display());
        let kinds =
            [("persistentvolumeclaim", true), ("job", !serves), ("deployment", serves), ("service", serves)];
        for (kind, expected) in kinds {
            assert_eq!(said.contains(&format!("resource {kind}/")), expected, "{kind}: {said}");
        }
        let text = fs::read_to_string(&manifest).unwrap();
        for needed in ["runAsNonRoot: true", "nvidia.com/gpu: 1", "readOnly: true"] {
            assert!(text.contains(needed), "{}: {needed}", manifest.display());
        }
        for fetched in ["initContainers:", "secretKeyRef:"] {
            assert_eq!(text.contains(fetched), fetches, "{}: {fetched}", manifest.display());
        }
        for served in ["\"--host\", \"0.0.0.0\"", "readinessProbe:", "path: /healthz"] {
            assert_eq!(text.contains(served), serves, "{}: {served}", manifest.display());
        }
        let slip = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
        fs::write(slip.path(), text.replace("volumeMounts:", "volumesMounts:")).unwrap();
        assert!(!validated(slip.path()).status.success(), "the tool passes anything");
    }
}
