//! A caching proxy on loopback for the apt of builds.
//!
//! A build that installs packages would otherwise measure the internet, and two builds of a run could
//! see two states of an archive. Builds find it by the predefined build argument `http_proxy`, which
//! is no part of the cache key.

mod store;
mod upstream;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use super::link::Shaper;
use super::mirror::Mirror;
use super::server::{self, Body, Handler, Server};
use crate::cache::Cache;
use crate::debian::Source;

use store::Store;
use upstream::FetchError;

/// Where the proxy listens if it can.
const PREFERRED_PORT: u16 = 17732;

/// A running proxy.
#[derive(Debug)]
pub struct AptProxy {
    server: Server,
    proxy: Arc<Proxy>,
}

impl AptProxy {
    /// Proxies the mirrors of `sources` that are reached by HTTP or HTTPS, and the archives that the images'
    /// own apt names.
    ///
    /// # Errors
    /// If the cache cannot be written or no port of loopback can be listened on.
    pub async fn start(cache: &Cache, sources: &[Source], shaper: Shaper) -> Result<Self> {
        let mut mirrors: Vec<Mirror> = sources.iter().filter_map(Mirror::of).collect();
        mirrors.dedup();
        let store = Store::new(cache.room("apt")?);
        let proxy = Arc::new(Proxy { mirrors, store, shaper, refused: Mutex::default() });
        let server = Server::start(PREFERRED_PORT, proxy.shaper.clone(), Arc::clone(&proxy)).await?;
        Ok(Self { server, proxy })
    }

    /// What `http_proxy` is.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Fixes the state of the archive for this run, before anything is timed.
    pub async fn snapshot(&self, sources: &[Source]) {
        let urls: BTreeSet<String> = sources
            .iter()
            .filter_map(|source| {
                Some(format!("{}dists/{}/InRelease", Mirror::of(source)?.upstream, source.release))
            })
            .collect();
        // A source that fails fails in the build too, where apt says so.
        futures_util::future::join_all(urls.iter().map(|url| self.proxy.store.get(url))).await;
    }

    /// How many files were fetched from a mirror so far. A timed build during which it grew measured
    /// the mirror as well.
    pub fn fetched(&self) -> u64 {
        self.proxy.store.fetched()
    }

    /// Every request that was refused, as `METHOD URL`: there is none unless something other than apt
    /// uses the proxy.
    pub fn refused(&self) -> Vec<String> {
        self.proxy.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Debug)]
struct Proxy {
    mirrors: Vec<Mirror>,
    store: Store,
    shaper: Shaper,
    refused: Mutex<Vec<String>>,
}

impl Handler for Proxy {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let Some(url) = self.upstream_of(&request) else {
            let asked = format!("{} {}", request.method(), request.uri());
            self.refused.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
            return server::text(
                StatusCode::FORBIDDEN,
                "this proxy serves apt alone: files below dists/ or pool/ of an archive",
            );
        };
        match self.store.get(&url).await {
            Ok(cached) => server::file(cached.file, 0..cached.bytes, self.shaper.clone(), None),
            Err(FetchError::Absent) => server::text(StatusCode::NOT_FOUND, "the mirror has no such file"),
            Err(FetchError::Failed(said)) => server::text(StatusCode::BAD_GATEWAY, said),
        }
    }
}

impl Proxy {
    fn upstream_of(&self, request: &Request<Incoming>) -> Option<String> {
        let uri = request.uri();
        if request.method() != Method::GET || uri.scheme_str() != Some("http") || uri.query().is_some() {
            return None;
        }
        let (authority, path) = (uri.authority()?.as_str(), uri.path());
        let mirrored = self.mirrors.iter().find_map(|mirror| mirror.upstream_of(authority, path));
        mirrored.or_else(|| of_an_archive(authority, path))
    }
}

/// A file of an archive that this machine does not use itself: images of a registry name their own.
fn of_an_archive(authority: &str, path: &str) -> Option<String> {
    let mut parts = path.split('/');
    let is_apts = parts.clone().any(|part| matches!(part, "dists" | "pool"));
    (is_apts && parts.all(|part| part != "..")).then(|| format!("http://{authority}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archives_of_other_images_are_apts_too() {
        for path in
            ["/debian/dists/bookworm/InRelease", "/ubuntu/pool/main/g/gcc.deb", "/dists/stable/Release"]
        {
            let url = of_an_archive("archive.example:8080", path);
            assert_eq!(url, Some(format!("http://archive.example:8080{path}")));
        }
        for path in ["/model.bin", "/simple/numpy/", "/carpool/x", "/debian/pool/../../private"] {
            assert_eq!(of_an_archive("archive.example", path), None, "{path}");
        }
    }
}
