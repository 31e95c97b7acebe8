//! All that the members of two layers can differ by, apart from contents.

use tar::EntryType;

use super::super::{Cause, Kind};
use super::rig::{Oci, file, images, member, said, tars};
use crate::oci::testing::{Packed, TarBuilder};

fn tar() -> TarBuilder {
    TarBuilder::new()
}

/// A tar with one file whose header is changed.
fn changed(change: impl FnOnce(&mut tar::Header)) -> TarBuilder {
    tar().raw(&member(EntryType::Regular, "d/f", "", b"x", change))
}

fn plain() -> TarBuilder {
    changed(|_| {})
}

#[test]
fn what_a_header_says_is_told_apart() {
    let gnu = |_: ()| {
        let mut header = tar::Header::new_gnu();
        header.set_path("d/f").unwrap();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000);
        header.set_size(1);
        header.set_cksum();
        [header.as_bytes().as_slice(), b"x", &[0; 511]].concat()
    };
    let with_pax = |records: &[(&str, &[u8])]| tar().pax(records).raw(&file("d/f", b"x"));
    for (what, other, cause) in [
        ("time", changed(|h| h.set_mtime(5)), Cause::Mtime),
        ("fraction of a time", with_pax(&[("mtime", b"1700000000.5")]), Cause::Mtime),
        ("write bit of the group", changed(|h| h.set_mode(0o664)), Cause::Umask),
        ("executable", changed(|h| h.set_mode(0o755)), Cause::Mode),
        ("set-user-ID", changed(|h| h.set_mode(0o4644)), Cause::Mode),
        ("owner", changed(|h| h.set_uid(1000)), Cause::Owner),
        ("group", changed(|h| h.set_gid(1000)), Cause::Owner),
        ("name of the owner", changed(|h| h.set_username("app").unwrap()), Cause::OwnerNames),
        ("capability", with_pax(&[("SCHILY.xattr.security.capability", b"\x01\0")]), Cause::Xattr),
        ("access time", with_pax(&[("atime", b"5")]), Cause::PaxHeaders),
        ("GNU's header", tar().raw(&gnu(())), Cause::TarDialect),
        ("a PAX header that says the same", with_pax(&[("mtime", b"1700000000")]), Cause::TarDialect),
        (
            "a name written otherwise",
            changed(|h| h.as_mut_bytes()[..5].copy_from_slice(b"./d/f")),
            Cause::TarDialect,
        ),
    ] {
        let found = tars(&plain(), &other);
        assert_eq!(said(&found), [("/d/f", cause)], "{what}");
        assert_eq!((found[0].kind, found[0].layer), (Kind::Metadata, Some(1)), "{what}");
    }
}

#[test]
fn several_differences_of_one_entry_are_several() {
    let other = changed(|h| {
        h.set_mtime(5);
        h.set_mode(0o600);
        h.set_uid(7);
    });
    let found = tars(&plain(), &other);
    assert_eq!(said(&found), [("/d/f", Cause::Mode), ("/d/f", Cause::Owner), ("/d/f", Cause::Mtime)]);
    assert_eq!((&*found[0].a, &*found[0].b), ("0644", "0600"));
    assert_eq!((&*found[2].a, &*found[2].b), ("2023-11-14T22:13:20Z", "1970-01-01T00:00:05Z"));
}

#[test]
fn kinds_and_links() {
    let of = |kind, link: &str| tar().raw(&file("a", b"x")).raw(&member(kind, "e", link, b"", |_| {}));
    let device = |minor| {
        tar().raw(&member(EntryType::Char, "e", "", b"", |h| {
            h.set_device_major(1).unwrap();
            h.set_device_minor(minor).unwrap();
        }))
    };
    for (what, a, b, cause, kind) in [
        (
            "target",
            of(EntryType::Symlink, "a"),
            of(EntryType::Symlink, "b"),
            Cause::LinkTarget,
            Kind::Content,
        ),
        (
            "hard link or copy",
            of(EntryType::Link, "a"),
            tar().raw(&file("a", b"x")).raw(&file("e", b"x")),
            Cause::HardlinkOrCopy,
            Kind::Metadata,
        ),
        (
            "directory or link",
            of(EntryType::Directory, ""),
            of(EntryType::Symlink, "a"),
            Cause::EntryType,
            Kind::Metadata,
        ),
        ("device", device(3), device(5), Cause::DeviceNumber, Kind::Metadata),
    ] {
        let found = tars(&a, &b);
        assert_eq!(said(&found), [("/e", cause)], "{what}");
        assert_eq!(found[0].kind, kind, "{what}");
    }
}

#[test]
fn what_only_one_has() {
    let base = tar().raw(&file("a", b"1"));
    let found =
        tars(&base, &tar().raw(&file("a", b"1")).raw(&file("new", b"2")).whiteout("gone").opaque("d"));
    let expected = [("/d", Cause::Whiteout), ("/gone", Cause::Whiteout), ("/new", Cause::Unknown)];
    assert_eq!(said(&found), expected);
    assert!(found.iter().all(|difference| difference.kind == Kind::Added && difference.a.is_empty()));
    let found = tars(&tar().raw(&file("a", b"1")).raw(&file("a", b"1")), &base);
    assert_eq!(said(&found), [("/a", Cause::DuplicateEntry)]);
    assert_eq!(found[0].kind, Kind::Removed);
}

#[test]
fn order_padding_and_compression() {
    let (a, b, c) = (file("a", b"1"), file("b", b"2"), file("c", b"3"));
    let one = tar().raw(&a).raw(&b).raw(&c);
    assert_eq!(said(&tars(&one, &tar().raw(&c).raw(&a).raw(&b))), [("", Cause::EntryOrder)]);
    let mut padded = b.clone();
    *padded.last_mut().unwrap() = 7;
    assert_eq!(said(&tars(&one, &tar().raw(&a).raw(&padded).raw(&c))), [("", Cause::TarPadding)]);
    let mut longer = Oci::of(&[&one]);
    longer.layers[0].0.extend([0; 5 * 512]);
    assert_eq!(said(&images(&Oci::of(&[&one]), &longer).differences), [("", Cause::TarPadding)]);
    let mut zstd = Oci::of(&[&one]);
    zstd.layers[0].1 = Packed::Zstd;
    let found = images(&Oci::of(&[&one]), &zstd).differences;
    assert_eq!(said(&found), [("", Cause::Compression)]);
    assert!(found[0].a.starts_with("gzip, ") && found[0].b.starts_with("zstd, "), "{found:?}");
}

#[test]
fn a_length_that_differs_is_no_padding() {
    let one = tar().raw(&file("a", b"1"));
    assert_eq!(said(&tars(&one, &tar().raw(&file("a", &[b'1'; 600])))), [("/a", Cause::Unknown)]);
}
