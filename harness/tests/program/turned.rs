//! No claim is settled by a constant: what the scenarios say follows from what is measured.
//!
//! Three pairs are measured the wrong way round, and one pair of equal variants. Every claim is settled at the
//! smallest payload here, so that none hides behind its profile. The claims of all pairs are turned in `recorded`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use harness::claims::settle;
use harness::record::{Effect, Records, RunDir};
use harness::scenario::create;

use crate::support::{copy_of, engine_lock, replace, tare};

/// What the practice is known to save, pair by pair: whoever follows it backwards must be told that it hurts.
const SAVES: [(&str, &str); 4] = [
    ("layer-order", "source-edit-skips-install"),
    ("layer-order", "source-edit-pull"),
    ("pip-cache", "third-of-the-disk"),
    ("dockerignore", "notebook-edit-skips-install"),
];

/// What is claimed of the equal pair, beside its own claim.
const METRICS: [&str; 5] =
    ["rootfs_bytes", "compressed_bytes", "layers", "context_bytes@cold", "new_compressed_bytes@edit-source"];

#[test]
fn swapped_pairs_turn_the_effect_round_and_equal_ones_have_none() {
    let _engine = engine_lock();
    let root = tempfile::tempdir().expect("a directory");
    let mut names = Vec::new();
    for scenario in ["layer-order", "pip-cache", "dockerignore"] {
        let swapped = format!("{scenario}-swapped");
        variant_files(root.path(), scenario, &swapped, "optimized.Dockerfile", "naive.Dockerfile");
        names.push(swapped);
    }
    equal_variants(root.path());
    names.push("equal".to_owned());

    let run = root.path().join("run");
    tare()
        .arg("bench")
        .args(&names)
        .args(["--profile", "smoke", "--blocks", "2", "--engine", "managed", "--scenarios"])
        .arg(root.path())
        .arg("--out")
        .arg(&run)
        .assert()
        .success();
    let records = RunDir::open(&run).expect("the run").read().expect("its records");
    let measured = effects(&records);
    for (scenario, claim) in SAVES {
        let key = (format!("{scenario}-swapped"), claim.to_owned());
        assert_eq!(measured[&key], Effect::Hurts, "{key:?}, the wrong way round");
    }
    for (key, effect) in measured.iter().filter(|(key, _)| key.0 == "equal") {
        assert!(!matches!(effect, Effect::Helps | Effect::Hurts), "{key:?}: {effect:?} in equal variants");
    }
    assert_eq!(measured.keys().filter(|key| key.0 == "equal").count(), 1 + METRICS.len());
}

/// A copy of `scenario` as `name` whose variants are these Dockerfiles, and whose claims hold for every payload.
fn variant_files(root: &Path, scenario: &str, name: &str, naive: &str, optimized: &str) {
    let file = copy_of(root, scenario, name).join("scenario.toml");
    replace(&file, "profiles = [\"quick\", \"full\"]", "profiles = [\"smoke\", \"quick\", \"full\"]");
    // What no claim needs is not built.
    let text = fs::read_to_string(&file).expect("the scenario").replace("\"noop\", ", "");
    let dockerfile = format!("dockerfile = {{ naive = \"{naive}\", optimized = \"{optimized}\" }}\n");
    fs::write(&file, dockerfile + &text).expect("the scenario is writable");
}

/// A new scenario whose variants are both its naive one.
fn equal_variants(root: &Path) {
    let dir = create(root, "equal").expect("a new scenario");
    fs::copy(dir.join("naive.Dockerfile"), dir.join("optimized.Dockerfile")).expect("a copy");
    let file = dir.join("scenario.toml");
    let mut text = fs::read_to_string(&file).expect("the scenario");
    for (number, metric) in METRICS.iter().enumerate() {
        text.push_str(&format!(
            "\n[[claims]]\nname = \"claim-{number}\"\ntext = \"less of it\"\nsource = \"nobody\"\nmetric = \"{metric}\"\n\
             expected_min = 0.1\nprofiles = [\"smoke\"]\n"
        ));
    }
    fs::write(&file, text).expect("the scenario is writable");
}

fn effects(records: &Records) -> BTreeMap<(String, String), Effect> {
    settle(records).into_iter().map(|row| ((row.scenario, row.claim), row.effect)).collect()
}
