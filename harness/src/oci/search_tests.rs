//! Secrets wherever they can be.

use super::*;
use crate::oci::testing::{Packed, Parts, TarBuilder, pack};
use crate::oci::{LayerCache, read_archive};

const KEY: &str = "tk0123456789abcdef0123456789abcdef";
const OTHER: &str = "tkfedcba9876543210fedcba9876543210";

fn needles() -> Arc<Needles> {
    Arc::new(Needles::new([("key", KEY), ("other", OTHER)]).unwrap())
}

/// What is found where: name and path.
fn found(tar: &TarBuilder) -> Vec<(String, String)> {
    let cache = LayerCache::default().searching(Some(needles()));
    let archive = Parts::new(&[tar.bytes()], Packed::Gzip).archive();
    let image = read_archive(archive.as_slice(), &cache).unwrap();
    let traces = image.layers[0].traces.iter();
    traces.map(|trace| (trace.name.clone(), String::from_utf8_lossy(&trace.path).into_owned())).collect()
}

#[test]
fn a_secret_is_found_wherever_the_pieces_break() {
    let text = format!("{OTHER}..{KEY}{}", "x".repeat(60));
    for size in 1..text.len() {
        let mut scanner = Scanner::new(needles());
        text.as_bytes().chunks(size).for_each(|piece| scanner.feed(piece));
        let hits: Vec<(String, u64)> = scanner.finish().into_iter().map(|hit| (hit.name, hit.at)).collect();
        assert_eq!(hits, [("other".to_owned(), 0), ("key".to_owned(), 36)], "{size}");
    }
}

#[test]
fn base64_hides_nothing_wherever_the_secret_begins() {
    for before in ["", "a", "ab", "abc"] {
        for after in ["", "z", "zz"] {
            let mut text = format!("{before}{KEY}{after}").into_bytes();
            text.resize(text.len().next_multiple_of(3), b'.');
            let encoded = base64(&text);
            assert_eq!(needles().in_bytes(&encoded), ["key"].into(), "{before}…{after}");
        }
    }
    assert_eq!(base64(b"Many hands"), b"TWFueSBoYW5k");
}

#[test]
fn a_layer_is_searched_in_content_name_link_and_attribute() {
    let file = format!("[global]\nindex-url = https://user:{KEY}@packages.example/simple\n");
    let gzip = pack(format!("log: {OTHER}\n").as_bytes(), Packed::Gzip);
    let tar = TarBuilder::new()
        .file("first", b"nothing")
        .file("etc/pip.conf", file.as_bytes())
        .file("var/log/build.gz", &gzip)
        .file(&format!("tmp/{KEY}"), b"")
        .symlink("link", OTHER)
        .pax(&[("SCHILY.xattr.user.note", KEY.as_bytes())])
        .file("noted", b"x");
    let expected = [
        ("key", "etc/pip.conf".to_owned()),
        ("other", "var/log/build.gz".to_owned()),
        ("key", format!("tmp/{KEY}")),
        ("other", "link".to_owned()),
        ("key", "noted".to_owned()),
    ];
    assert_eq!(found(&tar), expected.map(|(name, path)| (name.to_owned(), path)));
}

#[test]
fn many_finds_in_one_file_are_one() {
    let tar = TarBuilder::new().file("a", KEY.repeat(3 * HIT_LIMIT).as_bytes()).file("b", OTHER.as_bytes());
    let expected = [("key", "a"), ("other", "b")].map(|(name, path)| (name.to_owned(), path.to_owned()));
    assert_eq!(found(&tar), expected);
}

#[test]
fn where_nothing_is_planted_nothing_is_found() {
    assert_eq!(found(&TarBuilder::new().file("a", &KEY.as_bytes()[1..])), []);
    assert!(Needles::new([]).is_none());
}

#[test]
fn a_whiteout_that_claims_to_hold_all_there_can_be_ends_the_search_and_nothing_else() {
    let tar = TarBuilder::new().pax(&[("size", b"18446744073709551615")]).whiteout("a");
    let cache = LayerCache::default().searching(Some(needles()));
    let archive = Parts::new(&[tar.bytes()], Packed::Gzip).archive();
    let e = read_archive(archive.as_slice(), &cache).unwrap_err().to_string();
    assert!(e.contains("ends in the middle"), "{e}");
}
