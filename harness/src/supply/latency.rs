//! A line that takes its time, without being slower for it: what is sent while something else is on its way arrives
//! that much later too, and not one latency after it. A client that asks for ten files without waiting for each, as apt
//! does, is charged the way once.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

const CHUNK: usize = 16 << 10;

/// How many chunks may be on their way: a gigabit in 2 ms and 200 Mbit in 20 ms are less than half of it.
const IN_FLIGHT: usize = 64;

/// Carries what comes from `near` to `far`, each byte `takes` after it came; ends with `near`.
///
/// # Errors
/// Either end broke.
pub(super) async fn carry(
    mut near: impl AsyncRead + Unpin,
    mut far: impl AsyncWrite + Unpin,
    takes: Duration,
) -> io::Result<()> {
    let (line, mut arrivals) = mpsc::channel::<(Instant, Bytes)>(IN_FLIGHT);
    let leave = async move {
        loop {
            let mut chunk = BytesMut::with_capacity(CHUNK);
            if near.read_buf(&mut chunk).await? == 0 || line.send(arriving(takes, chunk)).await.is_err() {
                return Ok(());
            }
        }
    };
    let arrive = async move {
        while let Some((at, chunk)) = arrivals.recv().await {
            sleep_until(at).await;
            far.write_all(&chunk).await?;
        }
        far.shutdown().await
    };
    tokio::try_join!(leave, arrive).map(|_| ())
}

fn arriving(takes: Duration, chunk: BytesMut) -> (Instant, Bytes) {
    (Instant::now() + takes, chunk.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAKES: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn what_is_sent_while_something_is_on_its_way_takes_no_longer() {
        let (mut client, near) = tokio::io::duplex(64);
        let (far, mut server) = tokio::io::duplex(64);
        let line = tokio::spawn(carry(near, far, TAKES));
        let mut sent = Vec::new();
        let begun = Instant::now();
        for n in 0..10 {
            client.write_all(&[n]).await.unwrap();
            sent.push(n);
            tokio::time::sleep(TAKES / 20).await;
        }
        drop(client);
        let mut came = Vec::new();
        server.read_to_end(&mut came).await.unwrap();
        let took = begun.elapsed();
        assert_eq!(came, sent, "all of it, in order");
        // The last one leaves after half of the way's time; one after the other they would take ten times it.
        assert!(TAKES < took && took < TAKES * 5, "{took:?}");
        line.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn more_than_may_be_on_its_way_waits_and_is_not_lost() {
        let sent: Vec<u8> = (0..(3 * IN_FLIGHT * CHUNK)).map(|n| (n % 251) as u8).collect();
        let (far, mut server) = tokio::io::duplex(64 << 10);
        let line = tokio::spawn(carry(io::Cursor::new(sent.clone()), far, Duration::from_millis(2)));
        let mut came = Vec::new();
        server.read_to_end(&mut came).await.unwrap();
        assert!(came == sent, "{} bytes of {}", came.len(), sent.len());
        line.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_far_end_that_is_gone_ends_it() {
        let (far, server) = tokio::io::duplex(64);
        drop(server);
        let error = carry(io::Cursor::new([1; 10]), far, Duration::ZERO).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
