//! Lists of packages, in the forms in which images have them.

use super::*;
use crate::oci::testing::{TarBuilder, image};

const STATUS: &str = "\
Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9
Description: the C library
 Version: of nothing
 .

Package: gone
Status: deinstall ok config-files
Version: 1

Package: held
Status: hold ok installed
Version: 2:1.0~rc1-3+b2
";

const METADATA: &str = "\
Metadata-Version: 2.1
Name: Ruamel.YAML__clib
Version: 0.2.8

Name: not-a-header
Version: 9
";

fn read(path: &str, text: &str, piece: usize) -> Vec<String> {
    let mut reader = Reader::of(path.as_bytes()).unwrap();
    text.as_bytes().chunks(piece).for_each(|piece| reader.feed(piece));
    reader.finish().into_iter().map(|package| format!("{} {}", package.name, package.version)).collect()
}

fn names(image: &Image) -> Vec<String> {
    inventory(image).unwrap().packages.into_iter().map(|package| package.name).collect()
}

#[test]
fn dpkgs_database_is_read_however_it_comes() {
    for piece in [1, 7, 4096] {
        assert_eq!(
            read("var/lib/dpkg/status", STATUS, piece),
            ["libc6 2.36-9", "held 2:1.0~rc1-3+b2"],
            "{piece}"
        );
    }
    assert_eq!(
        read("var/lib/dpkg/status.d/base", "Package: base-files\nVersion: 12\n", 5),
        ["base-files 12"]
    );
    let both = "Package: a\nArchitecture: amd64\nVersion: 1\n\nPackage: a\nArchitecture: i386\nVersion: 1\n";
    assert_eq!(read("var/lib/dpkg/status", both, 9), ["a:amd64 1", "a:i386 1"]);
}

#[test]
fn pythons_metadata_ends_with_its_headers() {
    for path in [
        "opt/venv/lib/python3.11/site-packages/x.dist-info/METADATA",
        "x.egg-info/PKG-INFO",
        "usr/lib/python3/dist-packages/x.egg-info",
    ] {
        assert_eq!(read(path, METADATA, 3), ["ruamel-yaml-clib 0.2.8"], "{path}");
    }
    for path in
        ["METADATA", "x.dist-info/RECORD", "s/setuptools/_vendor/x.dist-info/METADATA", "var/lib/dpkg/x"]
    {
        assert!(Reader::of(path.as_bytes()).is_none(), "{path}");
    }
}

#[test]
fn an_endless_line_costs_nothing() {
    let mut reader = Reader::of(b"x.dist-info/METADATA").unwrap();
    (0..1000).for_each(|_| reader.feed(&[b'x'; 10_000]));
    assert!(reader.line.len() <= LINE_LIMIT);
}

#[test]
fn only_what_the_image_shows_is_installed() {
    let old = TarBuilder::new()
        .file("var/lib/dpkg/status", STATUS.as_bytes())
        .file("lib/a.dist-info/METADATA", b"Name: a\nVersion: 1\n")
        .file("lib/b.dist-info/METADATA", b"Name: b\nVersion: 1\n");
    let new = TarBuilder::new()
        .file("var/lib/dpkg/status", b"Package: libc6\nVersion: 3\n")
        .whiteout("lib/a.dist-info")
        .file("cache/c.dist-info/METADATA", b"Name: c\nVersion: 1\n")
        .hardlink("lib/c.dist-info/METADATA", "cache/c.dist-info/METADATA");
    let (before, after) = (image(&[&old]), image(&[&old, &new]));
    assert_eq!(names(&before), ["held", "libc6", "a", "b"]);
    assert_eq!(names(&after), ["libc6", "b", "c"]);
    let (before, after) = (inventory(&before).unwrap(), inventory(&after).unwrap());
    assert_eq!((before.distribution(), before.python()), (Some(2), 2));
    assert_eq!(before.changed(&after), 4, "held and a are gone, libc6 is another, c is new");
    assert_eq!(before.changed(&before), 0);
}

#[test]
fn a_database_that_is_not_read_is_not_an_empty_one() {
    let alpine = image(&[&TarBuilder::new().file("lib/apk/db/installed", b"P:musl\nV:1\n")]);
    assert_eq!(inventory(&alpine).unwrap().distribution(), None);
    let scratch = image(&[&TarBuilder::new().file("app", b"x")]);
    assert_eq!(inventory(&scratch).unwrap().distribution(), Some(0));
}
