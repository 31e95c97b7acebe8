//! One build, for scripts that measure the client from outside: a process each, as `docker buildx build` is.
//!
//! ```text
//! build_once SOCKET CONTEXT IMAGE [--oci FILE | --nothing] [--no-cache] [--key KEY] [--from NAME=SOURCE]… [--history] [--quiet]
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use harness::engine::Address;
use harness::engine::buildkit::{BuildKit, BuildOutcome, BuildRequest, Context, Export};
use harness::scenario::Compression;

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut next = |what: &str| args.next().with_context(|| format!("{what} is missing"));
    let (socket, root, image) = (next("SOCKET")?, PathBuf::from(next("CONTEXT")?), next("IMAGE")?);
    let mut request = BuildRequest {
        dockerfile: root.join("Dockerfile"),
        shared_key: root.display().to_string(),
        context: Context { root, ..Context::default() },
        build_args: BTreeMap::new(),
        named_contexts: BTreeMap::new(),
        secrets: BTreeMap::new(),
        cache_mount_namespace: String::new(),
        no_cache: false,
        export: Export::Store { name: image },
        compression: Compression::Gzip,
        timeout: Duration::from_secs(3600),
        history: false,
        cache_from: None,
        progress: None,
    };
    let mut quiet = false;
    while let Ok(option) = next("option") {
        match option.as_str() {
            "--oci" => {
                let sink = Box::new(File::create(next("FILE")?)?);
                request.build_args.insert("SOURCE_DATE_EPOCH".to_owned(), "1".to_owned());
                request.export = Export::Oci { rewrite_timestamp: true, sink };
            }
            "--nothing" => request.export = Export::Nothing,
            "--no-cache" => request.no_cache = true,
            "--key" => request.shared_key = next("KEY")?,
            "--quiet" => quiet = true,
            "--history" => request.history = true,
            "--from" => {
                let pair = next("NAME=SOURCE")?;
                let (name, source) = pair.split_once('=').context("NAME=SOURCE is wanted")?;
                request.named_contexts.insert(name.to_owned(), source.to_owned());
            }
            other => bail!("unknown option {other}"),
        }
    }
    let address = Address::Unix(Path::new(&socket).to_owned());
    let outcome = BuildKit::connect(&address).await?.build(request).await?;
    if !quiet {
        print(&outcome);
    }
    Ok(())
}

fn print(outcome: &BuildOutcome) {
    for vertex in &outcome.vertexes {
        let took =
            vertex.completed.zip(vertex.started).and_then(|(end, start)| end.duration_since(start).ok());
        let flag = if vertex.cached { "CACHED" } else { "" };
        println!("{:>9.3} {flag:6} {}", took.unwrap_or_default().as_secs_f64(), vertex.name);
        for (part, ..) in &vertex.parts {
            println!("{:17} {part}", "");
        }
    }
    println!("wall_s {:.3}", outcome.wall.as_secs_f64());
    println!("overhead_s {:.3}", outcome.overhead().as_secs_f64());
    println!("peak_rss_kib {}", peak_rss_kib());
    println!("context_bytes {}", outcome.context_bytes);
    for (key, value) in &outcome.exporter {
        println!("{key} {value}");
    }
}

/// The most memory that this process has had, in KiB.
fn peak_rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}
