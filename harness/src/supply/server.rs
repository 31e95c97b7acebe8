//! A small HTTP server on loopback, and the responses that all our servers give.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::backend::Outlet;
use super::latency;
use super::link::{Direction, Shaper};

/// What a response carries.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Answers the requests of one server.
pub(super) trait Handler: Send + Sync + 'static {
    /// The response to `request`. Errors are responses too.
    fn handle(&self, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;
}

/// Between the line and who answers.
const BUFFER: usize = 64 << 10;

/// A running server; it and its connections end when this is dropped.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on `preferred` on loopback, or on any port if that one is taken.
    ///
    /// The port gets into build arguments, and these into image history: a port that stays the same from
    /// run to run keeps them equal.
    pub(super) async fn start(preferred: u16, shaper: Shaper, handler: Arc<impl Handler>) -> Result<Self> {
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, preferred)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
            }
            bound => bound,
        }
        .context("cannot listen on loopback")?;
        let address = listener.local_addr()?;
        Ok(Self { address, task: tokio::spawn(accept(listener, shaper, handler)) })
    }

    /// `127.0.0.1:PORT`.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shaper: Shaper, handler: Arc<impl Handler>) {
    // Owned by this task, so that the connections end with it.
    let mut connections = JoinSet::new();
    loop {
        // A failed accept is a client that is gone already, or too many open files: both pass.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let latency = shaper.link().latency();
        connections.spawn(serve(stream, latency, Arc::clone(&handler)));
        while connections.try_join_next().is_some() {}
    }
}

/// Answers what comes over one connection; a request and the way back of its response take `latency` together.
async fn serve(stream: TcpStream, latency: Duration, handler: Arc<impl Handler>) {
    let service = hyper::service::service_fn(|request| {
        let handler = Arc::clone(&handler);
        async move { Ok::<_, Infallible>(handler.handle(request).await) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new());
    let (requests, responses) = stream.into_split();
    let (far, arrived) = tokio::io::simplex(BUFFER);
    let connection = http.serve_connection(TokioIo::new(tokio::io::join(far, responses)), service);
    // What breaks is the client's side of it: a cancelled build. When no more requests come, the last is still answered.
    tokio::select! {
        _ = connection => {}
        () = async { let _ = latency::carry(requests, arrived, latency).await; std::future::pending().await } => {}
    }
}

/// A response that is all there.
pub(super) fn full(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A short answer for a person who reads a log.
pub(super) fn text(status: StatusCode, message: impl Into<String>) -> Response<Body> {
    let mut message = message.into();
    message.push('\n');
    full(status, "text/plain; charset=utf-8", message)
}

/// `301` to a path on the same server.
pub(super) fn redirect(to: &str) -> Response<Body> {
    let mut response = text(StatusCode::MOVED_PERMANENTLY, format!("see {to}"));
    if let Ok(value) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// Small enough that parallel downloads take turns, large enough to cost little.
const CHUNK: usize = 64 << 10;

/// The bytes `span` of a file, read as they are sent and shaped on their way; counted by `outlet`, where there is one.
pub(super) fn file(
    file: Arc<File>,
    span: Range<u64>,
    shaper: Shaper,
    outlet: Option<Arc<Outlet>>,
) -> Response<Body> {
    let length = span.end.saturating_sub(span.start);
    let chunks = stream::unfold(span.start, move |offset| {
        let (file, shaper, outlet) = (Arc::clone(&file), shaper.clone(), outlet.clone());
        async move {
            if offset >= span.end {
                return None;
            }
            let size = CHUNK.min(usize::try_from(span.end - offset).unwrap_or(CHUNK));
            let read = async {
                let chunk = tokio::task::spawn_blocking(move || read_chunk(&file, offset, size)).await;
                let chunk = chunk.map_err(io::Error::other)??;
                if let Some(outlet) = outlet {
                    outlet.pass(size).await?;
                }
                shaper.pass(Direction::Down, size).await;
                Ok(chunk)
            };
            let chunk: io::Result<Bytes> = read.await;
            // An error ends the connection before the promised length, which every client notices.
            let next = if chunk.is_ok() { offset + size as u64 } else { span.end };
            Some((chunk.map(Frame::data), next))
        }
    });
    let mut response = Response::new(StreamBody::new(chunks).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    response
}

fn read_chunk(file: &File, offset: u64, size: usize) -> io::Result<Bytes> {
    let mut chunk = vec![0; size];
    file.read_exact_at(&mut chunk, offset)?;
    Ok(chunk.into())
}
