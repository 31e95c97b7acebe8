//! Running containers from the images that were built.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptions, KillContainerOptionsBuilder, LogsOptionsBuilder,
    RemoveContainerOptionsBuilder, StopContainerOptionsBuilder, WaitContainerOptions,
};
use tokio::runtime::Handle;
use tokio_stream::{Stream, StreamExt as _};

use super::{GpuAccess, LABEL};

/// What to run, beside the image.
#[derive(Debug, Clone, Default)]
pub struct ContainerSpec {
    /// The run that it belongs to.
    pub run: String,
    /// Instead of the image's command; empty keeps the image's.
    pub command: Vec<String>,
    /// Added to the image's.
    pub env: BTreeMap<String, String>,
    /// Beside [`LABEL`].
    pub labels: BTreeMap<String, String>,
    /// Files and folders of this machine that it sees, read-only, by their absolute path in it.
    pub mounts: Mounts,
    /// A folder of this machine that it may write to, and the absolute path at which it sees it.
    pub volume: Option<(String, PathBuf)>,
    /// Whether the image's files cannot be written over; `/tmp` can, in memory, as read-only deployments
    /// have it.
    pub read_only: bool,
    /// How it gets at all GPUs of the machine; none are asked for otherwise.
    pub gpu: Option<GpuAccess>,
}

/// Absolute path in a container → what of this machine it sees there.
pub type Mounts = BTreeMap<String, PathBuf>;

/// What a container wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logs {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

/// A started container, on the host's network and without a terminal. Removed when dropped, though then
/// nobody waits for it: call [`Container::remove`] where that matters.
#[derive(Debug)]
pub struct Container {
    docker: Docker,
    id: Option<String>,
}

impl Container {
    /// Creates and starts a container.
    ///
    /// # Errors
    /// There is no such image, or its command cannot be started.
    pub async fn start(docker: &Docker, image: &str, spec: ContainerSpec) -> Result<Self> {
        let container = Self::create(docker, image, spec).await?;
        container.begin().await.with_context(|| format!("cannot start a container from {image}"))?;
        Ok(container)
    }

