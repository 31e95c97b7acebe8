//! Each pair differs by what its `difference.txt` declares, and by nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use harness::report::{Line, difference};
use harness::scenario::{Pair, Profile, Scenario, Source, Variant, builtin_dir, create, load_all};

/// A list that is longer is more than one practice.
const SHORT: usize = 30;

/// Writes the lists instead of checking them.
const WRITE: &str = "TARE_WRITE_DIFFERENCES";

#[test]
fn pairs_differ_by_what_they_declare_alone() {
    let root = builtin_dir().unwrap();
    let mut wrong = Vec::new();
    for scenario in load_all(std::slice::from_ref(&root), &[], Profile::Smoke).unwrap() {
        let file = root.join(&scenario.name).join("difference.txt");
        let found = found(&scenario);
        if std::env::var_os(WRITE).is_some() {
            write(&file, &found);
        }
        wrong.extend(check(&scenario.name, &file, &found));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_new_scenario_declares_its_difference() {
    let root = tempfile::tempdir().unwrap();
    let dir = create(root.path(), "sample").unwrap();
    let scenario = Scenario::load(&dir, Profile::Smoke).unwrap();
    let file = dir.join("difference.txt");
    assert_eq!(check("sample", &file, &found(&scenario)), None);

    // And what it does not declare is found, wherever it is.
    let optimized = dir.join("optimized.Dockerfile");
    let text = fs::read_to_string(&optimized).unwrap();
    fs::write(&optimized, text.replace("USER 65534", "USER 65534\nENV FAST=1")).unwrap();
    assert!(check("sample", &file, &found(&scenario)).is_some_and(|wrong| wrong.contains("+ENV FAST=1")));
    fs::write(&optimized, format!("# syntax=docker/dockerfile:1\n{text}")).unwrap();
    assert!(check("sample", &file, &found(&scenario)).is_some_and(|wrong| wrong.contains("+# syntax=")));
    fs::write(&optimized, &text).unwrap();
    let mut mounted = scenario.clone();
    mounted.mounts.optimized.insert("/models/m".to_owned(), "m".to_owned());
    assert!(
        check("sample", &file, &found(&mounted)).is_some_and(|wrong| wrong.contains("+mount /models/m of m"))
    );
    fs::write(dir.join("optimized.Dockerfile.dockerignore"), "*.md\n").unwrap();
    assert!(check("sample", &file, &found(&scenario)).is_some_and(|wrong| wrong.contains("+ignore file")));
}

#[test]
fn contexts_are_compared_file_by_file() {
    let root = tempfile::tempdir().unwrap();
    let dir = create(root.path(), "sample").unwrap();
    let mut scenario = Scenario::load(&dir, Profile::Smoke).unwrap();
    let other = root.path().join("other");
    fs::create_dir_all(other.join("deep")).unwrap();
    fs::copy(dir.join("context/service.py"), other.join("service.py")).unwrap();
    fs::write(other.join("deep/new.py"), "").unwrap();
    scenario.variants.optimized.context = other.clone();
    let contexts = |scenario: &Scenario| -> Vec<String> {
        found(scenario).into_iter().filter(|line| line.contains("context/")).collect()
    };
    assert_eq!(contexts(&scenario), ["-context/assets.py", "+context/deep/new.py"]);
    fs::write(other.join("service.py"), "changed").unwrap();
    assert_eq!(contexts(&scenario)[2], "~context/service.py");
}

/// How a pair differs, a line a difference.
fn found(scenario: &Scenario) -> Vec<String> {
    let (naive, optimized) = (&scenario.variants.naive, &scenario.variants.optimized);
    let text = |source: &Source| {
        let text = fs::read_to_string(&source.dockerfile).unwrap();
        let counts = |line: &&str| {
            let line = line.trim_start();
            !line.is_empty() && (!line.starts_with('#') || is_directive(line))
        };
        text.lines().filter(counts).map(|line| format!("{}\n", line.trim_end())).collect::<String>()
    };
    let mut lines = Vec::new();
    if scenario.compression.naive != scenario.compression.optimized {
        let Pair { naive, optimized } = scenario.compression;
        lines.extend([format!("-compression {naive}"), format!("+compression {optimized}")]);
    }
    for line in difference(&text(naive), &text(optimized)) {
        match line {
            Line::Same(_) => {}
            Line::Removed(line) => lines.push(format!("-{line}")),
            Line::Added(line) => lines.push(format!("+{line}")),
        }
    }
    for (sign, variant, other) in
        [('-', Variant::Naive, Variant::Optimized), ('+', Variant::Optimized, Variant::Naive)]
    {
        let others = scenario.variant_args.get(other);
        let own = scenario.variant_args.get(variant).iter();
        let own = own.filter(|(name, value)| others.get(*name) != Some(value));
        lines.extend(own.map(|(name, value)| format!("{sign}build argument {name}={value}")));
        let others = scenario.mounts.get(other);
        let own = scenario.mounts.get(variant).iter().filter(|(path, file)| others.get(*path) != Some(file));
        lines.extend(own.map(|(path, file)| format!("{sign}mount {path} of {file}")));
        if *scenario.source_date_epoch.get(variant) && !*scenario.source_date_epoch.get(other) {
            lines.push(format!("{sign}SOURCE_DATE_EPOCH"));
        }
    }
    lines.extend(
        sides(ignore(naive).as_deref(), ignore(optimized).as_deref())
            .map(|sign| format!("{sign}ignore file")),
    );
    let (a, b) = (files(&naive.context), files(&optimized.context));
    let mut paths: Vec<&String> = a.keys().chain(b.keys()).collect();
    paths.sort();
    paths.dedup();
    for path in paths {
        let read = |files: &BTreeMap<String, PathBuf>| files.get(path).map(|file| fs::read(file).unwrap());
        lines.extend(
            sides(read(&a).as_deref(), read(&b).as_deref()).map(|sign| format!("{sign}context/{path}")),
        );
    }
    lines
}

/// A comment that BuildKit reads, such as `# syntax=docker/dockerfile:1`.
fn is_directive(line: &str) -> bool {
    let name = line.trim_start_matches('#').split_once('=').map(|(name, _)| name.trim());
    name.is_some_and(|name| ["syntax", "escape", "check"].contains(&name))
}

/// `-`: on the naive side alone; `+`: on the optimized side alone; `~`: on both, and not the same.
fn sides(naive: Option<&[u8]>, optimized: Option<&[u8]>) -> Option<char> {
    match (naive, optimized) {
        (Some(_), None) => Some('-'),
        (None, Some(_)) => Some('+'),
        (a, b) if a != b => Some('~'),
        _ => None,
    }
}

/// The ignore file that stands beside the Dockerfile; that of a context is a file of it.
fn ignore(source: &Source) -> Option<Vec<u8>> {
    let mut path = source.dockerfile.clone().into_os_string();
    path.push(".dockerignore");
    fs::read(path).ok()
}

fn files(dir: &Path) -> BTreeMap<String, PathBuf> {
    let entries = walkdir::WalkDir::new(dir).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| !entry.file_type().is_dir());
    files
        .map(|entry| {
            let path = entry.path().strip_prefix(dir).unwrap();
            (path.to_string_lossy().into_owned(), entry.path().to_owned())
        })
        .collect()
}

fn check(name: &str, file: &Path, found: &[String]) -> Option<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let declared: Vec<&str> =
        text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect();
    let say = if found.is_empty() {
        "the two variants are the same, so there is nothing to measure".to_owned()
    } else if declared != *found {
        let what = if text.is_empty() { "is missing" } else { "does not say how the pair differs" };
        format!("{what}; if this is the practice and nothing else, declare it ({WRITE}=1 writes it):")
    } else if found.len() > SHORT && name != "everything" {
        format!("has {} lines, which is more than one practice:", found.len())
    } else {
        return None;
    };
    Some(format!("{}: {say}\n{}\n", file.display(), found.join("\n")))
}

/// Writes a list, below the lines that explain the one that is there.
fn write(file: &Path, found: &[String]) {
    let old = fs::read_to_string(file).unwrap_or_default();
    let explained = old.lines().take_while(|line| line.starts_with('#')).map(str::to_owned);
    let lines: Vec<String> = explained.chain(found.iter().cloned()).collect();
    fs::write(file, format!("{}\n", lines.join("\n"))).unwrap();
}
