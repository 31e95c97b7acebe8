//! Images of several layers: what is paired, what is read, what has moved.

use super::super::{Cause, Kind};
use super::rig::{Oci, archives, causes, file, images, said};
use crate::oci::Digest;
use crate::oci::testing::TarBuilder;
use serde_json::json;

fn tar() -> TarBuilder {
    TarBuilder::new()
}

#[test]
fn an_image_is_identical_with_itself_and_nothing_is_read() {
    let mut image = Oci::of(&[&tar().raw(&file("a", b"1")), &tar().raw(&file("b", b"2"))]);
    image.without = Some(0);
    let comparison = images(&image, &image);
    assert!(comparison.identical && comparison.differences.is_empty());
}

#[test]
fn a_layer_that_both_have_is_never_read() {
    let base = tar().raw(&file("a", b"1"));
    let mut one = Oci::of(&[&base, &tar().raw(&file("b", b"2"))]);
    let mut other = Oci::of(&[&base, &tar().raw(&file("b", b"3"))]);
    (one.without, other.without) = (Some(0), Some(0));
    assert_eq!(said(&images(&one, &other).differences), [("/b", Cause::Unknown)]);
    assert_eq!(images(&one, &other).differences[0].layer, Some(2));
}

#[test]
fn what_is_too_long_to_be_looked_into_says_so() {
    let mut long = vec![0; 50 << 20];
    let one = Oci::of(&[&tar().raw(&file("lib.so", &long))]);
    long[7] = 1;
    let other = Oci::of(&[&tar().raw(&file("lib.so", &long))]);
    let comparison = images(&one, &other);
    assert_eq!(said(&comparison.differences), [("/lib.so", Cause::Unknown)]);
    assert_eq!(comparison.differences[0].a, "52428800 bytes, too many to look into");
}

#[test]
fn a_layer_that_differs_and_is_missing_is_an_error_that_names_it_and_whose_it_is() {
    let mut other = Oci::of(&[&tar().raw(&file("b", b"3"))]);
    other.without = Some(0);
    let e = archives(&Oci::of(&[&tar().raw(&file("b", b"2"))]).archive(), &other.archive()).unwrap_err();
    assert_eq!(e.side, super::super::Side::B);
    assert!(e.to_string().contains("has no layer sha256:"), "{e}");
}

#[test]
fn a_layer_more_is_told_entry_by_entry() {
    let (base, top) = (tar().raw(&file("a", b"1")), tar().raw(&file("t", b"2")));
    let one = Oci::of(&[&base, &top]);
    let mut other = Oci::of(&[&base, &tar().raw(&file("x", b"9")).raw(&file("var/log/x", b"")), &top]);
    other.layers[2].2 = "RUN step 1".to_owned();
    let comparison = images(&one, &other);
    let layer_2: Vec<_> = comparison.differences.iter().filter(|d| d.layer == Some(2)).cloned().collect();
    assert_eq!(
        said(&layer_2),
        [("", Cause::ExtraLayer), ("/var/log/x", Cause::LogFile), ("/x", Cause::ExtraLayer)]
    );
    assert!(layer_2.iter().all(|difference| difference.kind == Kind::Added));
}

#[test]
fn a_file_in_another_layer_has_moved() {
    let (x, y) = (file("x", b"1"), file("y", b"2"));
    let one = Oci::of(&[&tar().raw(&x).raw(&y), &tar().raw(&file("z", b"3"))]);
    let other = Oci::of(&[&tar().raw(&x), &tar().raw(&y).raw(&file("z", b"3"))]);
    let found = images(&one, &other).differences;
    assert_eq!(said(&found), [("/y", Cause::LayerBoundaries), ("/y", Cause::LayerBoundaries)]);
    let other = Oci::of(&[&tar().raw(&x), &tar().raw(&file("y", b"4")).raw(&file("z", b"3"))]);
    let found = images(&one, &other).differences;
    assert_eq!(
        causes(&found).into_iter().collect::<Vec<_>>(),
        [Cause::Unknown],
        "another content did not move"
    );
}

