//! An engine for as long as a verb needs it: what ends it early, and what is removed in the end.

use anyhow::Result;

use crate::engine::{Data, Engine};

/// What the names of base images begin with in the engine, as the supply gives them.
const STAND_INS: &str = "localhost:1/";

/// Removes what the run made. A managed engine whose data is kept for a resumed run keeps its build cache
/// with it; one that is wiped needs no cleaning.
pub(super) async fn clean(engine: &Engine, run: &str, data: Data) -> Result<()> {
    if engine.is_managed() && !engine.stays() {
        return Ok(());
    }
    engine.remove_labelled(run).await?;
    engine.remove_images(STAND_INS).await?;
    if data == Data::Wipe || !engine.is_managed() {
        engine.forget_builds().await?;
    }
    Ok(())
}

/// Returns when the user (Ctrl-C) or the system (SIGTERM, SIGHUP) wants the run to end.
pub(super) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let Ok(mut signals) = kinds.into_iter().map(signal).collect::<Result<Vec<_>, _>>() else {
        return std::future::pending().await;
    };
    std::future::poll_fn(|context| {
        match signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready()) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
}
