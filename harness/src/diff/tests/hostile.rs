//! Layers that nobody should write.

use std::io::Write as _;

use proptest::prelude::*;
use tar::{EntryType, Header};

use super::super::{Cause, Side, causes_of};
use super::rig::{Oci, archives, file, said, tars};
use crate::oci::testing::TarBuilder;

fn tar() -> TarBuilder {
    TarBuilder::new()
}

fn plain() -> TarBuilder {
    tar().raw(&file("a", b"x"))
}

#[test]
fn names_that_lead_out_are_names_in_the_image() {
    let found =
        tars(&plain(), &tar().file("../../etc/passwd", b"x").raw(&file("a", b"x")).symlink("l", "/l"));
    assert_eq!(said(&found), [("/etc/passwd", Cause::Unknown), ("/l", Cause::Unknown)]);
}

#[test]
fn what_no_layer_may_have_is_refused_with_its_name_and_side() {
    let mut huge = Header::new_gnu();
    huge.set_path("huge").unwrap();
    huge.set_size(u64::MAX / 2);
    huge.set_cksum();
    let sparse = tar().pax(&[("GNU.sparse.major", b"1")]).file("s", b"x");
    let damaged = tar().raw(&[b'x'; 512]);
    for (bad, word) in [
        (tar().raw(huge.as_bytes()), "ends in the middle"),
        (sparse, "sparse"),
        (tar().member(EntryType::new(b'V'), "volume", "", b""), "volume"),
        (tar().pax(&[("path", &[b'a'; 5000])]).file("x", b""), "longer than 4096"),
        (damaged, "checksum"),
    ] {
        let e = archives(&Oci::of(&[&plain()]).archive(), &Oci::of(&[&bad]).archive()).unwrap_err();
        assert_eq!(e.side, Side::B, "{word}");
        assert!(e.to_string().contains("layer sha256:") && e.to_string().contains(word), "{word}: {e}");
    }
}

#[test]
fn a_blob_that_is_not_what_its_name_says_is_named_as_such() {
    let image = Oci::of(&[&plain()]);
    let mut archive = image.archive();
    let blob = crate::oci::testing::pack(&image.layers[0].0, crate::oci::testing::Packed::Gzip);
    let at = archive.windows(blob.len()).position(|window| window == blob).unwrap();
    archive[at + blob.len() - 1] ^= 1;
    let other = Oci::of(&[&tar().raw(&file("b", b"y"))]).archive();
    let e = archives(&archive, &other).unwrap_err();
    assert_eq!(e.side, Side::A);
    assert!(e.to_string().contains("has the digest"), "{e}");
}

#[test]
fn a_layer_that_inflates_to_a_thousand_times_its_length_is_compared_all_the_same() {
    // 64 MiB of one file and as much behind the end mark, from some 100 kB.
    let bomb = |last: u8| {
        let mut content = vec![0_u8; 64 << 20];
        *content.last_mut().unwrap() = last;
        let mut oci = Oci::of(&[&tar().raw(&file("bomb", &content))]);
        let length = oci.layers[0].0.len();
        oci.layers[0].0.resize(length + (64 << 20), 0);
        oci
    };
    let (one, other) = (bomb(1), bomb(2));
    let found = archives(&one.archive(), &other.archive()).unwrap().differences;
    assert_eq!(said(&found), [("/bomb", Cause::Unknown)]);
}

#[test]
fn members_that_wait_with_large_headers_are_as_bounded_as_many_that_wait() {
    let keys: Vec<String> = (0..1000).map(|n| format!("x.{n}")).collect();
    let value = [b'x'; 500];
    let members = |count: usize| {
        (0..count).fold(tar(), |tar, n| {
            // Neighbours with equal headers would share them.
            let records: Vec<(&str, &[u8])> =
                keys[n % 2..].iter().map(|key| (key.as_str(), &value[..])).collect();
            tar.pax(&records).raw(&file(&n.to_string(), b""))
        })
    };
    let compared = |count| archives(&Oci::of(&[&members(count)]).archive(), &Oci::of(&[&tar()]).archive());
    assert!(compared(8).is_ok());
    let e = compared(260).unwrap_err().to_string();
    assert!(e.contains("bounded memory"), "{e}");
}

#[test]
fn what_is_told_of_pairs_is_as_bounded_as_what_waits() {
    // Escaped, the records of a pair are told with four megabytes.
    let members = |count: usize, byte: u8| {
        let keys: Vec<String> = (0..1000).map(|n| format!("x.{n}")).collect();
        let value = [byte; 500];
        let records: Vec<(&str, &[u8])> = keys.iter().map(|key| (key.as_str(), &value[..])).collect();
        (0..count).fold(tar(), |tar, n| tar.pax(&records).raw(&file(&n.to_string(), b"")))
    };
    let image = |count, byte| Oci::of(&[&members(count, byte)]).archive();
    let compared = |count| archives(&image(count, 1), &image(count, 2));
    assert!(compared(4).is_ok());
    let e = compared(40).unwrap_err().to_string();
    assert!(e.contains("told in bounded memory"), "{e}");
}

#[test]
fn what_is_told_of_members_that_one_image_lacks_is_as_bounded() {
    // Shown, a name that is no UTF-8 is three times as long.
    let hostile = (0..9000_usize).fold(plain(), |tar, n| {
        let name = [n.to_string().as_bytes(), &[0xff_u8; 4000][..]].concat();
        tar.pax(&[("path", &name[..])]).raw(&file("x", b""))
    });
    let base = Oci::of(&[&plain()]).archive();
    let in_a_layer_more = Oci::of(&[&plain(), &hostile]).archive();
    let in_its_layer = Oci::of(&[&hostile]).archive();
    for other in [in_a_layer_more, in_its_layer] {
        let e = archives(&base, &other).unwrap_err();
        assert_eq!(e.side, Side::B);
        assert!(e.to_string().contains("told in bounded memory"), "{e}");
    }
}

