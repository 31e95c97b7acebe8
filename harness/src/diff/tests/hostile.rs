//! Layers that nobody should write.

use tar::{EntryType, Header};

use super::super::{Cause, Side};
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
fn members_by_the_thousand_in_another_order() {
    let build = |order: &mut dyn Iterator<Item = u32>| {
        order.fold(tar(), |tar, n| tar.raw(&file(&format!("d/{n}"), &n.to_le_bytes())))
    };
    let found = tars(&build(&mut (0..3000)), &build(&mut (0..3000).rev()));
    assert_eq!(said(&found), [("", Cause::EntryOrder)]);
}
