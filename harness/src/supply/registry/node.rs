//! A node that pulls: it fetches what it lacks and checks it, and keeps nothing but the names.
//!
//! The engine that built an image has its layers already, in its cache, so it cannot show what a pull moves. What
//! a node does beyond this, unpacking, takes the same whoever serves the layers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;

use crate::hex::hex;

/// Layers fetched side by side, as engines do unless told otherwise.
const AT_ONCE: usize = 3;

/// A node, with nothing at first.
#[derive(Debug, Clone, Default)]
pub struct Node {
    has: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Manifest {
    config: Blob,
    layers: Vec<Blob>,
}

#[derive(Deserialize)]
struct Blob {
    digest: String,
    size: u64,
}

const MANIFESTS: &str =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

impl Node {
    /// Fetches the image `repository:tag` as far as the node does not have it.
    pub(super) async fn pull(&mut self, registry: SocketAddr, repository: &str, tag: &str) -> Result<()> {
        let manifest = manifest(registry, repository, tag).await?;
        let digests = manifest.layers.into_iter().chain([manifest.config]).map(|blob| blob.digest);
        let lacking: BTreeSet<String> = digests.filter(|digest| !self.has.contains(digest)).collect();
        let mut fetching = stream::iter(&lacking)
            .map(|digest| fetch(registry, repository, digest))
            .buffer_unordered(AT_ONCE);
        while let Some(fetched) = fetching.next().await {
            fetched?;
        }
        drop(fetching);
        self.has.extend(lacking);
        Ok(())
    }
}

/// Bytes of an image's blobs, each digest once.
pub(super) async fn image_bytes(registry: SocketAddr, repository: &str, tag: &str) -> Result<u64> {
    let manifest = manifest(registry, repository, tag).await?;
    let blobs = manifest.layers.into_iter().chain([manifest.config]).map(|blob| (blob.digest, blob.size));
    Ok(blobs.collect::<BTreeMap<String, u64>>().into_values().sum())
}

async fn manifest(registry: SocketAddr, repository: &str, tag: &str) -> Result<Manifest> {
    let path = format!("/v2/{repository}/manifests/{tag}");
    let body = get(registry, &path).await?.into_body().collect().await;
    let text = body.with_context(|| format!("{path} was cut short"))?.to_bytes();
    serde_json::from_slice(&text).with_context(|| format!("{path} is no image's manifest"))
}

async fn fetch(registry: SocketAddr, repository: &str, digest: &str) -> Result<()> {
    let path = format!("/v2/{repository}/blobs/{digest}");
    let mut body = get(registry, &path).await?.into_body();
    let mut sum = Sha256::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.with_context(|| format!("{path} was cut short"))?;
        if let Some(data) = frame.data_ref() {
            sum.update(data);
        }
    }
    let found = format!("sha256:{}", hex(&sum.finalize()));
    ensure!(found == digest, "{path} holds {found}");
    Ok(())
}

async fn get(registry: SocketAddr, path: &str) -> Result<Response<Incoming>> {
    let stream = TcpStream::connect(registry).await.context("the registry does not listen")?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the response's body.
    tokio::spawn(connection);
    let request = Request::get(path)
        .header(header::HOST, registry.to_string())
        .header(header::ACCEPT, MANIFESTS)
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await.with_context(|| format!("no answer to {path}"))?;
    match response.status() {
        StatusCode::OK => Ok(response),
        status => bail!("{path}: the registry answers {status}"),
    }
}
