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

/// The folders called `production`.
fn folders() -> Vec<PathBuf> {
    let scenarios = fs::read_dir(builtin_dir().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> =
        scenarios.map(|scenario| scenario.join("production")).filter(|folder| folder.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 2, "{folders:?}");
    folders
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
fn a_compose_file_fetches_once_and_serves_on_a_gpu() {
    for folder in folders() {
        let file = folder.join("compose.yaml");
        let output = compose(&file, &GIVEN);
        assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
        let project: Value = serde_json::from_slice(&output.stdout).unwrap();
        let (fetch, model) = (&project["services"]["fetch"], &project["services"]["model"]);
        assert_eq!(model["depends_on"]["fetch"]["condition"], "service_completed_successfully");
        let devices = &model["deploy"]["resources"]["reservations"]["devices"];
        assert_eq!(
            (&devices[0]["driver"], &devices[0]["capabilities"][0]),
            (&"nvidia".into(), &"gpu".into())
        );
        assert_eq!(fetch["volumes"][0]["source"], model["volumes"][0]["source"], "one volume");
        assert_eq!(model["volumes"][0]["read_only"], true);
        assert!(
            model.get("environment").is_none_or(Value::is_null),
            "the server needs no credentials: {model}"
        );
        let text = fs::read_to_string(&file).unwrap();
        let secrets = fetch["environment"].as_object().unwrap().iter();
        for (key, _) in secrets.filter(|(_, value)| *value == "given-by-the-shell") {
            assert!(text.contains(&format!("{key}: ${{{key}:?")), "{key} has no value of its own");
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
    for folder in folders() {
        let manifest = folder.join("kubernetes.yaml");
        let output = validated(&manifest);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}: {said}", manifest.display());
        for kind in ["persistentvolumeclaim", "job"] {
            assert!(said.contains(&format!("resource {kind}/")), "{kind}: {said}");
        }
        let text = fs::read_to_string(&manifest).unwrap();
        for needed in ["initContainers:", "secretKeyRef:", "nvidia.com/gpu: 1", "readOnly: true"] {
            assert!(text.contains(needed), "{}: {needed}", manifest.display());
        }
        let slip = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
        fs::write(slip.path(), text.replace("initContainers:", "initContainer:")).unwrap();
        assert!(!validated(slip.path()).status.success(), "the tool passes anything");
    }
}
