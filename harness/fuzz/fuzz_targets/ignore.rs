//! The text of an ignore file, and behind a NUL each the paths that `COPY` names and paths to be matched.

#![no_main]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::OnceLock;

use harness::engine::buildkit::Context;
use harness::engine::buildkit::tree::{Filter, Patterns, Tree, Walk};
use libfuzzer_sys::fuzz_target;

const DIRS: [&str; 6] = ["a", "a/b", "a/b/c", "ab", "src", "src/[x]"];
const FILES: [&str; 10] =
    ["a.md", "a/a.md", "a/b/x.c", "a/b/c/d", "ab/b", "src/main.rs", "src/[x]/y", "-", "!c", "e\u{e9}"];
const LINKS: [(&str, &str); 5] =
    [("l", "a/b"), ("loop", "loop/x"), ("up", "../../a"), ("src/back", ".."), ("root", "/")];

/// The same small tree for every input.
fn root() -> &'static PathBuf {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let root = std::env::temp_dir().join("tare-fuzz-ignore");
        for dir in DIRS {
            fs::create_dir_all(root.join(dir)).expect("a directory for the tree");
        }
        for file in FILES {
            fs::write(root.join(file), "").expect("a file of the tree");
        }
        for (link, target) in LINKS {
            // It is there from the last time.
            let _ = symlink(target, root.join(link));
        }
        root
    })
}

fn walk(tree: &Tree, filter: &Filter) -> Result<Vec<String>, String> {
    Walk::new(tree, filter).map(|entry| entry.map(|entry| entry.path).map_err(|e| e.to_string())).collect()
}

fuzz_target!(|input: &[u8]| {
    let input = String::from_utf8_lossy(input);
    let mut parts = input.split('\0');
    let ignore = Patterns::lines(parts.next().unwrap_or_default());
    let lines = |part: Option<&str>| part.unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    let (follow, paths) = (lines(parts.next()), lines(parts.next()));

    let patterns = Patterns::new(&ignore);
    for path in &paths {
        if let Ok(patterns) = &patterns {
            let said = patterns.covers(path).map_err(|e| e.to_string());
            assert_eq!(said, patterns.covers(path).map_err(|e| e.to_string()), "{path:?}");
        }
    }

    let tree = Tree::open(&Context { root: root().clone(), ..Context::default() }).expect("the tree");
    for (include, follow) in [(&[][..], &[][..]), (&[], &follow), (&paths, &[])] {
        let Ok(filter) = Filter::new(&tree, include, &ignore, follow) else { continue };
        let sent = walk(&tree, &filter);
        assert_eq!(sent, walk(&tree, &filter), "it is the same each time");
        let Ok(sent) = sent else { continue };
        let mut seen = BTreeSet::new();
        for path in &sent {
            let parent = path.rsplit_once('/').map_or("", |(dir, _)| dir);
            assert!(parent.is_empty() || seen.contains(parent), "{path} before its directory");
            assert!(seen.insert(path.as_str()), "{path} twice");
        }
        let (Ok(patterns), true) = (&patterns, include.is_empty() && follow.is_empty()) else { continue };
        // That directories are passed over unread must not be seen in what is sent.
        for file in FILES.into_iter().chain(LINKS.map(|(link, _)| link)) {
            if let Ok(covered) = patterns.covers(file) {
                assert_eq!(seen.contains(file), !covered, "{file} by {ignore:?}");
            }
        }
    }
});
