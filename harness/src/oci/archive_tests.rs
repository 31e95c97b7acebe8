//! Archives as engines write them, and as nobody should.

use std::io::Write as _;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;
use tar::EntryType;

use super::*;
use crate::oci::testing::{Packed, Parts, TarBuilder, descriptor, pack};
use crate::oci::{Entry, EntryKind};

fn read(archive: &[u8]) -> Result<Image, OciError> {
    read_archive(archive, &LayerCache::default())
}

fn two_layers() -> Vec<Vec<u8>> {
    let big: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let one = TarBuilder::new().dir("usr/").file("usr/big", &big).symlink("lib", "usr/lib");
    vec![one.bytes(), TarBuilder::new().file("a", b"hello").hardlink("b", "a").bytes()]
}

/// The members of the only layer of an image with this tar.
fn entries(tar: &TarBuilder) -> Vec<Entry> {
    let image = read(&Parts::new(&[tar.bytes()], Packed::Gzip).archive()).unwrap();
    image.layers[0].entries.clone()
}

/// Why an image with this tar as its only layer cannot be read.
fn refusal(tar: &TarBuilder) -> String {
    read(&Parts::new(&[tar.bytes()], Packed::Zstd).archive()).unwrap_err().to_string()
}

#[test]
fn reads_what_is_there_however_it_is_packed() {
    let tars = two_layers();
    for packed in [Packed::Gzip, Packed::Zstd, Packed::Plain] {
        let parts = Parts::new(&tars, packed);
        let image = read(&parts.archive()).unwrap();
        assert_eq!(image.layers.len(), 2);
        for (layer, tar) in image.layers.iter().zip(&tars) {
            let blob = pack(tar, packed);
            assert_eq!(layer.digest, Digest::of(&blob), "{packed:?}");
            assert_eq!(layer.compressed_bytes, blob.len() as u64);
            assert_eq!(layer.diff_id, Digest::of(tar));
            assert_eq!(layer.tar_bytes, tar.len() as u64);
        }
        let a = &image.layers[1].entries[0];
        assert_eq!(a.kind, EntryKind::File { size: 5, content: Digest::of(b"hello") });
        assert_eq!((a.mode, a.uid, a.gid, a.mtime_ns), (0o644, 1, 2, 1_700_000_000_000_000_000));
        assert_eq!(image.layers[1].entries[1].kind, EntryKind::Hardlink((*b"a").into()));
        assert_eq!(image.layers[0].entries[2].kind, EntryKind::Symlink((*b"usr/lib").into()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_order_of_the_blobs_does_not_matter(order in Just((0..5_usize).collect::<Vec<_>>()).prop_shuffle()) {
        let mut parts = Parts::new(&two_layers(), Packed::Gzip);
        let expected = read(&parts.archive()).unwrap();
        parts.0 = order.into_iter().map(|i| parts.0[i].clone()).collect();
        let image = read(&parts.archive()).unwrap();
        prop_assert_eq!(image.manifest_digest, expected.manifest_digest);
        let digests = |image: &Image| image.layers.iter().map(|layer| layer.digest).collect::<Vec<_>>();
        prop_assert_eq!(digests(&image), digests(&expected));
    }

    #[test]
    fn an_archive_that_ends_too_soon_is_an_error_and_no_smaller_image(cut in 0.0..1.0_f64) {
        let archive = Parts::new(&two_layers(), Packed::Gzip).archive();
        // The last 1024 bytes are the end mark, and nobody needs it.
        let cut = ((archive.len() - 1536) as f64 * cut) as usize;
        prop_assert!(read(&archive[..cut]).is_err());
    }

    #[test]
    fn one_flipped_byte_in_a_blob_names_the_blob(at in 0.0..1.0_f64, blob in 0..4_usize) {
        let mut parts = Parts::new(&two_layers(), Packed::Gzip);
        let (path, bytes) = &mut parts.0[blob];
        let at = (bytes.len() as f64 * at) as usize;
        bytes[at] ^= 1;
        let name = path.rsplit('/').next().unwrap().to_owned();
        let e = read(&parts.archive()).unwrap_err();
        prop_assert!(matches!(&e, OciError::DigestMismatch { name: n, .. } if n.hex() == name), "{}", e);
    }
}

#[test]
fn a_known_layer_is_not_read_again() {
    let cache = LayerCache::default();
    let parts = Parts::new(&two_layers(), Packed::Gzip);
    let first = read_archive(parts.archive().as_slice(), &cache).unwrap();
    let again = read_archive(parts.archive().as_slice(), &cache).unwrap();
    for (a, b) in first.layers.iter().zip(&again.layers) {
        assert!(Arc::ptr_eq(a, b));
    }
}

#[test]
fn missing_parts_are_named() {
    for (part, expected) in
        [(0, "layer sha256:"), (2, "configuration sha256:"), (3, "manifest sha256:"), (4, "index.json")]
    {
        let mut parts = Parts::new(&two_layers(), Packed::Gzip);
        parts.0.remove(part);
        let e = read(&parts.archive()).unwrap_err();
        assert!(matches!(&e, OciError::Missing { what } if what.starts_with(expected)), "{e}");
    }
}

#[test]
fn a_configuration_that_names_other_tars_is_refused() {
    let tar = two_layers().remove(1);
    let blob = pack(&tar, Packed::Gzip);
    let saying = |diff_ids| {
        let layers = vec![descriptor("image.layer.v1.tar+gzip", &blob)];
        read(&Parts::saying(vec![blob.clone()], layers, diff_ids).archive()).unwrap_err()
    };
    let e = saying(vec![Digest::of(b"other")]);
    assert!(matches!(e, OciError::DiffIdMismatch { found, .. } if found == Digest::of(&tar)), "{e}");
    let e = saying(vec![Digest::of(&tar), Digest::of(b"other")]);
    assert!(matches!(e, OciError::LayerCount { layers: 1, diff_ids: 2 }), "{e}");
}

#[test]
fn a_manifest_that_lies_about_a_length_is_refused() {
    let tar = two_layers().remove(1);
    let blob = pack(&tar, Packed::Gzip);
    let mut layer = descriptor("image.layer.v1.tar+gzip", &blob);
    layer["size"] = json!(blob.len() + 1);
    let archive = Parts::saying(vec![blob.clone()], vec![layer], vec![Digest::of(&tar)]).archive();
    let cache = LayerCache::default();
    // The second time the layer is known.
    for _ in 0..2 {
        let e = read_archive(archive.as_slice(), &cache).unwrap_err();
        assert!(matches!(e, OciError::SizeMismatch { found, .. } if found == blob.len() as u64), "{e}");
    }
}

#[test]
fn a_link_has_no_content_whatever_its_header_claims() {
    let mut link = tar::Header::new_ustar();
    link.set_path("b").unwrap();
    link.set_entry_type(EntryType::Link);
    link.set_link_name("a").unwrap();
    link.set_size(700);
    link.set_cksum();
    let entries = entries(&TarBuilder::new().file("a", b"x").raw(link.as_bytes()).file("c", b"y"));
    let paths: Vec<_> = entries.iter().map(Entry::display_path).collect();
    assert_eq!(paths, ["/a", "/b", "/c"]);
}

#[test]
fn a_blob_that_is_no_layer_of_the_image_may_be_anything() {
    let mut parts = Parts::new(&two_layers(), Packed::Gzip);
    let mut damaged = pack(&two_layers()[0], Packed::Gzip);
    damaged.truncate(5000);
    for other in [damaged, b"\x00\x01".to_vec(), vec![b'x'; 9 << 20], b"{\"_type\": \"in-toto\"}".to_vec()] {
        parts.0.insert(0, (format!("blobs/sha256/{}", Digest::of(&other).hex()), other));
    }
    assert_eq!(read(&parts.archive()).unwrap().layers.len(), 2);
}

#[test]
fn a_layout_directory_reads_as_its_archive() {
    let parts = Parts::new(&two_layers(), Packed::Gzip);
    let dir = tempfile::tempdir().unwrap();
    for (path, bytes) in &parts.0 {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let cache = LayerCache::default();
    let image = crate::oci::read_layout(dir.path(), &cache).unwrap();
    let expected = read(&parts.archive()).unwrap();
    assert_eq!(image.manifest_digest, expected.manifest_digest);
    assert_eq!(image.layers[0].entries, expected.layers[0].entries);
    std::fs::remove_file(dir.path().join(&parts.0[0].0)).unwrap();
    let e = crate::oci::read_layout(dir.path(), &LayerCache::default()).unwrap_err();
    assert!(matches!(e, OciError::Missing { .. }), "{e}");
}

#[test]
fn long_names_of_both_kinds() {
    let long = format!("{}/file", "directory-with-a-long-name/".repeat(20));
    let mut gnu = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    header.set_mode(0o600);
    gnu.append_data(&mut header, &long, &b"x"[..]).unwrap();
    let gnu = TarBuilder::new().raw(gnu.get_ref());
    let pax = TarBuilder::new().pax(&[("path", long.as_bytes()), ("mtime", b"1.5")]).file("short", b"x");
    for tar in [gnu, pax] {
        let entries = entries(&tar.file("next", b"y"));
        assert_eq!(entries[0].display_path(), format!("/{}", long.replace("//", "/")));
        assert_eq!(entries[1].display_path(), "/next", "an extension holds for one member");
    }
}

#[test]
fn pax_records_override_the_header() {
    let records: &[(&str, &[u8])] = &[
        ("path", b"first"),
        ("path", b"\xff\xfe"),
        ("linkpath", b"elsewhere"),
        ("uid", b"100000"),
        ("gid", b"100001"),
        ("mtime", b"1700000000.25"),
    ];
    let entry = entries(&TarBuilder::new().pax(records).symlink("short", "x")).remove(0);
    assert_eq!(*entry.path, *b"\xff\xfe", "names need not be UTF-8, and the later record holds");
    assert_eq!(entry.kind, EntryKind::Symlink((*b"elsewhere").into()));
    assert_eq!((entry.uid, entry.gid, entry.mtime_ns), (100_000, 100_001, 1_700_000_000_250_000_000));
}

#[test]
fn names_do_not_lead_out_of_the_image() {
    let entries =
        entries(&TarBuilder::new().file("../../etc/passwd", b"x").file("/abs", b"x").hardlink("l", "../abs"));
    assert_eq!(entries[0].display_path(), "/etc/passwd");
    assert_eq!(entries[1].display_path(), "/abs");
    assert_eq!(entries[2].kind, EntryKind::Hardlink((*b"abs").into()));
}

#[test]
fn members_that_no_layer_has_are_refused_by_name() {
    let sparse =
        TarBuilder::new().pax(&[("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0")]).file("s", b"x");
    for (tar, reason) in [
        (sparse, "sparse"),
        (TarBuilder::new().member(EntryType::new(b'V'), "volume", "", b""), "volume"),
        (TarBuilder::new().file("d/.wh.", b""), "d/.wh."),
        (TarBuilder::new().file("d/.wh...", b""), "d/.wh..."),
        (TarBuilder::new().file("..", b"x"), "root directory"),
        (TarBuilder::new().pax(&[("path", &[b'a'; 5000])]).file("x", b""), "longer than 4096"),
        (TarBuilder::new().pax(&[("uid", b"4294967296")]).file("x", b""), "32 bits"),
    ] {
        let e = refusal(&tar);
        assert!(e.starts_with("layer sha256:") && e.contains(reason), "{reason}: {e}");
    }
}

#[test]
fn a_tar_that_claims_more_than_there_is_ends_too_soon() {
    let mut huge = tar::Header::new_gnu();
    huge.set_path("huge").unwrap();
    huge.set_size(u64::MAX / 2);
    huge.set_cksum();
    assert!(refusal(&TarBuilder::new().raw(huge.as_bytes())).contains("ends in the middle"));
}

#[test]
fn a_name_that_inflates_to_a_gigabyte_is_refused_before_it_is_read() {
    let mut name = tar::Header::new_gnu();
    name.set_path("././@LongLink").unwrap();
    name.set_entry_type(EntryType::GNULongName);
    name.set_size(1 << 30);
    name.set_cksum();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(name.as_bytes()).unwrap();
    gzip.write_all(&vec![b'a'; 4 << 20]).unwrap();
    let blob = gzip.finish().unwrap();
    let name = Digest::of(&blob);
    let Found::Broken(e) =
        Found::read(name, blob.len() as u64, blob.as_slice(), &LayerCache::default()).unwrap()
    else {
        panic!("a layer came of it");
    };
    assert!(e.to_string().contains("extension header of 1073741824 bytes"), "{e}");
}

#[test]
fn what_is_no_file_holds_no_blob() {
    let parts = Parts::new(&[TarBuilder::new().file("a", b"x").bytes()], Packed::Gzip);
    let archive = |kind| {
        let (layer, rest) = parts.0.split_first().unwrap();
        let start = TarBuilder::new().member(EntryType::new(kind), &layer.0, "", &layer.1);
        rest.iter().fold(start, |tar, (path, bytes)| tar.file(path, bytes)).bytes()
    };
    assert!(read(&archive(b'0')).is_ok());
    // A directory with what it held, of GNU tar's incremental archives.
    assert!(matches!(read(&archive(b'D')), Err(OciError::Missing { .. })));
}

#[test]
fn a_damaged_header_is_named_by_its_place() {
    let mut bytes = TarBuilder::new().file("a", b"x").file("b", b"x").bytes();
    bytes[1024] ^= 1;
    let image = read(&Parts::new(&[bytes], Packed::Gzip).archive());
    assert!(image.unwrap_err().to_string().contains("byte 1024"));
}

#[test]
fn numbers_that_a_writer_left_blank_are_zero() {
    let mut header = tar::Header::new_ustar();
    header.set_path("a").unwrap();
    header.set_cksum();
    let entry = entries(&TarBuilder::new().raw(header.as_bytes())).remove(0);
    assert_eq!((entry.mode, entry.uid, entry.gid, entry.mtime_ns), (0, 0, 0, 0));
}

#[test]
fn a_member_with_more_pax_records_than_anything_needs_is_refused() {
    let keys: Vec<String> = (0..1025).map(|n| format!("x.{n}")).collect();
    let records: Vec<(&str, &[u8])> = keys.iter().map(|key| (key.as_str(), &b""[..])).collect();
    assert_eq!(entries(&TarBuilder::new().pax(&records[1..]).file("a", b"")).len(), 1);
    let e = refusal(&TarBuilder::new().pax(&records).file("a", b""));
    assert!(e.contains("more than 1024 PAX records"), "{e}");
}
