//! Images on disk as engines write them, and as nobody should.

use serde_json::json;

use super::*;
use crate::oci::testing::{Packed, Parts, TarBuilder, descriptor, pack};

fn tars() -> Vec<Vec<u8>> {
    vec![TarBuilder::new().dir("usr").file("usr/a", b"a").bytes(), TarBuilder::new().file("b", b"b").bytes()]
}

/// An image, and the file that it is read from.
#[derive(Debug)]
struct Opened(Stored, #[expect(dead_code, reason = "keeps the file")] tempfile::NamedTempFile);

impl std::ops::Deref for Opened {
    type Target = Stored;

    fn deref(&self) -> &Stored {
        &self.0
    }
}

fn open(bytes: &[u8]) -> Result<Opened, OciError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    Ok(Opened(Stored::open(file.path())?, file))
}

/// A docker archive: configuration, layers at these places, and what lies there.
fn saved(config: &[u8], layers: &[&str], members: TarBuilder) -> Vec<u8> {
    let name = format!("{}.json", Digest::of(config).hex());
    let manifest = json!([{"Config": name, "RepoTags": ["a:1"], "Layers": layers}]).to_string();
    members.file(&name, config).file("manifest.json", manifest.as_bytes()).bytes()
}

fn config(tars: &[Vec<u8>]) -> Vec<u8> {
    let diff_ids: Vec<String> = tars.iter().map(|tar| Digest::of(tar).to_string()).collect();
    json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}})
        .to_string()
        .into_bytes()
}

fn read(stored: &Stored, place: usize) -> Result<Vec<u8>, OciError> {
    stored.read_layer(place, |tar| {
        let mut bytes = Vec::new();
        tar.read_to_end(&mut bytes)?;
        Ok(bytes)
    })
}

#[test]
fn a_layout_and_a_docker_archive_give_the_same_tars() {
    let tars = tars();
    for packed in [Packed::Gzip, Packed::Zstd, Packed::Plain] {
        let stored = open(&Parts::new(&tars, packed).archive()).unwrap();
        assert_eq!([read(&stored, 0).unwrap(), read(&stored, 1).unwrap()].as_slice(), tars, "{packed:?}");
        let members = TarBuilder::new()
            .file("one/layer.tar", &pack(&tars[0], packed))
            .file("x/real.tar", &tars[1])
            .symlink("two/layer.tar", "../x/real.tar");
        let stored = open(&saved(&config(&tars), &["one/layer.tar", "two/layer.tar"], members)).unwrap();
        assert_eq!([read(&stored, 0).unwrap(), read(&stored, 1).unwrap()].as_slice(), tars, "{packed:?}");
        assert!(stored.manifest.is_none());
    }
}

#[test]
fn no_layer_is_read_before_it_is_asked_for_and_a_missing_one_is_named() {
    let mut parts = Parts::new(&tars(), Packed::Gzip);
    let name = parts.0.remove(0).0;
    let stored = open(&parts.archive()).unwrap();
    assert!(read(&stored, 1).is_ok());
    let e = read(&stored, 0).unwrap_err().to_string();
    assert!(e.contains("has no layer") && e.contains(&name[13..]), "{e}");
}

#[test]
fn a_foreign_layer_that_is_not_there_is_called_so() {
    let tar = &tars()[0];
    let blob = pack(tar, Packed::Gzip);
    let layers = vec![descriptor("image.layer.nondistributable.v1.tar+gzip", &blob)];
    let mut parts = Parts::saying(vec![blob], layers, vec![Digest::of(tar)]);
    parts.0.remove(0);
    let e = read(&open(&parts.archive()).unwrap(), 0).unwrap_err().to_string();
    assert!(e.contains("foreign layer"), "{e}");
}

#[test]
fn a_layer_that_is_not_what_its_name_says_is_named_as_such() {
    let tars = tars();
    let mut parts = Parts::new(&tars, Packed::Gzip);
    let last = parts.0[0].1.len() - 1;
    parts.0[0].1[last] ^= 1;
    let e = read(&open(&parts.archive()).unwrap(), 0).unwrap_err();
    assert!(matches!(e, OciError::DigestMismatch { .. }), "{e}");
    for packed in [Packed::Plain, Packed::Gzip] {
        let other = TarBuilder::new().file("other", b"x").bytes();
        let members = TarBuilder::new().file("l", &pack(&other, packed));
        let e = read(&open(&saved(&config(&tars[..1]), &["l"], members)).unwrap(), 0).unwrap_err();
        assert!(matches!(e, OciError::DiffIdMismatch { .. }), "{e}");
    }
}

#[test]
fn what_is_no_image_is_refused_with_the_remedy() {
    let two = TarBuilder::new().file(
        "manifest.json",
        br#"[{"Config":"a","RepoTags":["x:1"],"Layers":[]},{"Config":"b","Layers":[]}]"#,
    );
    let looped =
        TarBuilder::new().symlink("c", "c").file("manifest.json", br#"[{"Config":"c","Layers":[]}]"#);
    let mut cut = Parts::new(&tars(), Packed::Gzip).archive();
    cut.truncate(cut.len() - 2000);
    for (bytes, word) in [
        (TarBuilder::new().file("readme", b"").bytes(), "docker save"),
        (pack(&tars()[0], Packed::Gzip), "gzip -dc"),
        (pack(&tars()[0], Packed::Zstd), "zstd -dc"),
        (two.bytes(), "2 images (x:1, b)"),
        (looped.bytes(), "leads nowhere"),
        (cut, "ends in the middle"),
        (
            TarBuilder::new().file("blobs/sha256/x", &[1; 5000]).bytes()[..3000].to_vec(),
            "archive ends before",
        ),
        (b"no tar at all, but long enough for one block".repeat(20), "checksum"),
        (TarBuilder::new().file("index.json", b"{").bytes(), "index.json is not valid"),
    ] {
        let e = open(&bytes).unwrap_err().to_string();
        assert!(e.contains(word), "{word}: {e}");
    }
}

#[test]
fn a_docker_archive_in_a_directory_leads_to_no_file_outside() {
    let dir = tempfile::tempdir().unwrap();
    let tars = tars();
    let inside = dir.path().join("image");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(dir.path().join("secret"), &tars[0]).unwrap();
    let text = config(&tars[..1]);
    let manifest = json!([{"Config": "config.json", "Layers": ["../secret"]}]).to_string();
    std::fs::write(inside.join("config.json"), text).unwrap();
    std::fs::write(inside.join("manifest.json"), manifest).unwrap();
    let stored = Stored::open(&inside).unwrap();
    assert!(matches!(read(&stored, 0), Err(OciError::Missing { .. })));
}

#[test]
fn an_image_of_more_layers_than_any_engine_stacks_is_refused() {
    let tar = TarBuilder::new().bytes();
    for (count, refused) in [(1024, false), (1025, true)] {
        let layers = vec!["l"; count];
        let archive = saved(&config(&vec![tar.clone(); count]), &layers, TarBuilder::new().file("l", &tar));
        match open(&archive) {
            Ok(stored) => assert!(!refused && stored.layers.len() == count),
            Err(e) => assert!(refused && e.to_string().contains("1024 are the limit"), "{e}"),
        }
    }
}
