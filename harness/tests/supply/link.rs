//! The one place where a rate and a latency are asserted: they are ours.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use harness::supply::{Index, IndexFile, Link, Shaper};
use tempfile::TempDir;

const BYTES: u64 = 8 << 20;

/// Downloads a file; when the first byte of the response came, when the last, and how many.
fn download(url: &str) -> (Instant, Instant, u64) {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut chunk = vec![0; 1 << 16];
    let mut total = stream.read(&mut chunk).unwrap() as u64;
    let first = Instant::now();
    loop {
        match stream.read(&mut chunk).unwrap() {
            0 => return (first, Instant::now(), total),
            read => total += read as u64,
        }
    }
}

/// An index behind the link with one file of so many bytes, whose address is given.
async fn index(link: Link, bytes: u64) -> (Index, String, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("big-1-py3-none-any.whl");
    std::fs::write(&path, vec![7; bytes as usize]).unwrap();
    let file = IndexFile {
        name: "big".into(),
        version: "1".into(),
        file: "big-1-py3-none-any.whl".into(),
        sha256: "00".repeat(32),
        bytes,
        path,
    };
    let index = Index::start([("s".to_owned(), vec![file].into())].into(), Shaper::new(link)).await.unwrap();
    let url = format!(
        "{}files/{}/big-1-py3-none-any.whl",
        index.url("s").strip_suffix("simple/").unwrap(),
        "00".repeat(32)
    );
    (index, url, dir)
}

#[tokio::test(flavor = "multi_thread")]
async fn four_downloads_side_by_side_stay_within_five_percent_of_the_rate() {
    let link = Link::Mbit200;
    let (_index, url, _dir) = index(link, BYTES).await;

    let downloads: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            tokio::task::spawn_blocking(move || download(&url))
        })
        .collect();
    let mut ends = Vec::new();
    for done in downloads {
        ends.push(done.await.unwrap());
    }
    let first = ends.iter().map(|(first, ..)| *first).min().unwrap();
    let last = ends.iter().map(|(_, last, _)| *last).max().unwrap();
    let bytes: u64 = ends.iter().map(|(.., bytes)| bytes).sum();
    assert!(bytes >= 4 * BYTES, "all came whole");
    let rate = bytes as f64 * 8.0 / (last - first).as_secs_f64();
    let asked = link.bits_per_s().unwrap() as f64;
    assert!((rate / asked - 1.0).abs() < 0.05, "{:.1} Mbit/s instead of {:.0}", rate / 1e6, asked / 1e6);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_do_not_wait_for_each_other_are_charged_the_way_once() {
    const REQUESTS: u32 = 20;
    let link = Link::Mbit200;
    let (_index, url, _dir) = index(link, 10).await;
    let all_at_once = move || {
        let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        let ask =
            |connection| format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: {connection}\r\n\r\n");
        let requests = ask("keep-alive").repeat(REQUESTS as usize - 1) + &ask("close");
        let begun = Instant::now();
        stream.write_all(requests.as_bytes()).unwrap();
        let mut responses = String::new();
        stream.read_to_string(&mut responses).unwrap();
        (begun.elapsed(), responses.matches("HTTP/1.1 200").count())
    };
    let (took, answered) = tokio::task::spawn_blocking(all_at_once).await.unwrap();
    assert_eq!(answered, REQUESTS as usize);
    // Waiting for each response, as most clients do, it would be 20 times as long.
    assert!(link.latency() <= took && took < link.latency() * REQUESTS / 2, "{took:?}");
}
