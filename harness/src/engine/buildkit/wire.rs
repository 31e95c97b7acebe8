//! The way into the engine: an HTTP/1.1 request on the engine's socket that is upgraded to h2c.
//!
//! `/grpc` then carries BuildKit's control API, with us as the client; on `/session` the roles are
//! swapped, and BuildKit calls us.

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use http_body_util::Empty;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::engine::Address;

/// Opens a connection of its own to the engine and upgrades it at `path`.
///
/// # Errors
/// The engine does not listen, or is none that offers BuildKit (Docker Engine 18.09 or newer does).
pub(super) async fn upgrade(
    address: &Address,
    path: &'static str,
    headers: Vec<(HeaderName, HeaderValue)>,
) -> Result<Upgraded> {
    match address {
        Address::Unix(socket) => {
            let stream = UnixStream::connect(socket)
                .await
                .with_context(|| format!("no engine listens at {address}: start it, or check the address"))?;
            upgrade_on(stream, path, headers).await
        }
        Address::Tcp(host) => {
            let stream = TcpStream::connect(host)
                .await
                .with_context(|| format!("no engine listens at {address}: start it, or check the address"))?;
            // Requests are small and wait for their answers: holding them back costs 40 ms each.
            stream.set_nodelay(true)?;
            upgrade_on(stream, path, headers).await
        }
    }
}

async fn upgrade_on<S>(
    stream: S,
    path: &'static str,
    headers: Vec<(HeaderName, HeaderValue)>,
) -> Result<Upgraded>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Drives the connection until it is upgraded; ends with it.
    tokio::spawn(connection.with_upgrades());
    let mut request = Request::post(path)
        .header(header::HOST, "docker")
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "h2c")
        .body(Empty::<Bytes>::new())?;
    for (name, value) in headers {
        request.headers_mut().append(name, value);
    }
    let response = sender.send_request(request).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        bail!("the engine answered {} to POST {path}: it offers no BuildKit", response.status());
    }
    Ok(hyper::upgrade::on(response).await?)
}
