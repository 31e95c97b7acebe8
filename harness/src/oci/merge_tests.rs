//! Layers laid over each other, case by case.

use super::*;
use crate::oci::testing::{TarBuilder, layers};

fn tar() -> TarBuilder {
    TarBuilder::new()
}

/// Paths of the merged tree; of a file its content's length, of a link where it leads.
fn merged(tars: &[&TarBuilder]) -> Vec<String> {
    let layers = layers(tars);
    let tree = merge(&layers).unwrap();
    let shown = |(path, node): (&[u8], &Node<'_>)| {
        let path = String::from_utf8(path.to_vec()).unwrap();
        match node.entry.map(|entry| &entry.kind) {
            None | Some(EntryKind::Dir) => format!("{path}/"),
            Some(EntryKind::File { size, .. }) => format!("{path}={size}"),
            Some(EntryKind::Symlink(to)) => format!("{path}->{}", String::from_utf8_lossy(to)),
            Some(other) => format!("{path}:{other:?}"),
        }
    };
    tree.iter().map(shown).collect()
}

#[test]
fn follows_the_specifications_rules() {
    let base = tar().dir("d").file("d/a", b"1").dir("d/s").file("d/s/b", b"22").file("d0", b"333");
    let table: &[(&str, TarBuilder, &[&str])] = &[
        ("a whiteout hides a file", tar().whiteout("d/a"), &["d/", "d/s/", "d/s/b=2", "d0=3"]),
        ("a whiteout hides a directory with all below it, and no more", tar().whiteout("d"), &["d0=3"]),
        (
            "a whiteout of nothing does nothing",
            tar().whiteout("x/y"),
            &["d/", "d/a=1", "d/s/", "d/s/b=2", "d0=3"],
        ),
        ("an opaque directory hides what is below it", tar().dir("d").opaque("d"), &["d/", "d0=3"]),
        (
            "an opaque mark hides nothing of its own layer, wherever it stands",
            tar().dir("d").file("d/new", b"4444").opaque("d"),
            &["d/", "d/new=4", "d0=3"],
        ),
        (
            "nor does a whiteout",
            tar().file("d/a", b"4444").whiteout("d/a"),
            &["d/", "d/a=4", "d/s/", "d/s/b=2", "d0=3"],
        ),
        ("a file replaces a directory", tar().file("d", b"4444"), &["d=4", "d0=3"]),
        ("a link replaces a directory", tar().symlink("d", "x"), &["d->x", "d0=3"]),
        ("a directory replaces a file", tar().dir("d/a"), &["d/", "d/a/", "d/s/", "d/s/b=2", "d0=3"]),
        (
            "a directory on a directory keeps what is in it",
            tar().dir("d"),
            &["d/", "d/a=1", "d/s/", "d/s/b=2", "d0=3"],
        ),
        ("a file replaces a file", tar().file("d/a", b"4444"), &["d/", "d/a=4", "d/s/", "d/s/b=2", "d0=3"]),
        (
            "of two members with one path the later holds",
            tar().file("d/a", b"4444").file("d/a", b"55555"),
            &["d/", "d/a=5", "d/s/", "d/s/b=2", "d0=3"],
        ),
        (
            "directories that no layer names are there",
            tar().file("x/y/z", b"4444"),
            &["d/", "d/a=1", "d/s/", "d/s/b=2", "d0=3", "x/", "x/y/", "x/y/z=4"],
        ),
        ("the root can be opaque", tar().file(".wh..wh..opq", b"").file("n", b""), &["n=0"]),
        (
            "the bookkeeping of aufs is passed over",
            tar().dir(".wh..wh.plnk").file(".wh..wh.aufs", b"x"),
            &["d/", "d/a=1", "d/s/", "d/s/b=2", "d0=3"],
        ),
    ];
    for (rule, top, expected) in table {
        assert_eq!(merged(&[&base, top]), *expected, "{rule}");
    }
}

#[test]
fn a_hard_link_is_the_file_that_it_links_to() {
    let base = tar().file("a", b"1").hardlink("b", "/a");
    let tops = layers(&[&base, &tar().hardlink("c", "./b").file("a", b"22")]);
    let tree = merge(&tops).unwrap();
    let entry = |path: &[u8]| tree.get(path).unwrap().entry.unwrap();
    assert!(std::ptr::eq(entry(b"b"), entry(b"c")), "one file with two names");
    assert!(!std::ptr::eq(entry(b"a"), entry(b"b")), "replacing one name leaves the other");
    assert!(matches!(entry(b"b").kind, EntryKind::File { size: 1, .. }));
}

