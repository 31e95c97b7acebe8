//! One file on our loopback, under a name that nobody can guess.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Serves until dropped.
pub(super) struct Loopback {
    url: String,
    asked: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Loopback {
    pub(super) async fn serve() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let nonce = format!("{:032x}", rand::random::<u128>());
        let url = format!("http://{}/{nonce}", listener.local_addr()?);
        let asked = Arc::new(AtomicBool::new(false));
        let flag = asked.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // One that hangs up early is no loss: it comes again, or the build fails.
                if answer(stream, &nonce).await.unwrap_or(false) {
                    flag.store(true, Ordering::Relaxed);
                }
            }
        });
        Ok(Self { url, asked, task })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers one request; whether it asked for the nonce.
async fn answer(mut stream: TcpStream, nonce: &str) -> io::Result<bool> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < 16 << 10 {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(false);
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.split_ascii_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let known = path.strip_prefix('/') == Some(nonce);
    let (status, body) = if known { ("200 OK", nonce) } else { ("404 Not Found", "") };
    let length = body.len();
    let mut reply = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    if method != "HEAD" {
        reply.push_str(body);
    }
    stream.write_all(reply.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(known)
}
