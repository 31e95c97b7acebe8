//! Every scenario of the repository is usable in every profile, and keeps its own promises.

use std::path::Path;

use harness::diff::Cause;
use harness::scenario::{EditContent, Profile, Scenario, Variant, builtin_dir, load_all};

const PROFILES: [Profile; 3] = [Profile::Smoke, Profile::Quick, Profile::Full];

fn all(profile: Profile) -> Vec<Scenario> {
    load_all(&[builtin_dir().unwrap()], &[], profile).unwrap()
}

#[test]
fn every_scenario_loads_in_each_profile() {
    for profile in PROFILES {
        let scenarios = all(profile);
        let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
        assert!(names.contains(&"layer-order") && names.contains(&"multi-stage"), "{names:?}");
        for scenario in scenarios {
            assert!(scenario.question.ends_with('?'), "{}", scenario.name);
            assert!(!scenario.bases.is_empty(), "{}", scenario.name);
            assert!(!scenario.claims.is_empty(), "{}", scenario.name);
        }
    }
}

/// `nightly.yml` starts the images of `gpu-startup` on a runner that does not build them: what is measured is the same.
#[test]
fn images_that_are_handed_over_are_measured_as_gpu_startup_is() {
    let scenarios = builtin_dir().unwrap();
    let handed_over = scenarios.join("../.github/handed-over/gpu-start");
    for profile in PROFILES {
        let built = Scenario::load(&scenarios.join("gpu-startup"), profile).unwrap();
        let handed = Scenario::load(&handed_over, profile).unwrap();
        assert_eq!(handed.bases, ["@NAIVE@", "@OPTIMIZED@"]);
        assert_eq!((&handed.events, &handed.claims), (&built.events, &built.claims));
        assert_eq!((&handed.startup, &handed.answer), (&built.startup, &built.answer));
        assert_eq!((&handed.generated, &handed.mounts), (&built.generated, &built.mounts));
        for variant in Variant::BOTH {
            let loading = |scenario: &Scenario| {
                let text = std::fs::read_to_string(&scenario.variants.get(variant).dockerfile).unwrap();
                text.lines()
                    .filter(|line| line.starts_with("ENV CUDA_"))
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            assert_eq!(loading(&handed), loading(&built), "{variant}");
        }
    }
}

/// An edit that differs from the context in nothing but its token would be no change at all.
#[test]
fn every_edit_changes_what_it_says() {
    for scenario in all(Profile::Quick) {
        for edit in scenario.edits.values() {
            for (path, content) in &edit.files {
                let EditContent::File(file) = content else { panic!("{path} is not a checked-in file") };
                let before = std::fs::read(scenario.variants.naive.context.join(path)).unwrap_or_default();
                assert_ne!(before, std::fs::read(file).unwrap(), "{}: {path}", scenario.name);
            }
        }
    }
}

/// A line without a hash would fail `pip --require-hashes` in the build, long after the plan.
#[test]
fn locks_pin_every_line_with_a_hash() {
    for profile in PROFILES {
        for lock in all(profile).iter().flat_map(|s| [&s.locks[..], &s.later_locks].concat()) {
            let text = std::fs::read_to_string(&lock).unwrap().replace("\\\n", " ");
            let pinned: Vec<&str> = text.lines().filter(|line| line.contains("==")).collect();
            assert!(!pinned.is_empty(), "{}", lock.display());
            for line in pinned {
                assert!(line.contains("--hash=sha256:"), "{}: {line}", lock.display());
            }
        }
    }
}

/// All scenarios hold the same model and run it in the same way: their results may stand side by side.
#[test]
fn the_model_is_the_same_everywhere() {
    let root = builtin_dir().unwrap();
    for file in ["model.py", "model.onnx", "model.safetensors"] {
        let first = read(&root, "layer-order", file);
        for scenario in ["multi-stage", "dockerignore", "everything"] {
            assert_eq!(read(&root, scenario, file), first, "{scenario}: {file}");
        }
    }
    // These run it on CUDA, each in a way of its own.
    for (scenario, file) in [
        ("cuda-base", "model.safetensors"),
        ("cuda-twice", "model.safetensors"),
        ("cuda-twice", "model.onnx"),
    ] {
        assert_eq!(read(&root, scenario, file), read(&root, "layer-order", file), "{scenario}: {file}");
    }
}

/// What marks the phases of a start is the same in each image that has it, and so is what the two that fetch serve.
#[test]
fn starts_are_marked_in_the_same_way_everywhere() {
    let root = builtin_dir().unwrap();
    let marked: Vec<String> = all(Profile::Quick)
        .into_iter()
        .filter(|scenario| scenario.startup.is_some())
        .map(|scenario| scenario.name)
        .collect();
    assert!(marked.len() >= 4, "{marked:?}");
    for scenario in marked {
        let file = "startup.py";
        assert_eq!(read(&root, &scenario, file), read(&root, "gpu-startup", file), "{scenario}: {file}");
    }
    assert_eq!(read(&root, "weights-hub", "answer.py"), read(&root, "weights-s3", "answer.py"));
}

fn read(root: &Path, scenario: &str, file: &str) -> Vec<u8> {
    std::fs::read(root.join(scenario).join("context").join(file)).unwrap()
}

/// A name that the catalogue does not have would never be found, and the fix be called useless.
#[test]
fn every_fix_mends_a_cause_that_the_catalogue_has() {
    let fixes: Vec<_> = all(Profile::Quick).into_iter().flat_map(|scenario| scenario.fixes).collect();
    assert!(fixes.len() >= 5, "everything has its fixes: {fixes:?}");
    for fix in fixes {
        let cause: Result<Cause, _> = fix.cause.parse();
        assert!(cause.is_ok(), "{}: {}", fix.name, fix.cause);
    }
}
