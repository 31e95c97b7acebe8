//! What a person reads.

use std::collections::BTreeSet;

use super::super::{Cause, Comparison, terminal};
use super::rig::{Oci, images, member};
use crate::oci::testing::TarBuilder;
use serde_json::json;
use tar::EntryType;

fn pair() -> Comparison {
    let image = |mtime: u64, log: &[u8], mode: u32, other: &[u8]| {
        let tar = TarBuilder::new()
            .raw(&member(EntryType::Regular, "var/log/dpkg.log", "", log, |h| h.set_mtime(mtime)))
            .raw(&member(EntryType::Regular, "a", "", b"1", |h| h.set_mtime(mtime)))
            .raw(&member(EntryType::Regular, "b", "", other, |h| h.set_mode(mode)));
        Oci::of(&[&tar])
    };
    images(&image(1, b"monday", 0o644, b"1"), &image(2, b"tuesday", 0o664, b"1"))
}

#[test]
fn the_verdict_comes_first_then_a_line_a_cause_then_what_mending_leads_to() {
    let text = terminal(&pair(), &BTreeSet::new());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "The images differ.");
    assert!(lines[1].starts_with("  A  manifest sha256:"), "{text}");
    assert!(text.contains("4 differences, 3 causes:"), "{text}");
    assert!(text.contains("  mtime: times of last change (2, 7 B)"), "{text}");
    assert!(text.contains("for example /var/log/dpkg.log in layer 1: 6 bytes → 7 bytes"), "{text}");
    let table: Vec<&str> = lines.iter().rev().take(3).rev().copied().collect();
    let columns: Vec<Vec<&str>> = table.iter().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(columns, [["mtime", "2", "2"], ["umask", "3", "1"], ["dpkg-log", "3", "identical"]]);
    assert!(lines.iter().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn assuming_causes_mended_says_what_would_be() {
    let some = BTreeSet::from([Cause::Mtime]);
    let text = terminal(&pair(), &some);
    assert!(text.contains("With mtime mended, 2 differences would be left."), "{text}");
    assert!(!text.contains("  mtime: "), "{text}");
    let all = BTreeSet::from([Cause::Mtime, Cause::Umask, Cause::DpkgLog]);
    let text = terminal(&pair(), &all);
    assert!(text.contains("they would be identical."), "{text}");
    assert!(pair().identical_without(&all) && !pair().identical_without(&some));
}

#[test]
fn what_an_image_says_is_shown_and_never_obeyed() {
    let image = |content: &[u8], label: &str| {
        let name = "a\u{1b}]0;title\u{7}\u{9b}2J";
        let tar = TarBuilder::new().raw(&member(EntryType::Regular, name, "", content, |_| {}));
        let mut image = Oci::of(&[&tar]);
        image.config["config"]["Labels"]["a"] = json!(label);
        image
    };
    let label = "\u{1b}[2J\r\nThe_images_are_identical.\u{7f}";
    let text = terminal(&images(&image(b"one", "1"), &image(b"two", label)), &BTreeSet::new());
    assert!(text.contains(r"for example /a\u{1b}]0;title\u{7}\u{9b}2J in layer 1:"), "{text:?}");
    assert!(text.contains(r" \u{1b}[2J\r\nThe_images_are_identical.\u{7f}"), "{text:?}");
    assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
}

#[test]
fn what_is_not_known_is_counted_and_never_mended() {
    let image = |content: &[u8]| {
        Oci::of(&[&TarBuilder::new().raw(&member(EntryType::Regular, "a", "", content, |_| {}))])
    };
    let text = terminal(&images(&image(b"one"), &image(b"two")), &BTreeSet::new());
    assert!(text.contains("1 difference, 1 cause; of 1 difference the cause is not known:"), "{text}");
    assert!(text.contains("1 difference would be left for which no remedy is known."), "{text}");
    let text = terminal(&images(&image(b"one"), &image(b"one")), &BTreeSet::new());
    assert!(text.starts_with("The images are identical.\n"), "{text}");
}
