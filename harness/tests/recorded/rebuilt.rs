//! What the reference run found when it was rebuilt: what the documents say of it.

use harness::record::{Rebuilds, RebuiltBy, RunDir};
use harness::scenario::Variant;

use crate::support::reference;

/// The causes for which images differ; all others are the same again. The one optimized image among them follows what is
/// said of `PYTHONDONTWRITEBYTECODE`, and pip compiles all the same.
const CAUSES: [(&str, Variant, &str); 8] = [
    ("bytecode", Variant::Naive, "pyc-mtime"),
    ("bytecode", Variant::Optimized, "pyc-mtime"),
    ("bytecode-hashed", Variant::Naive, "pyc-mtime"),
    ("bytecode-no-compile", Variant::Naive, "pyc-mtime"),
    ("combined-run", Variant::Naive, "apt-log"),
    ("installer-defaults", Variant::Naive, "pyc-mtime"),
    ("pinned-deps", Variant::Naive, "python-package-version"),
    ("pip-cache", Variant::Naive, "pip-cache"),
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
        let cause = CAUSES
            .iter()
            .find(|(scenario, variant, _)| (*scenario, *variant) == (&all.scenario, all.variant));
        let found: Vec<&str> = all.causes.iter().map(|count| &*count.cause).collect();
        let (scenario, variant) = (&all.scenario, all.variant);
        assert!(!found.contains(&"unknown"), "{scenario}, {variant}: {found:?}");
        if (&**scenario, variant) == ("everything", Variant::Naive) {
            // It follows none of the practices.
            assert!(
                !all.identical
                    && ["mtime", "umask", "python-package-version"].iter().all(|cause| found.contains(cause))
            );
            continue;
        }
        assert_eq!(all.identical, cause.is_none(), "{scenario}, {variant}: {found:?}");
        if let Some((_, _, cause)) = cause {
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
