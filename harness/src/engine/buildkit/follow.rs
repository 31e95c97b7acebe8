//! Follows a build beside it: what is measured does not wait for its reports.

use std::sync::Arc;
use std::time::Duration;

use bollard::moby::buildkit::v1::StatusRequest;
use bollard::moby::buildkit::v1::control_client::ControlClient;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::transport::Channel;

use super::Progress;
use super::fold::Fold;

/// How long the last reports may take once the build has ended; they are on their way by then. A build
/// that was refused before it began is never reported on, and BuildKit says so after 6 s only.
const LAST_REPORTS: Duration = Duration::from_secs(5);

/// The reports of one build, taken in while it runs; stops with it when dropped.
pub(super) struct Follower(JoinHandle<(Fold, Option<Status>)>);

impl Follower {
    /// Starts to follow a build that is about to begin: BuildKit waits for it to appear.
    pub(super) fn start(
        mut control: ControlClient<Channel>,
        reference: String,
        progress: Option<Arc<dyn Progress>>,
    ) -> Self {
        Self(tokio::spawn(async move {
            let mut fold = Fold::default();
            let broken = match control.status(StatusRequest { r#ref: reference }).await {
                Ok(reports) => {
                    let mut reports = reports.into_inner();
                    loop {
                        match reports.message().await {
                            Ok(Some(report)) => {
                                let touched = fold.add(report);
                                if let Some(progress) = &progress {
                                    touched.into_iter().for_each(|vertex| progress.vertex(vertex));
                                }
                            }
                            Ok(None) => break None,
                            Err(status) => break Some(status),
                        }
                    }
                }
                Err(status) => Some(status),
            };
            (fold, broken)
        }))
    }

    /// All that was reported, once the build has ended; and why that may not be all.
    pub(super) async fn end(mut self) -> (Fold, Option<Status>) {
        match tokio::time::timeout(LAST_REPORTS, &mut self.0).await {
            Ok(Ok(ended)) => ended,
            Ok(Err(panicked)) => (Fold::default(), Some(Status::internal(panicked.to_string()))),
            Err(_) => (Fold::default(), Some(Status::deadline_exceeded("it did not report on the build"))),
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}
