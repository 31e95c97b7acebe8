//! `list` and `new`, as they are called by the command line.

use harness::cli::{list, new};
use harness::scenario::{Listing, Profile, builtin_dir, load_all};

#[test]
fn the_listing_has_the_keys_that_scripts_read() {
    let scenarios = load_all(&[builtin_dir().unwrap()], &["layer-order".to_owned()], Profile::Quick).unwrap();
    let json = serde_json::to_value(Listing::of(&scenarios[0])).unwrap();
    assert_eq!(json["name"], "layer-order");
    assert_eq!(
        json["events"],
        serde_json::json!(["cold", "noop", "edit-source", "edit-deps", "ci-edit-source"])
    );
    assert_eq!(json["claims"][0]["metric"], "executed:install@edit-source");
    assert!(json["question"].is_string());
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 4, "{keys:?}");
}

#[test]
fn a_new_scenario_is_listed_at_once() {
    let root = tempfile::tempdir().unwrap();
    new::run(root.path(), "mine").unwrap();
    let roots = [root.path().to_owned()];
    list::run(&roots, false).unwrap();
    assert_eq!(load_all(&roots, &[], Profile::Full).unwrap()[0].name, "mine");
    assert!(new::run(root.path(), "mine").is_err());
}

#[test]
fn a_person_is_told_in_words() {
    let text = list::text(&[builtin_dir().unwrap()], false).unwrap();
    for words in
        ["layer-order\n", "cold = nothing cached", "rootfs_bytes falls by 40 to 60 %", "cargo xtask bench"]
    {
        assert!(text.contains(words), "{words} is not in:\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
}