#[test]
fn a_package_in_another_layer_is_no_other_version() {
    let record = |rows: &str| file("s/p-1.dist-info/RECORD", rows.as_bytes());
    let (one, other) = (record("p.py,sha256=x,1\n"), record("p.py,sha256=y,1\n"));
    let a = Oci::of(&[&tar().raw(&file("x", b"1")).raw(&one), &tar().raw(&file("z", b"3"))]);
    let b = Oci::of(&[&tar().raw(&file("x", b"1")), &tar().raw(&file("z", b"3")).raw(&other)]);
    let found = images(&a, &b).differences;
    assert_eq!(causes(&found).into_iter().collect::<Vec<_>>(), [Cause::Unknown]);
}

#[test]
fn what_a_copy_brings_in_is_called_so_unless_it_is_known_better() {
    let image = |service: &[u8], log: &[u8]| {
        let mut image =
            Oci::of(&[&tar().raw(&file("app/s.py", service)).raw(&file("var/log/dpkg.log", log))]);
        image.layers[0].2 = "COPY . / # buildkit".to_owned();
        image
    };
    let found = images(&image(b"one", b"1"), &image(b"two", b"2")).differences;
    assert_eq!(said(&found), [("/app/s.py", Cause::CopiedContent), ("/var/log/dpkg.log", Cause::DpkgLog)]);
}

#[test]
fn a_large_file_is_looked_into_by_a_second_look() {
    let content = |time: &str| {
        let mut bytes = vec![0_u8; 3 << 20];
        bytes[2 << 20..(2 << 20) + time.len()].copy_from_slice(time.as_bytes());
        bytes
    };
    let (a, b) = (content("Nov 24 2026 18:19:48"), content("Nov 24 2026 18:19:49"));
    let (one, other) = (tar().raw(&file("x.so", &a)), tar().raw(&file("x.so", &b)));
    let found = images(&Oci::of(&[&one]), &Oci::of(&[&other])).differences;
    assert_eq!(said(&found), [("/x.so", Cause::EmbeddedTime)]);
    // The members before it do not shift which is meant.
    let (one, other) = (
        tar().raw(&file("m", b"")).raw(&file("x.so", &a)),
        tar().raw(&file("x.so", &b)).raw(&file("m", b"")),
    );
    let found = images(&Oci::of(&[&one]), &Oci::of(&[&other])).differences;
    assert_eq!(causes(&found).into_iter().collect::<Vec<_>>(), [Cause::EntryOrder, Cause::EmbeddedTime]);
}

#[test]
fn a_layout_and_a_docker_archive_of_one_image_are_identical() {
    let layer = tar().raw(&file("a", b"1")).bytes();
    let diff_ids = [Digest::of(&layer).to_string()];
    let config =
        json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let config = config.to_string().into_bytes();
    let manifest = json!([{"Config": "c.json", "Layers": ["l.tar"]}]).to_string();
    let saved =
        tar().file("c.json", &config).file("l.tar", &layer).file("manifest.json", manifest.as_bytes());
    let blob = crate::oci::testing::pack(&layer, crate::oci::testing::Packed::Zstd);
    let named = |kind: &str, bytes: &[u8]| crate::oci::testing::descriptor(kind, bytes);
    let manifest = json!({
        "schemaVersion": 2,
        "config": named("image.config.v1+json", &config),
        "layers": [named("image.layer.v1.tar+zstd", &blob)],
    })
    .to_string()
    .into_bytes();
    let index =
        json!({"schemaVersion": 2, "manifests": [named("image.manifest.v1+json", &manifest)]}).to_string();
    let path = |bytes: &[u8]| format!("blobs/sha256/{}", Digest::of(bytes).hex());
    let layout = tar()
        .file(&path(&blob), &blob)
        .file(&path(&config), &config)
        .file(&path(&manifest), &manifest)
        .file("index.json", index.as_bytes());
    let comparison = archives(&saved.bytes(), &layout.bytes()).unwrap();
    assert!(comparison.identical && comparison.differences.is_empty(), "{comparison:?}");
}
