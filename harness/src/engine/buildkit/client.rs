//! The client: one control connection for many builds, one session a build.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bollard::moby::buildkit::v1::control_client::ControlClient;
use bollard::moby::buildkit::v1::{InfoRequest, StatusRequest};
use http::Uri;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use super::fault::Fault;
use super::fold::Fold;
use super::session::{Offer, Session};
use super::tree::{ContextError, Tree};
use super::{BuildError, BuildOutcome, BuildRequest, Context, Export, MESSAGE_LIMIT, Progress, solve, wire};
use crate::engine::Address;

/// How long the engine may take to tell what it did, once it is done.
const STATUS_LIMIT: Duration = Duration::from_secs(30);

/// A connection to the BuildKit inside an engine. Cheap to clone.
#[derive(Clone)]
pub struct BuildKit {
    address: Address,
    control: ControlClient<Channel>,
}

impl BuildKit {
    /// Connects to the engine's BuildKit.
    ///
    /// # Errors
    /// Nothing listens at `address`, or what listens offers no BuildKit.
    pub async fn connect(address: &Address) -> Result<Self> {
        let at = address.clone();
        let connector = tower::service_fn(move |_: Uri| {
            let at = at.clone();
            async move { wire::upgrade(&at, "/grpc", Vec::new()).await }
        });
        let channel = Endpoint::from_static("http://docker")
            .initial_stream_window_size(MESSAGE_LIMIT as u32 / 8)
            .connect_with_connector(connector)
            .await
            .with_context(|| format!("cannot reach BuildKit at {address}"))?;
        let control = ControlClient::new(channel)
            .max_decoding_message_size(MESSAGE_LIMIT)
            .max_encoding_message_size(MESSAGE_LIMIT);
        Ok(Self { address: address.clone(), control })
    }

    /// The control API, for what is no build.
    pub(super) fn control(&self) -> ControlClient<Channel> {
        self.control.clone()
    }

    /// BuildKit's own version, such as `v0.25.2`; distributions' packages may say `v0.0.0+unknown`.
    ///
    /// # Errors
    /// The engine is gone.
    pub async fn version(&self) -> Result<String> {
        let info = self.control.clone().info(InfoRequest {}).await?.into_inner();
        Ok(info.buildkit_version.map(|version| version.version).unwrap_or_default())
    }

    /// Runs one build to its end. Dropping the future cancels it; the engine then ends the running step.
    ///
    /// # Errors
    /// See [`BuildError`]: each is a result to be recorded.
    pub async fn build(&self, mut request: BuildRequest) -> Result<BuildOutcome, BuildError> {
        let limit = request.timeout;
        let (context, dockerfile) = open_trees(&request)?;
        let archive = match &mut request.export {
            Export::Oci { sink, .. } => Some(std::mem::replace(sink, Box::new(std::io::sink()))),
            Export::Store { .. } | Export::Nothing => None,
        };
        let offer = Offer {
            context: Arc::new(context),
            dockerfile: Arc::new(dockerfile),
            secrets: std::mem::take(&mut request.secrets),
            archive,
            shared_key: request.shared_key.clone(),
        };
        let session = Session::open(&self.address, offer)
            .await
            .map_err(|error| BuildError::EngineLost(format!("{error:#}")))?;
        match tokio::time::timeout(limit, self.solve(request, &session)).await {
            Ok(result) => result,
            Err(_) => Err(BuildError::TimedOut(limit)),
        }
    }

