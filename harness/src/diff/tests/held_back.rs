//! A second corpus, made by real tools and by another program than the one that the catalogue was written against:
//! it is scored apart.

use super::corpus::{Score, generate};

#[test]
fn the_held_back_part_is_explained_and_nothing_wrongly() {
    let dir = tempfile::tempdir().unwrap();
    generate(include_str!("held_back.py"), "held_back.py", dir.path());
    let score = Score::of(dir.path());
    score.hold("held back");
    assert!(score.seen.len() >= 10, "{:?}", score.seen);
}
