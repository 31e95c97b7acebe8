//! The client: one control connection for many builds, one session a build.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use bollard::moby::buildkit::v1::control_client::ControlClient;
use bollard::moby::buildkit::v1::{InfoRequest, SolveRequest};
use http::Uri;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use super::fault::Fault;
use super::fold::Fold;
use super::follow::Follower;
use super::session::{Offer, Session};
use super::tree::{ContextError, Tree};
use super::{BuildError, BuildOutcome, BuildRequest, Context, Export, MESSAGE_LIMIT, Progress, solve, wire};
use crate::engine::Address;

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
    pub async fn build(&self, request: BuildRequest) -> Result<BuildOutcome, BuildError> {
        let limit = request.timeout;
        match tokio::time::timeout(limit, self.build_without_limit(request)).await {
            Ok(result) => result,
            Err(_) => Err(BuildError::TimedOut(limit)),
        }
    }

    async fn build_without_limit(&self, mut request: BuildRequest) -> Result<BuildOutcome, BuildError> {
        let (context, dockerfile) = open_trees(&request)?;
        let archive = match &mut request.export {
            Export::Oci { sink, .. } | Export::Attested { sink, .. } => {
                Some(std::mem::replace(sink, Box::new(std::io::sink())))
            }
            Export::Store { .. } | Export::Cache { .. } | Export::Nothing => None,
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
        let reference = format!("{:032x}", rand::random::<u128>());
        let solve = solve::request(&reference, &session.id, &request);
        self.solve(solve, request.progress.take(), &session).await
    }

    async fn solve(
        &self,
        solve: SolveRequest,
        progress: Option<Arc<dyn Progress>>,
        session: &Session,
    ) -> Result<BuildOutcome, BuildError> {
        let follower = Follower::start(self.control.clone(), solve.r#ref.clone(), progress);
        let mut control = self.control.clone();
        let begun = Instant::now();
        let answer = control.solve(solve).await;
        let wall = begun.elapsed();
        let context_bytes = session.context_bytes();
        match (answer, session.fault()) {
            (_, Some(Fault::Context(message))) => Err(BuildError::Context(message)),
            (_, Some(Fault::Sink(message))) => {
                let message = format!("the image could not be written: {message}");
                Err(BuildError::Failed { message, vertexes: follower.end().await.0.into_vertexes() })
            }
            (Ok(answer), None) => {
                let (fold, broken) = follower.end().await;
                if let Some(status) = broken {
                    return Err(engine_lost(&status));
                }
                let exporter = answer.into_inner().exporter_response.into_iter().collect();
                Ok(BuildOutcome { wall, vertexes: fold.into_vertexes(), context_bytes, exporter })
            }
            (Err(status), None) if is_transport(&status) => Err(engine_lost(&status)),
            (Err(status), None) => Err(failed(status.message(), follower.end().await.0)),
        }
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
    let (whole, context_root) = (dir.canonicalize(), request.context.root.canonicalize());
    let below = whole.ok().zip(context_root.ok());
    let below = below.and_then(|(dir, root)| Some(dir.strip_prefix(root).ok()?.to_owned()));
    let overlay = below.map(|below| {
        let edits = request.context.overlay.iter().filter_map(|(path, file)| {
            let name = Path::new(path).strip_prefix(&below).ok()?.to_str()?;
            (!name.contains('/')).then(|| (name.to_owned(), file.clone()))
        });
        edits.collect()
    });
    let checkout = request.context.checkout.clone();
    let beside = Context { root: dir.to_owned(), overlay: overlay.unwrap_or_default(), checkout };
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
