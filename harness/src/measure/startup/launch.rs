//! One start of a container, to its first result and to its end.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bollard::Docker;
use bollard::container::LogOutput;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::timeout;
use tokio_stream::StreamExt as _;

use super::Seconds;
use super::marks::{ASK, FIRST, Mark, Marks};
use crate::engine::GpuAccess;
use crate::engine::containers::{Container, ContainerSpec, Logs, Mounts};
use crate::measure::answer::last_words;
use crate::scenario::Phase;

/// What is started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Launch<'a> {
    /// Where.
    pub(super) docker: &'a Docker,
    /// The run, whose label the container carries.
    pub(super) run: &'a str,
    /// The image's name.
    pub(super) image: &'a str,
    /// The program, which marks its phases.
    pub(super) command: &'a [String],
    /// What it sees of this machine.
    pub(super) mounts: &'a Mounts,
    /// Added to the image's environment.
    pub(super) env: &'a BTreeMap<String, String>,
    /// The volume that it may write to, and where it sees it.
    pub(super) volume: Option<(&'a str, &'a Path)>,
    /// How it gets at a GPU.
    pub(super) gpu: Option<GpuAccess>,
    /// How long it may take to its end.
    pub(super) limit: Duration,
}

impl Launch<'_> {
    /// Starts a container and hears its marks, which go into `seconds` also where it fails. It is removed, whatever came
    /// of it.
    pub(super) async fn go(&self, seconds: &mut Seconds) -> Result<Started> {
        let begun = Instant::now();
        let container = Container::create(self.docker, self.image, self.spec()).await?;
        seconds.insert(Phase::Create, begun.elapsed().as_secs_f64());
        let result = match timeout(self.limit, self.follow(&container, seconds)).await {
            Ok(result) => result,
            Err(_) => bail!("it did not end within {} s", self.limit.as_secs_f64()),
        };
        // What is left is found by its label.
        drop(container.remove().await);
        result
    }

    /// Starts a container and kills it in the middle of what it fetches, which is when `stalled` comes.
    pub(super) async fn kill_half_way(&self, stalled: impl Future<Output = ()>) -> Result<()> {
        let container = Container::create(self.docker, self.image, self.spec()).await?;
        container.begin().await?;
        let killed = async {
            tokio::select! {
                () = stalled => container.kill().await,
                code = container.wait() => {
                    let logs = container.logs().await.unwrap_or_default();
                    bail!(
                        "it ended with exit code {} before half of its weights were sent; its last lines:\n{}",
                        code?,
                        last_words(&logs)
                    )
                }
            }
        };
        let result = match timeout(self.limit, killed).await {
            Ok(result) => result,
            Err(_) => bail!("half of its weights were not sent within {} s", self.limit.as_secs_f64()),
        };
        drop(container.remove().await);
        result
    }

    fn spec(&self) -> ContainerSpec {
        let shell = ["/bin/sh", "-c", FIRST, "sh"].map(str::to_owned);
        let asked = (ASK.to_owned(), "1".to_owned());
        ContainerSpec {
            run: self.run.to_owned(),
            command: shell.into_iter().chain(self.command.iter().cloned()).collect(),
            env: self.env.clone().into_iter().chain([asked]).collect(),
            mounts: self.mounts.clone(),
            volume: self.volume.map(|(at, path)| (at.to_owned(), path.to_owned())),
            gpu: self.gpu,
            ..ContainerSpec::default()
        }
    }

    async fn follow(&self, container: &Container, seconds: &mut Seconds) -> Result<Started> {
        let mut output = container.output().await?;
        let asked = now();
        container.begin().await?;
        let (mut marks, mut first, mut answer) = (Marks::default(), None, Vec::new());
        let mut heard = Ok(());
        while let Some(piece) = output.next().await {
            match piece {
                Ok(LogOutput::StdErr { message }) => marks.take(&message),
                Ok(LogOutput::StdOut { message }) => answer.extend_from_slice(&message),
                Ok(_) => {}
                Err(error) => {
                    heard = Err(error);
                    break;
                }
            }
            if first.is_none() && marks.all.contains_key(&Phase::FirstResult) {
                first = Some(Instant::now());
            }
        }
        seconds.extend(marks.all.iter().map(|(phase, mark)| (*phase, mark.seconds())));
        if let Some(process) = marks.all.get(&Phase::Process) {
            seconds.insert(Phase::Start, Mark { begin: asked, end: process.begin }.seconds());
        }
        heard.context("the engine stopped telling what the container writes")?;
        let code = container.wait().await?;
        if code != 0 {
            let logs = Logs { stdout: Vec::new(), stderr: marks.other };
            bail!("it ended with exit code {code}; its last lines:\n{}", last_words(&logs));
        }
        let first_result = first.context("it ended without a first result: its program marks none")?;
        Ok(Started { first_result, answer })
    }
}

/// A start that came to its end.
#[derive(Debug)]
pub(super) struct Started {
    /// When its first result was seen from here.
    pub(super) first_result: Instant,
    /// What it wrote to standard output.
    pub(super) answer: Vec<u8>,
}

/// Nanoseconds of the clock that containers share with their host.
fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}
