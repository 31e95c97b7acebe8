//! The loopback index, used by the machine's own pip.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use harness::cache::Cache;
use harness::supply::{Index, IndexFile, Link, Shaper, Shelf, Wheels, downloads_missing, read_lock};

use super::{known_bases, lock, needs};

/// pip with no configuration but the index.
fn pip(index: &str, into: &Path, args: &[&str]) -> Output {
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "--isolated", "install", "--no-cache-dir", "--no-deps", "--target"]).arg(into);
    command.args(["--index-url", index]).args(args);
    command.output().unwrap()
}

/// A wheel of our own making: `answer 1.0`.
fn wheel(dir: &Path, name: &str) -> PathBuf {
    let script = "import sys, zipfile\n\
        with zipfile.ZipFile(sys.argv[1], 'w') as z:\n\
        \x20   z.writestr('answer.py', 'print(42)\\n')\n\
        \x20   z.writestr('answer-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: answer\\nVersion: 1.0\\n')\n\
        \x20   z.writestr('answer-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n\
        \x20   z.writestr('answer-1.0.dist-info/RECORD', '')\n";
    let path = dir.join(name);
    assert!(Command::new("python3").args(["-c", script]).arg(&path).status().unwrap().success());
    path
}

fn index_file(path: &Path, sha256: &str) -> IndexFile {
    IndexFile {
        name: "answer".into(),
        version: "1.0".into(),
        file: path.file_name().unwrap().to_string_lossy().into_owned(),
        sha256: sha256.to_owned(),
        bytes: path.metadata().unwrap().len(),
        path: path.to_owned(),
    }
}

fn sha256_of(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_installs_from_the_index_and_refuses_a_file_with_another_hash() {
    let dir = tempfile::tempdir().unwrap();
    let path = wheel(dir.path(), "answer-1.0-py3-none-any.whl");
    let roots: BTreeMap<_, _> = [
        ("good".to_owned(), vec![index_file(&path, &sha256_of(&path))].into()),
        ("bad".to_owned(), vec![index_file(&path, &"0".repeat(64))].into()),
        ("empty".to_owned(), Shelf::default()),
    ]
    .into();
    let index = Index::start(roots, Shaper::new(Link::None)).await.unwrap();

    let run = |root: &str| {
        let (url, into) = (index.url(root), dir.path().join(root));
        tokio::task::spawn_blocking(move || (pip(&url, &into, &["answer==1.0"]), into))
    };
    // No --trusted-host: pip trusts loopback, so that a Dockerfile needs one argument only.
    let (output, into) = run("good").await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = Command::new("python3").arg(into.join("answer.py")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), "42\n");

    let (output, _) = run("bad").await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("DO NOT MATCH THE HASHES"), "{said}");

    let (output, _) = run("empty").await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("No matching distribution"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_keeps_its_port_and_gives_way_where_it_is_taken() {
    let start = || Index::start(BTreeMap::new(), Shaper::new(Link::None));
    let first = start().await.unwrap();
    let second = start().await.unwrap();
    assert_ne!(first.url("s"), second.url("s"));
    assert!(second.url("s").starts_with("http://127.0.0.1:"));
}

#[test]
fn a_plan_says_what_is_still_to_be_fetched() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path()).unwrap();
    let mut need = needs("s");
    need.bases = vec!["python:3.11-slim".into()];
    need.locks = vec![lock()];
    // What a second scenario needs as well is fetched once.
    let missing = downloads_missing(&cache, &known_bases(), &[need.clone(), need]).unwrap();
    assert_eq!(missing.len(), 2);
    assert!(missing[0].what.contains("python:3.11-slim") && missing[0].bytes.unwrap() > 0);
    assert!(missing[1].what.contains("3 locked package files"), "{}", missing[1].what);
    assert_eq!(Wheels::open(&cache).unwrap().missing(&read_lock(&lock()).unwrap()).len(), 3);
}
