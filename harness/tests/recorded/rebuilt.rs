//! What the reference run found when it was rebuilt: what the documents say of it.

use harness::record::{Rebuilds, RebuiltBy, RunDir};
use harness::scenario::Variant;

use crate::support::reference;

/// The images that differ, and causes for which each does; all others are the same again. `everything` follows none of the
/// practices. The one optimized image follows what is said of `PYTHONDONTWRITEBYTECODE`, and pip compiles all the same.
const CAUSES: [(&str, Variant, &[&str]); 9] = [
    ("bytecode", Variant::Naive, &["pyc-mtime"]),
    ("bytecode", Variant::Optimized, &["pyc-mtime"]),
    ("bytecode-hashed", Variant::Naive, &["pyc-mtime"]),
    ("bytecode-no-compile", Variant::Naive, &["pyc-mtime"]),
    ("combined-run", Variant::Naive, &["apt-log"]),
    ("everything", Variant::Naive, &["mtime", "umask", "python-package-version"]),
    ("installer-defaults", Variant::Naive, &["pyc-mtime"]),
    ("pinned-deps", Variant::Naive, &["python-package-version"]),
    ("pip-cache", Variant::Naive, &["pip-cache"]),
];

fn rebuilds() -> Vec<Rebuilds> {
    let run = RunDir::open(reference()).expect("the reference run");
    let rebuilds = run.read_repro().expect("repro.json");
    assert_eq!(rebuilds.len(), 2 * run.plan().scenarios.len(), "both images of each pair");
    assert!(rebuilds.iter().all(|all| all.made_by == RebuiltBy::Repro && all.rebuilds >= 5));
    rebuilds
}

#[test]
fn each_image_is_the_same_again_or_differs_for_its_cause() {
    for all in rebuilds() {
        let (scenario, variant) = (&*all.scenario, all.variant);
        let expected = CAUSES.iter().find(|(name, side, _)| (*name, *side) == (scenario, variant));
        let found: Vec<&str> = all.causes.iter().map(|count| &*count.cause).collect();
        assert!(!found.contains(&"unknown"), "{scenario}, {variant}: {found:?}");
        assert_eq!(all.identical, expected.is_none(), "{scenario}, {variant}: {found:?}");
        for cause in expected.into_iter().flat_map(|(_, _, causes)| *causes) {
            assert!(found.contains(cause), "{scenario}, {variant}: {found:?}");
        }
    }
}

#[test]
fn each_fix_is_needed_for_the_cause_that_it_is_to_mend() {
    let fixed: Vec<Rebuilds> = rebuilds().into_iter().filter(|all| !all.fixes.is_empty()).collect();
    assert_eq!(
        fixed.iter().map(|all| (&*all.scenario, all.fixes.len())).collect::<Vec<_>>(),
        [("everything", 5)]
    );
    for all in fixed {
        assert_eq!((all.variant, all.idle_fixes()), (Variant::Optimized, None));
    }
}