    /// Creates a container, to be started with [`begin`](Self::begin).
    ///
    /// # Errors
    /// There is no such image, or the engine is gone.
    pub async fn create(docker: &Docker, image: &str, spec: ContainerSpec) -> Result<Self> {
        let mut labels: HashMap<_, _> = spec.labels.into_iter().collect();
        labels.insert(LABEL.to_owned(), spec.run);
        let tmp = HashMap::from([("/tmp".to_owned(), String::new())]);
        let host = HostConfig {
            network_mode: Some("host".to_owned()),
            mounts: mounts(spec.mounts, spec.volume),
            readonly_rootfs: Some(spec.read_only),
            tmpfs: spec.read_only.then_some(tmp),
            device_requests: spec.gpu.map(|gpu| vec![gpu.request()]),
            ..HostConfig::default()
        };
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            cmd: (!spec.command.is_empty()).then_some(spec.command),
            env: Some(spec.env.into_iter().map(|(key, value)| format!("{key}={value}")).collect()),
            labels: Some(labels),
            tty: Some(false),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        };
        let created = docker
            .create_container(None::<CreateContainerOptions>, body)
            .await
            .with_context(|| format!("cannot create a container from {image}"))?;
        // From here on it is removed, also if it does not start.
        Ok(Self { docker: docker.clone(), id: Some(created.id) })
    }

    /// Starts it; once more after it has ended, with all that it wrote in place.
    ///
    /// # Errors
    /// Its command cannot be started, or the engine is gone.
    pub async fn begin(&self) -> Result<()> {
        self.docker.start_container(self.id(), None).await.context("the container does not start")
    }

    /// Ends it at once, with all that runs in it, as a node that loses its power does.
    ///
    /// # Errors
    /// It does not run, or the engine is gone.
    pub async fn kill(&self) -> Result<()> {
        let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
        self.docker.kill_container(self.id(), Some(options)).await.context("cannot kill a container")
    }

    /// How long its last start ran: from the process being started to its end, by the engine's own clock.
    ///
    /// # Errors
    /// It was not started or has not ended, or the engine is gone.
    pub async fn ran(&self) -> Result<Duration> {
        let seen =
            self.docker.inspect_container(self.id(), None).await.context("cannot look at a container")?;
        let state = seen.state.context("the engine tells no state of a container")?;
        let time = |text: Option<String>| -> Result<jiff::Timestamp> {
            let text = text.context("the engine tells no times of a container")?;
            text.parse().with_context(|| format!("the engine gives the time {text:?}"))
        };
        let (started, finished) = (time(state.started_at)?, time(state.finished_at)?);
        match Duration::try_from(finished.duration_since(started)) {
            Ok(ran) if state.running != Some(true) => Ok(ran),
            _ => bail!("a container from {started} has not ended"),
        }
    }

    /// The engine's id.
    pub fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    /// Waits for its end; gives the exit code.
    ///
    /// # Errors
    /// The engine is gone, or the container was removed by somebody else.
    pub async fn wait(&self) -> Result<i64> {
        let mut ends = self.docker.wait_container(self.id(), None::<WaitContainerOptions>);
        match ends.next().await {
            Some(Ok(end)) => Ok(end.status_code),
            // The client makes an error of every code but 0.
            Some(Err(Error::DockerContainerWaitError { code, error })) if error.is_empty() => Ok(code),
            Some(Err(error)) => Err(error).context("cannot wait for the container"),
            None => bail!("the engine stopped answering while a container was waited for"),
        }
    }

    /// What it writes from now on, as it comes.
    ///
    /// # Errors
    /// The engine is gone.
    pub async fn output(&self) -> Result<impl Stream<Item = Result<LogOutput, Error>> + use<>> {
        let options = AttachContainerOptionsBuilder::default().stream(true).stdout(true).stderr(true).build();
        let attached = self.docker.attach_container(self.id(), Some(options)).await;
        Ok(attached.context("cannot listen to the container")?.output)
    }

    /// What it has written so far.
    ///
    /// # Errors
    /// The engine is gone, or keeps no logs.
    pub async fn logs(&self) -> Result<Logs> {
        let options = LogsOptionsBuilder::default().stdout(true).stderr(true).build();
        let mut chunks = self.docker.logs(self.id(), Some(options));
        let mut logs = Logs::default();
        while let Some(chunk) = chunks.next().await {
            match chunk.context("cannot read the container's logs")? {
                LogOutput::StdErr { message } => logs.stderr.extend_from_slice(&message),
                LogOutput::StdOut { message } | LogOutput::Console { message } => {
                    logs.stdout.extend_from_slice(&message);
                }
                LogOutput::StdIn { .. } => {}
            }
        }
        Ok(logs)
    }

    /// Asks it to end, and kills it after `grace_s` seconds. One that has ended is left as it is.
    ///
    /// # Errors
    /// The engine is gone.
    pub async fn stop(&self, grace_s: i32) -> Result<()> {
        let options = StopContainerOptionsBuilder::default().t(grace_s).build();
        self.docker.stop_container(self.id(), Some(options)).await.context("cannot stop the container")
    }

    /// Removes it, killing it if it runs.
    ///
    /// # Errors
    /// The engine is gone.
    pub async fn remove(mut self) -> Result<()> {
        match self.id.take() {
            Some(id) => remove(&self.docker, &id).await,
            None => Ok(()),
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let (Some(id), Ok(runtime)) = (self.id.take(), Handle::try_current()) {
            let docker = self.docker.clone();
            // Whatever fails here is found by its label.
            runtime.spawn(async move { drop(remove(&docker, &id).await) });
        }
    }
}

fn mounts(read_only: Mounts, volume: Option<(String, PathBuf)>) -> Option<Vec<Mount>> {
    let read_only = read_only.into_iter().map(|(target, source)| bind(target, &source, true));
    let volume = volume.into_iter().map(|(target, source)| bind(target, &source, false));
    let all: Vec<Mount> = read_only.chain(volume).collect();
    (!all.is_empty()).then_some(all)
}

fn bind(target: String, source: &Path, read_only: bool) -> Mount {
    Mount {
        target: Some(target),
        source: Some(source.to_string_lossy().into_owned()),
        typ: Some(MountType::BIND),
        read_only: Some(read_only),
        ..Mount::default()
    }
}

async fn remove(docker: &Docker, id: &str) -> Result<()> {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    match docker.remove_container(id, Some(options)).await {
        // Gone already, or being removed: what was wanted.
        Ok(()) | Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
        Err(error) => Err(error).context("cannot remove a container"),
    }
}
