//! `--scan`, with a real scanner: pip-audit, which asks a service of the test's for advisories. What it counts is a
//! claim's evidence, what it did not audit is no count, and two scanners do not mix.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use harness::cache::Cache;
use harness::scenario::create;
use predicates::str::contains;

use crate::support::{engine_lock, package, replace, rows, tare};

const SCANNER: &str = "pip-audit 2.10.1";

/// A version with an advisory, for whichever package has it.
const VULNERABLE: &str = "0.1.2.3";

/// What the service does not answer for.
const WITHHELD: &str = "withheld";

#[test]
fn vulnerabilities_are_counted_where_all_was_audited_and_nowhere_else() {
    let _engine = engine_lock();
    let root = tempfile::tempdir().expect("a directory");
    let scanner = Scanner::install(root.path());
    scenario(root.path(), "counted", &["numpy", "pytest"], &["numpy"]);
    scenario(root.path(), "not-counted", &["numpy", "pytest"], &[WITHHELD]);
    let run = root.path().join("run");
    let mut bench = scanner.on_path(tare());
    bench.args(["bench", "counted", "not-counted", "--scan", "--profile", "smoke", "--blocks", "2"]);
    bench.args(["--engine", "managed", "--scenarios"]).arg(root.path()).arg("--out").arg(&run);
    bench.assert().success().stderr(contains("not-counted: pip-audit audited nothing: pip-audit ended with"));

    let images = rows(&run.join("images.csv"));
    for (scenario, variant, counted) in
        [("counted", "naive", "2"), ("counted", "optimized", "1"), ("not-counted", "naive", "2")]
    {
        let of = images.iter().filter(|row| row["scenario"] == scenario && row["variant"] == variant);
        let found: Vec<_> = of.map(|row| [&*row["vulnerabilities"], &*row["not_audited"]]).collect();
        assert_eq!(found, [[counted, "0"]; 2], "{scenario}, {variant}");
    }
    let skipped: Vec<_> = images
        .iter()
        .filter(|row| row["scenario"] == "not-counted" && row["variant"] == "optimized")
        .collect();
    assert_eq!(skipped.len(), 2);
    for row in skipped {
        let installed = ["distribution_packages", "python_packages"].map(|name| row[name].parse::<u32>());
        let installed: u32 = installed.into_iter().map(Result::unwrap).sum();
        assert_eq!((&*row["vulnerabilities"], &*row["not_audited"]), ("", &*installed.to_string()));
    }

    let claims = rows(&run.join("claims.csv"));
    let verdict = |scenario: &str| -> [String; 4] {
        let claim = claims.iter().find(|row| row["scenario"] == scenario && row["claim"] == "fewer");
        let claim = claim.expect("the claim");
        ["estimate", "effect", "verdict", "reason"].map(|column| claim[column].clone())
    };
    let [estimate, effect, supported, _] = verdict("counted");
    assert_eq!((&*estimate, &*effect, &*supported), ("0.5", "helps", "supported"));
    let [_, effect, unmeasured, reason] = verdict("not-counted");
    assert_eq!((&*effect, &*unmeasured), ("unclear", "not-measured"));
    assert!(reason.contains("packages of optimized not audited"), "{reason}");

    let report = std::fs::read_to_string(run.join("report.md")).expect("the report");
    assert!(report.contains(&format!("{SCANNER}; Python packages alone")), "who counted, and what");

    // What another scanner counts would stand beside what this one did.
    scanner.become_version("2.99.0");
    let resume = |mut program: Command| {
        program.args(["bench", "--engine", "managed", "--scenarios"]).arg(root.path());
        program.arg("--resume").arg(&run).assert().success()
    };
    resume(scanner.on_path(tare()))
        .stderr(contains(format!("by {SCANNER}, and this machine has pip-audit 2.99.0")));
    resume(tare()).stderr(contains("none of Trivy, Grype, Snyk and pip-audit is on PATH"));
}

/// A pair whose images have these packages, in a version for which there is an advisory; their answers are equal.
fn scenario(root: &Path, name: &str, naive: &[&str], optimized: &[&str]) {
    let dir = create(root, name).expect("a new scenario");
    for (variant, packages) in [("naive", naive), ("optimized", optimized)] {
        let installed: String = packages.iter().map(|name| package(name, VULNERABLE)).collect();
        replace(&dir.join(format!("{variant}.Dockerfile")), "USER", &format!("{installed}USER"));
    }
    let file = dir.join("scenario.toml");
    let claim = "[[claims]]\nname = \"fewer\"\ntext = \"fewer vulnerabilities\"\nsource = \"nobody\"\n\
                 metric = \"vulnerabilities\"\nexpected_min = 0.4\nexpected_max = 0.6\nprofiles = [\"smoke\"]\n\n\
                 [profiles.smoke]";
    replace(&file, "[profiles.smoke]", claim);
}

/// pip-audit from its wheels, in a folder to be put on PATH.
struct Scanner {
    folder: PathBuf,
    advisories: String,
}

impl Scanner {
    /// Nothing is installed on the machine: the wheels are fetched once, checked by hash, and unpacked beside the run.
    fn install(root: &Path) -> Self {
        let folder = root.join("scanner");
        let packages = folder.join("packages");
        std::fs::create_dir_all(&packages).expect("a folder");
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/pip-audit.txt");
        for wheel in
            harness::supply::fetch_locked(&Cache::open().expect("a cache"), &lock).expect("its wheels")
        {
            wheel.unpack(&packages).expect("a wheel");
        }
        let scanner = Self { folder, advisories: advisories() };
        let run = format!(
            "exec env PYTHONPATH='{}' XDG_CACHE_HOME='{}/cache' python3 -m pip_audit \"$@\"",
            packages.display(),
            scanner.folder.display()
        );
        scanner.write(&run);
        scanner
    }

    /// From now on it says that it is of another version.
    fn become_version(&self, version: &str) {
        self.write(&format!("echo pip-audit {version}"));
    }

    fn write(&self, script: &str) {
        let program = self.folder.join("pip-audit");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a file");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a program");
    }

    fn on_path(&self, mut program: Command) -> Command {
        let path = format!("{}:{}", self.folder.display(), std::env::var("PATH").expect("a PATH"));
        program.env("PATH", path);
        program.env("PIP_AUDIT_VULNERABILITY_SERVICE", "osv").env("PIP_AUDIT_OSV_URL", &self.advisories);
        program
    }
}

/// A service of advisories on loopback, in OSV's form (`POST /v1/query`): its address. It ends with the test.
fn advisories() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}/v1/query", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        // A client that goes away is no failure of the service.
        listener.incoming().flatten().for_each(|stream| drop(answer(stream)));
    });
    address
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut query = vec![0; length];
    reader.read_exact(&mut query)?;
    let query: serde_json::Value = serde_json::from_slice(&query).expect("JSON");
    let (status, body) = match (query["package"]["name"].as_str(), query["version"].as_str()) {
        (Some(WITHHELD), _) => ("503 Service Unavailable", serde_json::json!({})),
        (Some(name), Some(VULNERABLE)) => {
            let id = format!("PYSEC-2099-{name}");
            ("200 OK", serde_json::json!({"vulns": [{"id": id, "summary": "of the test", "affected": []}]}))
        }
        _ => ("200 OK", serde_json::json!({})),
    };
    let body = body.to_string();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}
