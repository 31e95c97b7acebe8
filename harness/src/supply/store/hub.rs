//! The routes of the Hugging Face Hub from which its client downloads a model: what a repository is, what files it has,
//! and the files themselves, from any byte on.
//!
//! Written from what `huggingface_hub` asks for. A repository has one revision, whatever it is called, and every file
//! is a large one (LFS), whose entity tag is its SHA-256. There is no Xet storage: the client then takes plain HTTP.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Holdings, Store};
use crate::hex::hex;
use crate::scenario::StoreKind;
use crate::supply::backend::Outlet;
use crate::supply::link::Shaper;
use crate::supply::server::{self, Body, Handler, Server};
use crate::supply::wheels;

/// Where it listens if it can.
const PREFERRED_PORT: u16 = 17735;

/// Whom the repositories belong to.
const OWNER: &str = "tare";

pub(super) async fn start(holdings: Holdings, shaper: Shaper) -> Result<Store> {
    let read = tokio::task::spawn_blocking(move || {
        let repositories = holdings.into_iter().map(|(name, files)| Ok((name, Repository::of(files)?)));
        repositories.collect::<Result<BTreeMap<_, _>>>()
    });
    let repositories = read.await.context("reading what the Hub is to serve was cut short")??;
    let outlet = Arc::<Outlet>::default();
    let hub = Hub { repositories, outlet: Arc::clone(&outlet), shaper: shaper.clone() };
    let server = Server::start(PREFERRED_PORT, shaper, Arc::new(hub)).await?;
    Ok(Store { kind: StoreKind::Hub, server, outlet, _behind: None })
}

struct Hub {
    repositories: BTreeMap<String, Repository>,
    outlet: Arc<Outlet>,
    shaper: Shaper,
}

struct Repository {
    /// Of its one revision.
    commit: String,
    files: BTreeMap<String, Blob>,
}

#[derive(Debug, Clone)]
struct Blob {
    path: PathBuf,
    bytes: u64,
    sha256: String,
}

impl Repository {
    /// Reads all files once, for their hashes. The revision follows from them.
    fn of(stored: Vec<super::Stored>) -> Result<Self> {
        let mut files = BTreeMap::new();
        let mut all = Sha256::new();
        for file in stored {
            let sha256 = hash(&file.path)?;
            all.update(format!("{} {sha256}\n", file.name));
            files.insert(file.name, Blob { path: file.path, bytes: file.bytes, sha256 });
        }
        // As long as a commit's.
        Ok(Self { commit: hex(&all.finalize()[..20]), files })
    }

    fn info(&self, name: &str) -> serde_json::Value {
        let siblings: Vec<_> = self.files.keys().map(|file| json!({ "rfilename": file })).collect();
        let id = format!("{OWNER}/{name}");
        json!({
            "_id": self.commit[..24], "id": id, "modelId": id, "sha": self.commit, "private": false, "gated": false,
            "disabled": false, "tags": [], "downloads": 0, "likes": 0, "siblings": siblings,
        })
    }

    fn tree(&self) -> serde_json::Value {
        let entry = |(path, blob): (&String, &Blob)| {
            let lfs = json!({ "oid": blob.sha256, "size": blob.bytes, "pointerSize": 135 });
            json!({ "type": "file", "oid": blob.sha256[..40], "size": blob.bytes, "path": path, "lfs": lfs })
        };
        self.files.iter().map(entry).collect()
    }
}

fn hash(path: &Path) -> Result<String> {
    let (sha256, _) = wheels::hash(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(sha256)
}

/// What a path asks for.
enum Asked<'a> {
    Document(serde_json::Value),
    File(&'a Repository, &'a Blob),
    Nothing,
}

impl Hub {
    fn asked(&self, path: &str) -> Asked<'_> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let repository = |owner: &str, name: &str| (owner == OWNER).then(|| self.repositories.get(name))?;
        match parts[..] {
            ["api", "models", owner, name] | ["api", "models", owner, name, "revision", _] => {
                repository(owner, name).map_or(Asked::Nothing, |found| Asked::Document(found.info(name)))
            }
            ["api", "models", owner, name, "tree", _] => {
                repository(owner, name).map_or(Asked::Nothing, |found| Asked::Document(found.tree()))
            }
            [owner, name, "resolve", _, ref file @ ..] => {
                let found = repository(owner, name);
                let blob = found.and_then(|found| Some((found, found.files.get(&file.join("/"))?)));
                blob.map_or(Asked::Nothing, |(repository, blob)| Asked::File(repository, blob))
            }
            _ => Asked::Nothing,
        }
    }
}

