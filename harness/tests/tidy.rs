//! The house rules that no other tool knows, held as a test: what reaches what, how files look, and
//! what must never be committed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// The files that git tracks or would track, as (relative path, text); binary files are left out.
fn texts() -> Vec<(String, String)> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(workspace())
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git ls-files failed");
    let names = String::from_utf8(output.stdout).expect("file names are UTF-8");
    names
        .lines()
        .filter_map(|name| Some((name.to_owned(), std::fs::read_to_string(workspace().join(name)).ok()?)))
        .collect()
}

fn rust() -> Vec<(String, String)> {
    texts().into_iter().filter(|(name, _)| name.ends_with(".rs")).collect()
}

/// The rooms by floor: each reaches only downwards, and `measure` and `report` not each other.
const FLOORS: [&[&str]; 7] = [
    &["error", "cache", "text", "legible", "hex"],
    &["debian", "stats", "scenario"],
    &["oci", "record"],
    &["engine", "plan", "metrics", "diff"],
    &["claims", "explain", "gate", "supply"],
    &["measure", "report", "doctor"],
    &["cli"],
];

#[test]
fn rooms_reach_only_downwards() {
    let floor: BTreeMap<&str, usize> = FLOORS
        .iter()
        .enumerate()
        .flat_map(|(height, rooms)| rooms.iter().map(move |room| (*room, height)))
        .collect();
    let mut wrong = Vec::new();
    for (name, text) in rust() {
        let Some(inside) = name.strip_prefix("harness/src/") else { continue };
        let room = inside.split('/').next().expect("a first part").trim_end_matches(".rs");
        if room == "lib" || room == "main" {
            continue;
        }
        let Some(own) = floor.get(room) else {
            wrong.push(format!("{name}: `{room}` stands on no floor; give it one in tests/tidy.rs"));
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            for target in line.match_indices("crate::").map(|(at, _)| &line[at + "crate::".len()..]) {
                let target: String =
                    target.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let reaches_up = floor.get(target.as_str()).is_some_and(|other| other >= own);
                if target != room && reaches_up && !line.trim_start().starts_with("//") {
                    wrong.push(format!("{name}:{}: {room} reaches {target}", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "rooms reach only downwards:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for_and_stays_small() {
    let mut wrong = Vec::new();
    for (name, text) in rust() {
        if !text.starts_with("//!") {
            wrong.push(format!("{name}: begins without `//!`"));
        }
        if text.lines().count() > 500 {
            wrong.push(format!("{name}: has more than 500 lines; build the next room"));
        }
    }
    // A recorded run is committed as it is: its report shows the blank lines of a difference.
    for (name, text) in texts().into_iter().filter(|(name, _)| !name.starts_with("results/reference-")) {
        if Path::new(&name)
            .extension()
            .is_some_and(|end| ["rs", "toml", "md", "py", "yml"].iter().any(|kind| end == *kind))
            && let Some(line) = text.lines().position(|line| line.ends_with([' ', '\t']))
        {
            wrong.push(format!("{name}:{}: trailing white space", line + 1));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Packages that the root's manifest excludes: workspaces of their own, which no other workspace's lints and versions
/// reach.
fn excluded() -> Vec<String> {
    let text = std::fs::read_to_string(workspace().join("Cargo.toml")).expect("the root's manifest");
    let manifest: toml::Table = text.parse().expect("the root's manifest is TOML");
    let excluded = manifest["workspace"].get("exclude").and_then(toml::Value::as_array);
    excluded.into_iter().flatten().filter_map(|path| Some(path.as_str()?.to_owned())).collect()
}

#[test]
fn packages_share_lints_and_dependencies() {
    let excluded = excluded();
    for (name, text) in texts() {
        let Some(package) = name.strip_suffix("/Cargo.toml") else { continue };
        if excluded.iter().any(|path| path == package) {
            continue;
        }
        assert!(text.contains("[lints]\nworkspace = true"), "{package} does not take the workspace's lints");
        let dependencies = text.split("dependencies]\n").skip(1).flat_map(|part| {
            part.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with('#'))
        });
        for line in dependencies {
            assert!(
                line.ends_with(".workspace = true"),
                "{name}: `{line}`: versions stand in the workspace's Cargo.toml"
            );
        }
    }
}

/// A mirror's host or a path of one machine in a file makes a run on another machine wrong or leaks
/// where it was made. The hosts are read from this machine's own configuration.
#[test]
fn no_host_of_a_mirror_and_no_path_of_a_machine_is_committed() {
    let mut hosts: Vec<String> =
        ["apt-get indextargets --format $(REPO_URI)", "pip config get global.index-url"]
            .iter()
            .filter_map(|line| {
                let mut words = line.split(' ');
                let output = Command::new(words.next()?).args(words).output().ok()?;
                String::from_utf8(output.stdout).ok()
            })
            .flat_map(|text| {
                text.lines()
                    .filter_map(|line| Some(line.split_once("://")?.1.split('/').next()?.to_owned()))
                    .collect::<Vec<_>>()
            })
            .collect();
    hosts.sort();
    hosts.dedup();
    // The home of root is the same on every machine.
    let home = std::env::home_dir().filter(|home| home != Path::new("/root"));
    let home = home.map(|home| format!("{}/", home.display())).unwrap_or_default();
    let checkout = format!("{}/", workspace().display());
    for (name, text) in texts().into_iter().filter(|(name, _)| name != "Cargo.lock") {
        for host in &hosts {
            assert!(!text.contains(host.as_str()), "{name} names the package mirror {host}");
        }
        for path in [&home, &checkout] {
            assert!(
                path.len() < 3 || !text.contains(path.as_str()),
                "{name} names {path}, a path of this machine"
            );
        }
    }
}
