//! A session: the connection on which BuildKit calls us during one build.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use http::{HeaderName, HeaderValue};
use hyper_util::rt::TokioExecutor;
use hyper_util::service::TowerToHyperService;
use tokio::task::JoinHandle;
use tonic::service::Routes;

use super::fault::{Fault, FirstFault};
use super::services::{AlwaysServing, ArchiveSink, ContextSource, RegistryAuth, SecretStore};
use super::tree::Tree;
use super::{MESSAGE_LIMIT, wire};
use crate::engine::Address;

/// What a session offers.
pub(super) struct Offer {
    pub(super) context: Arc<Tree>,
    pub(super) dockerfile: Arc<Tree>,
    pub(super) secrets: BTreeMap<String, Vec<u8>>,
    pub(super) archive: Option<Box<dyn Write + Send>>,
    pub(super) shared_key: String,
}

/// An open session; closed when dropped.
pub(super) struct Session {
    pub(super) id: String,
    sent: Arc<AtomicU64>,
    fault: Arc<FirstFault>,
    server: JoinHandle<()>,
}

impl Session {
    /// Opens one under an id of its own: BuildKit keeps what it knows of an id for longer than the session.
    pub(super) async fn open(address: &Address, offer: Offer) -> Result<Self> {
        let id = format!("{:032x}", rand::random::<u128>());
        let (sent, fault) = (Arc::<AtomicU64>::default(), Arc::<FirstFault>::default());
        let source = ContextSource {
            dirs: HashMap::from([("context", offer.context), ("dockerfile", offer.dockerfile)]),
            sent: Arc::clone(&sent),
            fault: Arc::clone(&fault),
        };
        let mut methods = Vec::from(AlwaysServing::METHODS);
        methods.extend(ContextSource::METHODS);
        methods.extend(SecretStore::METHODS);
        methods.extend(RegistryAuth::METHODS);
        let mut routes = Routes::new(AlwaysServing.into_server())
            .add_service(source.into_server())
            .add_service(SecretStore::into_server(offer.secrets))
            .add_service(RegistryAuth.into_server());
        if let Some(sink) = offer.archive {
            methods.extend(ArchiveSink::METHODS);
            routes = routes.add_service(ArchiveSink::into_server(sink, Arc::clone(&fault)));
        }
        let connection =
            wire::upgrade(address, "/session", headers(&id, &offer.shared_key, &methods)?).await?;
        let server = tokio::spawn(async move {
            // How it ends is seen on the build itself.
            let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .initial_stream_window_size(MESSAGE_LIMIT as u32 / 8)
                .initial_connection_window_size(MESSAGE_LIMIT as u32 / 4)
                .serve_connection(connection, TowerToHyperService::new(routes.prepare()))
                .await;
        });
        Ok(Self { id, sent, fault, server })
    }

    /// Bytes of the context's file content sent.
    pub(super) fn context_bytes(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// What went wrong on our side.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault.get()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The engine takes what a session offers from headers: a method that is not named here is never called.
fn headers(id: &str, shared_key: &str, methods: &[&'static str]) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let method = HeaderName::from_static("x-docker-expose-session-grpc-method");
    let mut headers = vec![
        (HeaderName::from_static("x-docker-expose-session-uuid"), HeaderValue::from_str(id)?),
        (HeaderName::from_static("x-docker-expose-session-name"), HeaderValue::from_static("tare")),
        (HeaderName::from_static("x-docker-expose-session-sharedkey"), HeaderValue::from_str(shared_key)?),
    ];
    headers.extend(methods.iter().map(|name| (method.clone(), HeaderValue::from_static(name))));
    Ok(headers)
}
