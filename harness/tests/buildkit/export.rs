//! What becomes of the result.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use harness::engine::buildkit::{BuildError, BuildOutcome, BuildRequest, Export};

use crate::support::{Engine, dir, engine, request, token};

/// A sink that can be read afterwards.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn export(engine: &Engine, mut ask: BuildRequest) -> (BuildOutcome, Vec<u8>) {
    let sink = Memory::default();
    ask.export = Export::Oci { rewrite_timestamp: true, sink: Box::new(sink.clone()) };
    ask.build_args.insert("SOURCE_DATE_EPOCH".to_owned(), "1000000000".to_owned());
    let outcome = engine.kit.build(ask).await.unwrap();
    let archive = sink.0.lock().unwrap().clone();
    (outcome, archive)
}

#[tokio::test]
async fn two_clean_builds_export_the_same_bytes() {
    let engine = engine().await;
    let files = dir(&[
        ("Dockerfile", "FROM base\nCOPY f /f\nRUN mkdir /made && date -I > /made/day\n"),
        ("f", &token()),
    ]);
    let clean = || {
        let mut ask = request(&files);
        ask.no_cache = true;
        ask
    };
    let (first, archive) = export(&engine, clean()).await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let (second, again) = export(&engine, clean()).await;
    assert!(archive == again, "{} and {} bytes differ", archive.len(), again.len());
    assert_eq!(first.exporter["containerimage.digest"], second.exporter["containerimage.digest"]);

    let mut entries = tar::Archive::new(archive.as_slice());
    let mut found = BTreeMap::new();
    for entry in entries.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let mut text = Vec::new();
        io::Read::read_to_end(&mut entry, &mut text).unwrap();
        found.insert(path, text);
    }
    let digest = first.exporter["containerimage.digest"].replace("sha256:", "blobs/sha256/");
    let manifest: serde_json::Value = serde_json::from_slice(&found[&digest]).unwrap();
    assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
}

#[tokio::test]
async fn the_store_has_what_the_digest_names() {
    let engine = engine().await;
    let files = dir(&[("Dockerfile", &format!("FROM base\nLABEL t={}\n", token()))]);
    let name = format!("localhost:1/tare-test/store:{}", token());
    let mut ask = request(&files);
    ask.export = Export::Store { name: name.clone() };
    let outcome = engine.kit.build(ask).await.unwrap();
    let image = engine.docker.inspect_image(&name).await.unwrap();
    assert_eq!(image.id.as_deref(), Some(outcome.exporter["containerimage.digest"].as_str()));
    engine
        .docker
        .remove_image(&name, None::<bollard::query_parameters::RemoveImageOptions>, None)
        .await
        .unwrap();
}

struct FullDisk;

impl Write for FullDisk {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_sink_that_is_full_is_an_error_not_a_short_archive() {
    let engine = engine().await;
    let files = dir(&[("Dockerfile", "FROM base\n")]);
    let mut ask = request(&files);
    ask.export = Export::Oci { rewrite_timestamp: false, sink: Box::new(FullDisk) };
    let error = engine.kit.build(ask).await.unwrap_err();
    assert!(matches!(&error, BuildError::Failed { message, .. } if message.contains("written")), "{error}");
}

/// BuildKit drops a session that does not answer for its health after some 10 s, without a word: the export fails.
#[tokio::test]
async fn a_session_outlives_a_long_step() {
    let engine = engine().await;
    let files = dir(&[("Dockerfile", &format!("FROM base\nRUN sleep 20 && echo {}\n", token()))]);
    let (_, archive) = export(&engine, request(&files)).await;
    assert!(!archive.is_empty());
}
