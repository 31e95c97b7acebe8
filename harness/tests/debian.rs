//! Programs from the distribution's packages, fetched through the machine's own apt.
//!
//! The packages are kept in the user's cache, as for a run: the first time downloads them.

use std::fs;
use std::process::Command;

use harness::cache::Cache;
use harness::debian::{Archive, Suite, Unpacked};

fn archive() -> Archive {
    Archive::open(&Cache::open().unwrap().room("debian").unwrap()).unwrap()
}

fn stdout(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn version_of(unpacked: &Unpacked, program: &str) -> String {
    let mut command = unpacked.command(program).unwrap();
    command.arg("--version");
    stdout(command)
}

/// The upstream part of a package's version: `1.9.3` of `1.9.3+ds1-1+b10`.
fn upstream<'a>(unpacked: &'a Unpacked, package: &str) -> &'a str {
    let version = unpacked.version(package).unwrap();
    &version[..version.find(['+', '-']).unwrap_or(version.len())]
}

#[test]
fn programs_of_the_own_suite_run_with_the_libraries_that_the_machine_lacks() {
    let tools = archive().unpack(&Suite::Own, &["skopeo", "umoci", "mmdebstrap", "docker-registry"]).unwrap();
    for program in ["skopeo", "umoci", "mmdebstrap"] {
        let said = version_of(&tools, program);
        assert!(said.contains(upstream(&tools, program)), "{program} says {said}");
    }
    let said = version_of(&tools, "docker-registry");
    assert!(said.contains(upstream(&tools, "docker-registry")), "{said}");
    assert!(tools.root.join("etc/containers/policy.json").is_file(), "skopeo's dependency came too");
}

#[test]
fn the_docker_client_of_testing_finds_its_buildx_plugin() {
    let client = archive().unpack(&Suite::Named("testing".into()), &["docker-cli", "docker-buildx"]).unwrap();
    let said = version_of(&client, "docker");
    assert!(said.contains(upstream(&client, "docker-cli")), "{said}");

    // The client looks for plugins below its configuration; nothing of the system's is asked.
    let config = tempfile::tempdir().unwrap();
    let plugins = client.root.join("usr/libexec/docker/cli-plugins");
    let settings = serde_json::json!({ "cliPluginsExtraDirs": [plugins] });
    fs::write(config.path().join("config.json"), settings.to_string()).unwrap();
    let mut buildx = client.command("docker").unwrap();
    buildx.env("DOCKER_CONFIG", config.path()).args(["buildx", "version"]);
    let said = stdout(buildx);
    assert!(said.contains(upstream(&client, "docker-buildx")), "{said}");
}

#[test]
fn a_second_call_needs_neither_apt_nor_network() {
    let room = Cache::open().unwrap().room("debian").unwrap();
    let first = Archive::open(&room).unwrap().unpack(&Suite::Own, &["runc"]).unwrap();
    // The lock is held by somebody else, for ever: what is there already is found all the same.
    let lock = fs::File::create(room.join("lock")).unwrap();
    lock.lock().unwrap();
    let second = Archive::open(&room).unwrap().unpack(&Suite::Own, &["runc"]).unwrap();
    assert_eq!(first, second);
    assert!(second.program("runc").unwrap().starts_with(&room));
}

#[test]
fn a_leftover_of_a_killed_process_is_no_package_and_goes_away() {
    let room = tempfile::tempdir().unwrap();
    let unfinished = room.path().join("unpacked/.unfinished-killed/root/usr/bin");
    fs::create_dir_all(&unfinished).unwrap();
    fs::write(unfinished.join("runc"), "half a program").unwrap();

    let runc = Archive::open(room.path()).unwrap().unpack(&Suite::Own, &["runc"]).unwrap();
    assert!(version_of(&runc, "runc").contains(upstream(&runc, "runc")));
    let left: Vec<_> = fs::read_dir(room.path().join("unpacked")).unwrap().collect();
    assert_eq!(left.len(), 1, "the leftover is gone: {left:?}");
}

#[test]
fn two_processes_at_once_take_turns() {
    let room = tempfile::tempdir().unwrap();
    let unpacked: Vec<Unpacked> = std::thread::scope(|scope| {
        let unpack = || Archive::open(room.path()).unwrap().unpack(&Suite::Own, &["umoci"]).unwrap();
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(unpack)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(unpacked[0], unpacked[1]);
    assert!(version_of(&unpacked[0], "umoci").contains("umoci"));
}

#[test]
fn the_main_source_is_the_machines_own_release() {
    let main = archive().main_source().unwrap();
    let os = fs::read_to_string("/etc/os-release").unwrap();
    assert!(os.contains(&main.codename), "{} is not the release of this machine", main.codename);
    assert!(main.components.iter().any(|component| component == "main"));
    assert!(!main.release.contains("security"), "{}", main.release);
}

#[test]
fn a_suite_that_is_not_on_the_mirror_is_named_in_the_error() {
    let error = archive().unpack(&Suite::Named("no-such-suite".into()), &["runc"]).unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("Debian no-such-suite is not on the mirror"), "{text}");
}

#[test]
fn a_package_that_the_suite_lacks_is_named_in_the_error() {
    let error = archive().unpack(&Suite::Own, &["no-such-package"]).unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("no-such-package"), "{text}");
    assert!(text.contains("lacks the package"), "{text}");
}
