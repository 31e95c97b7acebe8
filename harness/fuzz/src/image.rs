//! Images as archives: put together from layers, and changed so that what names a blob still does.

use harness::oci::Digest;
use serde_json::{Value, json};

use crate::members::{self, Member};
use crate::packing::Packing;
use crate::rng::Rng;
use crate::{layer, scramble};

/// A blob can be named by one that is named by another: layer, configuration, manifest, index, index of indexes.
const DEPTH: usize = 6;

/// An OCI archive whose only layers are these, as `(blob, digest of its tar)`.
pub fn archive(layers: &[(&[u8], Digest)]) -> Vec<u8> {
    let descriptor = |kind: &str, bytes: &[u8]| {
        let kind = format!("application/vnd.oci.image.{kind}");
        json!({"mediaType": kind, "digest": Digest::of(bytes).to_string(), "size": bytes.len()})
    };
    let diff_ids: Vec<String> = layers.iter().map(|(_, tar)| tar.to_string()).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let config = config.to_string().into_bytes();
    let named: Vec<Value> = layers.iter().map(|(blob, _)| descriptor("layer.v1.tar", blob)).collect();
    let manifest =
        json!({"schemaVersion": 2, "config": descriptor("config.v1+json", &config), "layers": named});
    let manifest = manifest.to_string().into_bytes();
    let index = json!({"schemaVersion": 2, "manifests": [descriptor("manifest.v1+json", &manifest)]});
    let path = |bytes: &[u8]| format!("blobs/sha256/{}", Digest::of(bytes).hex());
    let mut files: Vec<Member> =
        layers.iter().map(|(blob, _)| Member::file(&path(blob), blob.to_vec())).collect();
    files.push(Member::file(&path(&config), config));
    files.push(Member::file(&path(&manifest), manifest));
    files.push(Member::file("index.json", index.to_string().into_bytes()));
    members::join(&files, &[0; 1024], true)
}

/// Changes an archive: mostly one of its files, of which the others then have the right digest and length.
pub fn mutate(archive: &[u8], rng: &mut Rng, room: usize) -> Vec<u8> {
    if rng.once_in(8) {
        return members::mutate(archive, rng, room);
    }
    let (mut files, rest) = members::split(archive);
    if files.is_empty() {
        return scramble(archive, room);
    }
    let at = rng.below(files.len());
    let was = files[at].content.clone();
    let is_layer = Packing::of(&was) != Packing::Plain || was.get(257..262) == Some(b"ustar");
    files[at].content = if is_layer { layer::mutate(&was, rng, room) } else { scramble(&was, room) };
    // Now and then something must not fit.
    if !rng.once_in(16) {
        let tar = |bytes: &[u8]| Digest::of(&Packing::of(bytes).unpack(bytes));
        let now = files[at].content.clone();
        if is_layer {
            rewrite(&mut files, at, tar(&was), tar(&now), None);
        }
        rewrite(&mut files, at, Digest::of(&was), Digest::of(&now), Some(now.len()));
        rename(&mut files);
    }
    members::join(&files, &rest, true)
}

/// Names every blob after its content, and says so wherever it is named.
fn rename(files: &mut [Member]) {
    for _ in 0..DEPTH {
        let mut done = true;
        for at in 0..files.len() {
            let name = files[at].name();
            let Some(was) = digest_in(&name) else { continue };
            let now = Digest::of(&files[at].content);
            if was != now {
                files[at].rename(&name.replace(&was.hex(), &now.hex()));
                let length = files[at].content.len();
                rewrite(files, at, was, now, Some(length));
                done = false;
            }
        }
        if done {
            return;
        }
    }
}

/// The digest by which a file is named: of a layout, or a configuration in a docker archive.
fn digest_in(name: &str) -> Option<Digest> {
    let hex = name.strip_prefix("blobs/sha256/").or_else(|| name.strip_suffix(".json"))?;
    format!("sha256:{hex}").parse().ok()
}

/// Puts one digest in the place of another in all documents but the one at `but`, with its length where that is told.
fn rewrite(files: &mut [Member], but: usize, was: Digest, now: Digest, length: Option<usize>) {
    let (was, now) = (was.hex(), now.hex());
    for file in files.iter_mut().enumerate().filter(|(at, _)| *at != but).map(|(_, file)| file) {
        let Ok(text) = std::str::from_utf8(&file.content) else { continue };
        if !text.contains(&was) {
            continue;
        }
        let text = text.replace(&was, &now);
        file.content = match (serde_json::from_str::<Value>(&text), length) {
            (Ok(mut value), Some(length)) => {
                resize(&mut value, &now, length);
                value.to_string().into_bytes()
            }
            _ => text.into_bytes(),
        };
    }
}

fn resize(value: &mut Value, hex: &str, length: usize) {
    match value {
        Value::Object(fields) => {
            if fields.get("digest").and_then(Value::as_str).is_some_and(|digest| digest.ends_with(hex)) {
                fields.insert("size".to_owned(), length.into());
            }
            fields.values_mut().for_each(|value| resize(value, hex, length));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| resize(value, hex, length)),
        _ => {}
    }
}