    async fn solve(&self, request: BuildRequest, session: &Session) -> Result<BuildOutcome, BuildError> {
        let reference = format!("{:032x}", rand::random::<u128>());
        let solve = solve::request(&reference, &session.id, &request);
        let follower = request.progress.clone().map(|progress| self.follow(&reference, progress));
        let mut control = self.control.clone();
        let begun = Instant::now();
        let answer = control.solve(solve).await;
        let wall = begun.elapsed();
        drop(follower);
        let context_bytes = session.context_bytes();
        if let Some(fault) = session.fault() {
            return Err(match fault {
                Fault::Context(message) => BuildError::Context(message),
                Fault::Sink(message) => BuildError::Failed {
                    message: format!("the image could not be written: {message}"),
                    vertexes: Vec::new(),
                },
            });
        }
        match answer {
            Ok(answer) => {
                let fold = self.status(&reference).await.map_err(|status| engine_lost(&status))?;
                let exporter = answer.into_inner().exporter_response.into_iter().collect();
                Ok(BuildOutcome { wall, vertexes: fold.into_vertexes(), context_bytes, exporter })
            }
            Err(status) if is_transport(&status) => Err(engine_lost(&status)),
            Err(status) => {
                let fold = self.status(&reference).await.unwrap_or_default();
                Err(failed(status.message(), fold))
            }
        }
    }

    /// What the engine did for a build that has ended: one message from its history, with every flag final.
    async fn status(&self, reference: &str) -> Result<Fold, Status> {
        let read = async {
            let request = StatusRequest { r#ref: reference.to_owned() };
            let mut reports = self.control.clone().status(request).await?.into_inner();
            let mut fold = Fold::default();
            while let Some(report) = reports.message().await? {
                fold.add(report);
            }
            Ok(fold)
        };
        tokio::time::timeout(STATUS_LIMIT, read)
            .await
            .unwrap_or_else(|_| Err(Status::deadline_exceeded("it did not report on the build")))
    }

    /// Follows a build while it runs, beside it: what is measured does not wait for it.
    fn follow(&self, reference: &str, progress: Arc<dyn Progress>) -> Follower {
        let mut control = self.control.clone();
        let request = StatusRequest { r#ref: reference.to_owned() };
        Follower(tokio::spawn(async move {
            let Ok(reports) = control.status(request).await else { return };
            let mut reports = reports.into_inner();
            let mut fold = Fold::default();
            while let Ok(Some(report)) = reports.message().await {
                for vertex in fold.add(report) {
                    progress.vertex(vertex);
                }
            }
        }))
    }
}

/// Ends with the build.
struct Follower(JoinHandle<()>);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn open_trees(request: &BuildRequest) -> Result<(Tree, Tree), BuildError> {
    let refused = |error: ContextError| BuildError::Context(error.0);
    let context = Tree::open(&request.context).map_err(refused)?;
    let dir = match request.dockerfile.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    };
    // An edit of the Dockerfile itself, where it lies in the context.
    let overlay = dir.strip_prefix(&request.context.root).map(|below| {
        let edits = request.context.overlay.iter().filter_map(|(path, file)| {
            let name = Path::new(path).strip_prefix(below).ok()?.to_str()?;
            (!name.contains('/')).then(|| (name.to_owned(), file.clone()))
        });
        edits.collect()
    });
    let beside = Context { root: dir.to_owned(), overlay: overlay.unwrap_or_default() };
    let dockerfile = Tree::open(&beside).map_err(refused)?;
    let name = solve::file_name(&request.dockerfile);
    match dockerfile.is_file(&name) {
        Ok(true) => Ok((context, dockerfile)),
        Ok(false) => {
            Err(BuildError::Context(format!("{}: there is no such Dockerfile", request.dockerfile.display())))
        }
        Err(error) => Err(refused(error)),
    }
}

/// Whether the connection broke: what BuildKit itself answers has no source.
fn is_transport(status: &Status) -> bool {
    std::error::Error::source(status).is_some() || status.code() == Code::Unavailable
}

fn engine_lost(status: &Status) -> BuildError {
    let cause = std::error::Error::source(status).map(|source| format!(": {source}")).unwrap_or_default();
    BuildError::EngineLost(format!("{}{cause}", status.message()))
}

fn failed(message: &str, fold: Fold) -> BuildError {
    let mut message = message.to_owned();
    if let Some((step, lines)) = fold.output_of_failed() {
        message.push_str(&format!("\nlast output of {step}:"));
        for line in lines {
            message.push_str("\n  ");
            message.push_str(&line);
        }
    }
    BuildError::Failed { message, vertexes: fold.into_vertexes() }
}
