//! What the BuildKit client costs, against bounds: time beside `docker buildx build`, memory with a large context.
//!
//! ```text
//! cargo build --release --examples && sudo target/release/examples/client_cost [PAIRS]
//! ```
//!
//! Brings up a managed engine of its own and unpacks Docker's client from the same archive. Both clients
//! rebuild a fully cached two-stage image into the engine's store, like for like: kept in the engine's history,
//! provenance off, the host's network, a new process each, in alternating order. The overhead is that of a build as
//! `bench` measures it, without the history. Then one build copies a file of 4 GiB.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use harness::cache::Cache;
use harness::debian::{Archive, Suite, Unpacked};
use harness::engine::{Address, Choice, Data, Engine, Home};

const BASE: &str = "localhost:1/tare-cost/busybox:1";
const LARGE: u64 = 4 << 30;

const BASE_DOCKERFILE: &str = "\
FROM scratch
COPY busybox /bin/busybox
RUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]
";

/// As small as a real Dockerfile of two stages is.
const DOCKERFILE: &str = "\
FROM base AS builder
WORKDIR /build
COPY requirements.txt ./
RUN cat requirements.txt > installed
COPY src ./src
RUN cat src/* > program
FROM base
WORKDIR /app
COPY --from=builder /build/program ./
COPY src ./src
RUN ls -l > listing
CMD [\"/app/program\"]
";

fn main() -> Result<()> {
    let pairs = std::env::args().nth(1).map_or(Ok(10), |text| text.parse::<usize>())?;
    let dir = tempfile::tempdir()?;
    let home = Home { engine: dir.path().join("engine"), debian: Cache::open()?.room("debian")? };
    fs::create_dir(&home.engine)?;
    let archive = Archive::open(&home.debian)?;
    let client = archive.unpack(&Suite::Named("testing".to_owned()), &["docker-cli", "docker-buildx"])?;
    let busybox = archive.unpack(&Suite::Own, &["busybox-static"])?.program("busybox")?;
    let runtime = tokio::runtime::Runtime::new()?;
    let note = |line: &str| eprintln!("{line}");
    let engine = runtime.block_on(Engine::open(&home, &Choice::Managed, Data::Wipe, &note))?;
    let result = measure(&engine, &client, &busybox, dir.path(), pairs);
    runtime.block_on(engine.down(Data::Wipe))?;
    result
}

fn measure(engine: &Engine, client: &Unpacked, busybox: &Path, dir: &Path, pairs: usize) -> Result<()> {
    let clients = Clients::new(engine.address(), client, dir)?;
    let base = context(dir, "base", BASE_DOCKERFILE)?;
    fs::copy(busybox, base.join("busybox"))?;
    run(&mut clients.ours(&base, BASE))?;
    time(&clients, dir, pairs)?;
    memory(&clients, dir)
}

/// Fully cached rebuilds, in pairs.
fn time(clients: &Clients, dir: &Path, pairs: usize) -> Result<()> {
    let small = context(dir, "small", DOCKERFILE)?;
    fs::create_dir(small.join("src"))?;
    for name in ["requirements.txt", "src/main.py", "src/model.py", ".dockerignore"] {
        fs::write(small.join(name), name)?;
    }
    let (mut ratios, mut overheads) = (Vec::new(), Vec::new());
    println!("{:>4} {:>8} {:>8} {:>6} {:>10}", "pair", "ours_s", "buildx_s", "ratio", "overhead_s");
    for pair in 0..=pairs {
        let ours = || clients.ours(&small, "docker.io/library/tare-cost:ours");
        let (mut like, mut theirs) = (0.0, 0.0);
        for turn in [pair % 2, (pair + 1) % 2] {
            if turn == 0 {
                like = timed(ours().arg("--history"))?.0;
            } else {
                theirs = timed(&mut clients.buildx(&small, "tare-cost:buildx")?)?.0;
            }
        }
        // The first pair fills the cache.
        if pair > 0 {
            let overhead = field(&run(&mut ours())?, "overhead_s")?;
            println!("{pair:>4} {like:>8.3} {theirs:>8.3} {:>6.2} {overhead:>10.3}", like / theirs);
            ratios.push(like / theirs);
            overheads.push(overhead);
        }
    }
    println!("median ratio {:.2} (bound 0.45)", median(ratios));
    println!("median overhead inside a build {:.1} ms (bound 50)", median(overheads) * 1000.0);
    Ok(())
}

/// A build that copies a large file.
fn memory(clients: &Clients, dir: &Path) -> Result<()> {
    let large = context(dir, "large", "FROM base\nCOPY weights /weights\n")?;
    File::create(large.join("weights"))?.set_len(LARGE)?;
    let mut build = clients.ours(&large, "unused");
    let (seconds, text) = timed(build.arg("--nothing"))?;
    ensure!(field(&text, "context_bytes")? as u64 == LARGE, "the file was not sent: {text}");
    let peak = field(&text, "peak_rss_kib")? / 1024.0;
    println!("{} GiB in the context, sent in {seconds:.1} s: peak {peak:.1} MiB (bound 100)", LARGE >> 30);
    Ok(())
}

struct Clients<'a> {
    socket: PathBuf,
    docker: &'a Unpacked,
    config: PathBuf,
    build_once: PathBuf,
}

impl<'a> Clients<'a> {
    fn new(address: &Address, docker: &'a Unpacked, dir: &Path) -> Result<Self> {
        let Address::Unix(socket) = address else { anyhow::bail!("a managed engine listens on a socket") };
        let config = dir.join("docker-config");
        fs::create_dir(&config)?;
        let plugins = docker.root.join("usr/libexec/docker/cli-plugins");
        fs::write(
            config.join("config.json"),
            serde_json::json!({ "cliPluginsExtraDirs": [plugins] }).to_string(),
        )?;
        let build_once = std::env::current_exe()?.with_file_name("build_once");
        ensure!(build_once.exists(), "build it first: cargo build --release --examples");
        Ok(Self { socket: socket.clone(), docker, config, build_once })
    }

    fn ours(&self, context: &Path, image: &str) -> Command {
        let mut command = Command::new(&self.build_once);
        command.arg(&self.socket).arg(context).arg(image);
        command.arg("--from").arg(format!("base=docker-image://{BASE}"));
        command
    }

    fn buildx(&self, context: &Path, image: &str) -> Result<Command> {
        let mut command = self.docker.command("docker")?;
        command.env("DOCKER_CONFIG", &self.config);
        command.env("DOCKER_HOST", format!("unix://{}", self.socket.display()));
        command.args(["buildx", "build", "--load", "--quiet", "--provenance=false", "--network=host"]);
        command.args(["--allow=network.host", &format!("--build-context=base=docker-image://{BASE}")]);
        command.args(["--tag", image]).arg(context);
        Ok(command)
    }
}

fn context(dir: &Path, name: &str, dockerfile: &str) -> Result<PathBuf> {
    let context = dir.join(name);
    fs::create_dir(&context)?;
    fs::write(context.join("Dockerfile"), dockerfile)?;
    Ok(context)
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{:?} failed: {said}", command.get_program());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn timed(command: &mut Command) -> Result<(f64, String)> {
    let begun = Instant::now();
    let text = run(command)?;
    Ok((begun.elapsed().as_secs_f64(), text))
}

/// The figure that `build_once` prints under `name`.
fn field(text: &str, name: &str) -> Result<f64> {
    let found = text.lines().find_map(|line| line.strip_prefix(name));
    Ok(found.with_context(|| format!("no {name} in {text}"))?.trim().parse()?)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}