#[test]
fn a_hard_link_to_nothing_is_an_error_that_names_both() {
    for target in ["nowhere", "d"] {
        let layers = layers(&[&tar().dir("d").hardlink("x/b", target)]);
        let e = merge(&layers).unwrap_err().to_string();
        assert!(e.contains("/x/b") && e.contains(&format!("/{target}")), "{e}");
    }
}

#[test]
fn paths_lead_through_symbolic_links_but_never_out() {
    let base =
        tar().dir("usr/lib").symlink("lib", "usr/lib").symlink("up", "../../usr").symlink("abs", "/usr");
    for (through, at) in
        [("lib/x", "usr/lib/x"), ("up/x", "usr/x"), ("abs/lib/x", "usr/lib/x"), ("abs/../x", "x")]
    {
        let all = merged(&[&base, &tar().file(through, b"1")]);
        assert!(all.contains(&format!("{at}=1")), "{through}: {all:?}");
        if through != at {
            assert!(!all.iter().any(|path| path.starts_with(&format!("{through}="))), "{through}: {all:?}");
        }
    }
    let gone = merged(&[&base, &tar().file("usr/lib/x", b"1"), &tar().whiteout("lib/x")]);
    assert!(!gone.iter().any(|path| path.contains('x')), "{gone:?}");
    let replaced = merged(&[&base, &tar().dir("lib").file("lib/x", b"1")]);
    assert!(replaced.contains(&"lib/x=1".to_owned()), "a directory replaces a link: {replaced:?}");
}

#[test]
fn links_in_a_circle_are_an_error() {
    let layers = layers(&[&tar().symlink("a", "b").symlink("b", "a").file("a/x", b"1")]);
    assert!(matches!(merge(&layers), Err(OciError::LinkLoop { .. })));
}

mod properties {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// What a layer may do to one of a few paths.
    #[derive(Debug, Clone)]
    enum Change {
        File(u8),
        Dir,
        Whiteout,
        Opaque,
    }

    fn path() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "b0"]), 1..4)
            .prop_map(|parts| parts.join("/"))
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            any::<u8>().prop_map(Change::File),
            Just(Change::Dir),
            Just(Change::Whiteout),
            Just(Change::Opaque)
        ]
    }

    fn tar_of(changes: &[(String, Change)]) -> TarBuilder {
        changes.iter().fold(tar(), |tar, (path, change)| match change {
            Change::File(n) => tar.file(path, &vec![0; usize::from(*n)]),
            Change::Dir => tar.dir(path),
            Change::Whiteout => tar.whiteout(path),
            Change::Opaque => tar.opaque(path),
        })
    }

    /// The same, slowly: a map of paths, every rule a scan over all of it. `None` is a directory.
    fn naive(layers: &[Vec<(String, Change)>]) -> BTreeMap<String, Option<u8>> {
        let mut all: BTreeMap<String, Option<u8>> = BTreeMap::new();
        let below = |dir: &str, path: &str| path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'));
        for layer in layers {
            for (path, change) in layer {
                match change {
                    Change::Whiteout => all.retain(|at, _| at != path && !below(path, at)),
                    Change::Opaque => all.retain(|at, _| !below(path, at)),
                    _ => {}
                }
            }
            for (path, change) in layer {
                let what = match change {
                    Change::File(n) => Some(*n),
                    Change::Dir => None,
                    _ => continue,
                };
                for (slash, _) in path.match_indices('/') {
                    all.insert(path[..slash].to_owned(), None);
                }
                if what.is_some() {
                    all.retain(|at, _| !below(path, at));
                }
                all.insert(path.clone(), what);
            }
        }
        all
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_reading_of_the_rules(
            changes in prop::collection::vec(prop::collection::vec((path(), change()), 0..8), 1..4)
        ) {
            let tars: Vec<TarBuilder> = changes.iter().map(|layer| tar_of(layer)).collect();
            let expected: Vec<String> = naive(&changes)
                .into_iter()
                .map(|(path, what)| what.map_or(format!("{path}/"), |n| format!("{path}={n}")))
                .collect();
            let mut got = merged(&tars.iter().collect::<Vec<_>>());
            let mut expected = expected;
            got.sort();
            expected.sort();
            prop_assert_eq!(got, expected);
        }
    }
}
