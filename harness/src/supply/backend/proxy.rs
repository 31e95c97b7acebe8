//! What stands before a server program: the link's rate, and a count of every body.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result};
use futures_util::stream;
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::Outlet;
use crate::supply::link::{Direction, Shaper};
use crate::supply::server::{self, Body, Handler};

/// Bytes of bodies that went through.
#[derive(Debug, Default)]
pub(in crate::supply) struct Counter {
    up: AtomicU64,
    /// From the program.
    pub(in crate::supply) down: Arc<Outlet>,
    timed: Mutex<Option<(Instant, Instant)>>,
}

impl Counter {
    /// To the program.
    pub(in crate::supply) fn up(&self) -> u64 {
        self.up.load(Ordering::Relaxed)
    }

    /// When the first and the last piece of a response that [`Routes::timed`] names had left since this was last asked.
    pub(in crate::supply) fn take_times(&self) -> Option<(Instant, Instant)> {
        self.timed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn sent_of_a_timed_one(&self) {
        let (mut times, now) = (self.timed.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        *times = Some((times.map_or(now, |(first, _)| first), now));
    }

    async fn add(&self, direction: Direction, bytes: usize) -> io::Result<()> {
        match direction {
            Direction::Up => {
                self.up.fetch_add(bytes as u64, Ordering::Relaxed);
                Ok(())
            }
            Direction::Down => self.down.pass(bytes).await,
        }
    }
}

/// What is particular to a program's requests.
#[derive(Debug, Clone, Copy)]
pub(in crate::supply) struct Routes {
    /// What the program is, for errors.
    pub(in crate::supply) name: &'static str,
    /// The path and query that the program is asked for.
    pub(in crate::supply) target: fn(&Parts) -> String,
    /// Whether the times of this response's body are kept.
    pub(in crate::supply) timed: fn(&Parts) -> bool,
}

/// Passes everything on to the program's socket.
#[derive(Debug)]
pub(in crate::supply) struct Proxy {
    pub(in crate::supply) routes: Routes,
    pub(in crate::supply) socket: PathBuf,
    pub(in crate::supply) moved: Arc<Counter>,
    pub(in crate::supply) shaper: Shaper,
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
        let Routes { name, target, timed } = self.routes;
        let target = target(&parts);
        parts.uri = target.parse().with_context(|| format!("{target} is no path"))?;
        keep_end_to_end(&mut parts.headers);
        let stream =
            UnixStream::connect(&self.socket).await.with_context(|| format!("the {name} is gone"))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the response's body, which may outlive this call.
        tokio::spawn(connection);
        let timed = timed(&parts);
        let body = self.shaped(body, Direction::Up, false);
        let response = sender.send_request(Request::from_parts(parts, body)).await;
        let (mut parts, body) = response.with_context(|| format!("the {name} did not answer"))?.into_parts();
        keep_end_to_end(&mut parts.headers);
        Ok(Response::from_parts(parts, self.shaped(body, Direction::Down, timed)))
    }

    fn shaped(&self, body: Incoming, direction: Direction, timed: bool) -> Body {
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
                    if let Err(error) = moved.add(direction, data.len()).await {
                        return Some((Err(error), body));
                    }
                    shaper.pass(direction, data.len()).await;
                    if timed {
                        moved.sent_of_a_timed_one();
                    }
                    return Some((Ok(Frame::data(data)), body));
                }
            }
        });
        StreamBody::new(frames).boxed_unsync()
    }
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