#[test]
fn an_error_does_not_bring_the_control_characters_of_a_name() {
    let bad = tar().member(EntryType::new(b'V'), "v\u{1b}[2J", "", b"");
    let e = archives(&Oci::of(&[&plain()]).archive(), &Oci::of(&[&bad]).archive()).unwrap_err();
    assert!(e.to_string().contains(r": v\u{1b}[2J: "), "{e}");
}

#[test]
fn members_by_the_thousand_in_another_order() {
    let build = |order: &mut dyn Iterator<Item = u32>| {
        order.fold(tar(), |tar, n| tar.raw(&file(&format!("d/{n}"), &n.to_le_bytes())))
    };
    let found = tars(&build(&mut (0..3000)), &build(&mut (0..3000).rev()));
    assert_eq!(said(&found), [("", Cause::EntryOrder)]);
}

/// A zip archive with one stored member.
fn zip(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    // Version, flags, method, time, date, checksum, both lengths, length of the name, of further fields.
    let common = [&[20, 0, 0, 0, 0, 0, 1, 0, 2, 0][..], &[7; 4], &length, &length, &[1, 0, 0, 0]].concat();
    let local = [b"PK\x03\x04", common.as_slice(), b"a", content].concat();
    let central = [b"PK\x01\x02\x14\x03", common.as_slice(), &[0; 14], b"a"].concat();
    let at = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
    let end =
        [&b"PK\x05\x06\0\0\0\0\x01\0\x01\0"[..], &at(central.len()), &at(local.len()), &[0, 0]].concat();
    [local, central, end].concat()
}

/// One small file of each format that is looked into, with the name that it goes by.
fn formats() -> Vec<(&'static str, Vec<u8>)> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"built 2026-11-24T18:19:48Z\n").unwrap();
    let mut elf = b"\x7fELF\x02\x01".to_vec();
    elf.resize(64, 0);
    elf[32] = 64;
    elf[54] = 56;
    elf[56] = 1;
    let mut note = vec![0; 56];
    note[0] = 4;
    note[8] = 120;
    note[32] = 36;
    elf.extend(note);
    elf.extend(b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0");
    elf.extend([9; 20]);
    let mut sqlite = b"SQLite format 3\0".to_vec();
    sqlite.resize(512, 0);
    let pyc =
        b"\xa7\x0d\r\n\0\0\0\0\x01\x02\x03\x04\x05\0\0\0\xa9\x03\xfa\x02abr\x01\0\0\0>\x01\0\0\0N".to_vec();
    let ar = format!("!<arch>\n{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n12345678", "a.o/", 1, 0, 0, 644, 8);
    let tar = TarBuilder::new().file("a", b"1").symlink("b", "a").bytes();
    vec![
        ("m/__pycache__/m.cpython-311.pyc", pyc),
        ("x.gz", gzip.finish().unwrap()),
        ("x.so", elf),
        ("x.db", sqlite),
        ("x.a", ar.into_bytes()),
        ("x.zip", zip(b"some content")),
        ("x.tar", tar),
        ("s/p-1.dist-info/RECORD", b"\"a,b\",sha256=x,1\nc,,\n".to_vec()),
        ("var/lib/dpkg/status", b"Package: a\nVersion: 1\n\nPackage: b\nVersion: 1\n".to_vec()),
        ("etc/shadow", b"root:*:20000:0:99999:7:::\n".to_vec()),
        ("x.json", br#"{"a": [1, {"b": null}]}"#.to_vec()),
    ]
}

#[test]
fn the_formats_are_what_they_pass_for() {
    let formats = formats();
    let of = |name: &str| formats.iter().find(|(path, _)| *path == name).unwrap().1.clone();
    let with = |name: &str, at: usize| {
        let mut bytes = of(name);
        bytes[at] ^= 1;
        causes_of(name, &of(name), &bytes)
    };
    assert_eq!(with("m/__pycache__/m.cpython-311.pyc", 8), [Cause::PycMtime]);
    assert_eq!(with("x.so", 64 + 56 + 20), [Cause::ElfBuildId]);
    assert_eq!(with("x.db", 27), [Cause::SqliteCounters]);
    // The time in the directory of the archive.
    let directory = of("x.zip").len() - 22 - 47;
    assert_eq!(with("x.zip", directory + 12), [Cause::ZipTimes]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn damaged_files_are_looked_into_without_harm(
        which in 0..11_usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (path, good) = formats().swap_remove(which);
        let mut bad = good.clone();
        for (at, byte) in edits {
            let at = at.index(bad.len());
            bad[at] = byte;
        }
        if let Some(cut) = cut {
            bad.truncate(cut.index(bad.len()));
        }
        causes_of(path, &good, &bad);
        causes_of(path, &bad, &good);
        causes_of(path, &bad, &bad);
    }

    #[test]
    fn damaged_layers_are_an_error_or_a_result(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let good = tar().raw(&file("a", b"1")).pax(&[("mtime", b"5.5")]).symlink("b", "a").whiteout("c").hardlink("d", "a");
        let image = Oci::of(&[&good]);
        let mut other = image.clone();
        for (at, byte) in edits {
            let tar = &mut other.layers[0].0;
            let at = at.index(tar.len());
            tar[at] = byte;
        }
        if let Ok(comparison) = archives(&image.archive(), &other.archive()) {
            prop_assert_eq!(comparison.identical, comparison.differences.is_empty());
        }
    }
}