impl Handler for Hub {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return server::text(StatusCode::METHOD_NOT_ALLOWED, "this Hub is read only");
        }
        let path = request.uri().path();
        match self.asked(path) {
            Asked::Document(document) => {
                let text = document.to_string();
                match self.outlet.pass(text.len()).await {
                    Ok(()) => server::full(StatusCode::OK, "application/json", text),
                    Err(error) => server::text(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
                }
            }
            Asked::File(repository, blob) => {
                let range = request.headers().get(header::RANGE).and_then(|range| range.to_str().ok());
                self.file(repository, blob, range).await
            }
            Asked::Nothing => {
                let mut response = server::text(StatusCode::NOT_FOUND, format!("there is no {path}"));
                // The client tells an unknown file from an unknown repository by this word.
                let code = HeaderValue::from_static("EntryNotFound");
                response.headers_mut().insert(HeaderName::from_static("x-error-code"), code);
                response
            }
        }
    }
}

impl Hub {
    async fn file(&self, repository: &Repository, blob: &Blob, range: Option<&str>) -> Response<Body> {
        let first = range.and_then(first_byte).unwrap_or(0);
        if first > blob.bytes {
            return server::text(StatusCode::RANGE_NOT_SATISFIABLE, format!("it has {} bytes", blob.bytes));
        }
        let path = blob.path.clone();
        let Ok(Ok(open)) = tokio::task::spawn_blocking(move || File::open(path)).await else {
            return server::text(StatusCode::INTERNAL_SERVER_ERROR, "the weights are gone: run again");
        };
        let outlet = Some(Arc::clone(&self.outlet));
        let mut response = server::file(Arc::new(open), first..blob.bytes, self.shaper.clone(), outlet);
        if range.is_some() {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        let tag = format!("\"{}\"", blob.sha256);
        let content = format!("bytes {first}-{}/{}", blob.bytes.saturating_sub(1), blob.bytes);
        let mut headers = vec![
            (header::ETAG, tag.clone()),
            (header::ACCEPT_RANGES, "bytes".to_owned()),
            (HeaderName::from_static("x-repo-commit"), repository.commit.clone()),
            (HeaderName::from_static("x-linked-etag"), tag),
            (HeaderName::from_static("x-linked-size"), blob.bytes.to_string()),
        ];
        if range.is_some() {
            headers.push((header::CONTENT_RANGE, content));
        }
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// Of `bytes=FIRST-`: a download that goes on.
fn first_byte(range: &str) -> Option<u64> {
    range.strip_prefix("bytes=")?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub() -> (tempfile::TempDir, Hub) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "content").unwrap();
        let stored = super::super::Stored { name: "a.safetensors".to_owned(), path, bytes: 7 };
        let repositories = [("m".to_owned(), Repository::of(vec![stored]).unwrap())].into();
        let hub = Hub { repositories, outlet: Arc::default(), shaper: Shaper::new(Default::default()) };
        (dir, hub)
    }

    #[test]
    fn a_client_finds_what_there_is_and_nothing_else() {
        let (_dir, hub) = hub();
        let Asked::Document(info) = hub.asked("/api/models/tare/m/revision/main") else { panic!() };
        let Asked::Document(tree) = hub.asked("/api/models/tare/m/tree/main") else { panic!() };
        assert_eq!(info["siblings"][0]["rfilename"], "a.safetensors");
        assert_eq!((&tree[0]["path"], &tree[0]["lfs"]["size"]), (&json!("a.safetensors"), &json!(7)));
        assert_eq!(info["sha"].as_str().unwrap().len(), 40);
        assert!(
            matches!(hub.asked("/tare/m/resolve/main/a.safetensors"), Asked::File(_, blob) if blob.bytes == 7)
        );
        for path in
            ["/tare/m/resolve/main/b", "/else/m/resolve/main/a.safetensors", "/api/models/tare/n", "/"]
        {
            assert!(matches!(hub.asked(path), Asked::Nothing), "{path}");
        }
    }

    #[test]
    fn a_download_goes_on_where_it_stopped() {
        assert_eq!(first_byte("bytes=5-"), Some(5));
        assert_eq!(first_byte("bytes=5-9"), Some(5));
        assert_eq!(first_byte("bytes=-5"), None);
        assert_eq!(first_byte("lines=5-"), None);
    }
}
