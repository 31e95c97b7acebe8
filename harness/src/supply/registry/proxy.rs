//! What stands before the registry: the link's rate, and a count of every body.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result};
use futures_util::stream;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::Moved;
use crate::supply::link::{Direction, Shaper};
use crate::supply::server::{self, Body, Handler};

/// Bytes that went through.
#[derive(Debug, Default)]
pub(super) struct Counter {
    up: AtomicU64,
    down: AtomicU64,
    layers: Mutex<Option<(Instant, Instant)>>,
}

impl Counter {
    pub(super) fn read(&self) -> Moved {
        Moved { up: self.up.load(Ordering::Relaxed), down: self.down.load(Ordering::Relaxed) }
    }

    /// When the first and the last piece of a blob had left since this was last asked.
    pub(super) fn take_times(&self) -> Option<(Instant, Instant)> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn sent_of_a_blob(&self) {
        let (mut layers, now) = (self.layers.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        *layers = Some((layers.map_or(now, |(first, _)| first), now));
    }

    fn add(&self, direction: Direction, bytes: usize) {
        let counter = match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        };
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Passes everything on to the registry's socket.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) socket: PathBuf,
    pub(super) moved: Arc<Counter>,
    pub(super) shaper: Shaper,
}

impl Handler for Proxy {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        match self.pass_on(request).await {
            Ok(response) => response,
            Err(error) => server::text(StatusCode::BAD_GATEWAY, format!("{error:#}")),
        }
    }
}

impl Proxy {
    async fn pass_on(&self, request: Request<Incoming>) -> Result<Response<Body>> {
        let (mut parts, body) = request.into_parts();
        parts.uri = target(&parts)?;
        keep_end_to_end(&mut parts.headers);
        let stream = UnixStream::connect(&self.socket).await.context("the registry is gone")?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the response's body, which may outlive this call.
        tokio::spawn(connection);
        let blob = parts.method == Method::GET && parts.uri.path().contains("/blobs/");
        let body = self.shaped(body, Direction::Up, false);
        let response = sender.send_request(Request::from_parts(parts, body)).await;
        let (mut parts, body) = response.context("the registry did not answer")?.into_parts();
        keep_end_to_end(&mut parts.headers);
        Ok(Response::from_parts(parts, self.shaped(body, Direction::Down, blob)))
    }

    fn shaped(&self, body: Incoming, direction: Direction, blob: bool) -> Body {
        // Without a body none must appear: a chunked one would be an empty upload.
        if body.is_end_stream() {
            return Empty::new().map_err(|never| match never {}).boxed_unsync();
        }
        let (moved, shaper) = (Arc::clone(&self.moved), self.shaper.clone());
        let frames = stream::unfold(body, move |mut body| {
            let (moved, shaper) = (Arc::clone(&moved), shaper.clone());
            async move {
                loop {
                    let frame = match body.frame().await? {
                        Ok(frame) => frame,
                        Err(error) => return Some((Err(io::Error::other(error)), body)),
                    };
                    // Trailers are no part of any blob.
                    let Ok(data) = frame.into_data() else { continue };
                    moved.add(direction, data.len());
                    shaper.pass(direction, data.len()).await;
                    if blob {
                        moved.sent_of_a_blob();
                    }
                    return Some((Ok(Frame::data(data)), body));
                }
            }
        });
        StreamBody::new(frames).boxed_unsync()
    }
}

/// The path and query alone, without the offer to take a blob over from another repository: what one image
/// pushed would cost the other nothing, and each is to be measured as if it were alone.
fn target(parts: &Parts) -> Result<Uri> {
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let begins_upload = parts.method == Method::POST && path.contains("/blobs/uploads");
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter(|pair| !(begins_upload && (pair.starts_with("mount=") || pair.starts_with("from="))))
        .collect();
    let text = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
    text.parse().with_context(|| format!("{text} is no path"))
}

/// Removes what concerns one connection alone.
fn keep_end_to_end(headers: &mut HeaderMap) {
    for name in [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        header::EXPECT,
    ] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target_of(method: Method, uri: &str) -> String {
        let request = Request::builder().method(method).uri(uri).body(()).unwrap();
        target(&request.into_parts().0).unwrap().to_string()
    }

    #[test]
    fn no_repository_takes_a_blob_from_another() {
        let uploads = "/v2/a/b/blobs/uploads/";
        assert_eq!(target_of(Method::POST, &format!("{uploads}?mount=sha256:ab&from=c")), uploads);
        let whole = format!("{uploads}?digest=sha256:ab");
        assert_eq!(target_of(Method::POST, &format!("{whole}&from=c")), whole);
        assert_eq!(target_of(Method::GET, "/v2/a/tags/list?n=5&from=c"), "/v2/a/tags/list?n=5&from=c");
    }
}
