//! The blocks that only a claim on time needs: they hold the edit alone, and each is an edit all the same.

use std::collections::BTreeMap;
use std::io::Write as _;

use crate::support::{engine_lock, rows, tare};

#[test]
fn later_blocks_go_on_in_the_cache_and_measure_a_real_edit() {
    let _engine = engine_lock();
    let root = tempfile::tempdir().expect("a directory");
    let folder = harness::scenario::create(root.path(), "copy-late").expect("a scenario");
    let mut file =
        std::fs::File::options().append(true).open(folder.join("scenario.toml")).expect("its file");
    file.write_all(
        b"\n[[claims]]\nname = \"rebuild-time\"\ntext = \"it is faster\"\nsource = \"folklore\"\n\
          metric = \"wall_s@edit-source\"\nexpected_min = 0.0\nprofiles = [\"quick\"]\n",
    )
    .expect("it is writable");
    let run = root.path().join("run");
    tare()
        .args(["bench", "copy-late", "--profile", "quick", "--engine", "managed", "--scenarios"])
        .arg(root.path())
        .arg("--out")
        .arg(&run)
        .assert()
        .success();

    let samples = rows(&run.join("samples.csv"));
    let mut events: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for row in &samples {
        assert_eq!(row["error"], "", "{row:?}");
        events.entry((&row["block"], &row["variant"])).or_default().push(&row["event"]);
    }
    for variant in ["naive", "optimized"] {
        for block in ["1", "2"] {
            assert_eq!(events[&(block, variant)], ["cold", "noop", "edit-source"]);
        }
        for block in ["3", "4", "5", "6"] {
            assert_eq!(events[&(block, variant)], ["edit-source"]);
        }
    }
    let ran = |variant: &str| -> Vec<bool> {
        let steps = rows(&run.join("steps.csv"));
        let slow_step = |row: &&BTreeMap<String, String>| {
            row["variant"] == variant
                && row["event"] == "edit-source"
                && row["name"].contains("RUN python assets.py")
        };
        steps.iter().filter(slow_step).map(|row| row["cached"] == "false").collect()
    };
    assert_eq!(ran("naive"), [true; 6], "an edit that was built before is a cache hit, and measures nothing");
    assert_eq!(ran("optimized"), [false; 6]);
    let claims = rows(&run.join("claims.csv"));
    let timed = claims.iter().find(|row| row["claim"] == "rebuild-time").expect("the claim on time");
    assert_eq!(timed["blocks"], "6");
    assert!(!timed["low"].is_empty(), "six blocks give an interval: {timed:?}");
}
