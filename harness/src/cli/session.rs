//! An engine for as long as a verb needs it: how it is brought up, what ends it early, what is removed in the end, and
//! what the record says of it.

use anyhow::{Context as _, Result, bail};

use super::chosen;
use super::progress::ProgressLine;
use crate::cache::Cache;
use crate::engine::{Choice, Data, Engine, Home, Status, managed_status, take_down};
use crate::record::{EngineInfo, FORMAT_VERSION, RunInfo, machine};
use crate::scenario::Profile;
use crate::supply::{Link, Supply};

/// What the names of base images begin with in the engine, as the supply gives them.
const STAND_INS: &str = "localhost:1/";

/// Brings up the engine that `choice` asks for. `done` is what is to be done with it, for who interrupts that.
pub(super) async fn begin(
    cache: &Cache,
    choice: &Choice,
    data: Data,
    line: &ProgressLine,
    done: &str,
) -> Result<Engine> {
    line.setting_up("bringing up the engine");
    let (home, note) = (Home::of(cache)?, |text: &str| line.say(text));
    // A killed run may have left one; of the engine itself its own home tells.
    let node = Home::of_node(cache)?;
    if managed_status(&node)? == Status::LeftBehind {
        take_down(&node).await?;
    }
    tokio::select! {
        engine = Engine::open(&home, choice, data, &note) => engine,
        () = interrupted() => bail!("interrupted before anything was {done}"),
    }
}

/// Removes what the run made and takes the engine down, the one whatever becomes of the other.
pub(super) async fn end(engine: Engine, run: &str, data: Data, line: &ProgressLine) -> Result<()> {
    line.setting_up("taking the engine down");
    let cleaned = clean(&engine, run, data).await;
    let down = engine.down(data).await;
    line.finish();
    cleaned.context("removing what the run made in the engine")?;
    down
}

/// What the record says of a run that begins now: where, with what and how.
pub(super) fn run_info(
    id: &str,
    profile: Profile,
    link: Link,
    engine: EngineInfo,
    supply: &Supply,
    cache: &Cache,
) -> Result<RunInfo> {
    Ok(RunInfo {
        format_version: FORMAT_VERSION,
        id: id.to_owned(),
        started: jiff::Timestamp::now().to_string(),
        tare: env!("CARGO_PKG_VERSION").to_owned(),
        git_revision: chosen::git_revision(),
        profile,
        seed: 0,
        link: link.info(),
        engine,
        machine: machine::read(cache.root())?,
        bases: supply.base_infos(),
        scanner: None,
        node: None,
        gpu: None,
        end: None,
        aa: false,
        precision_percent: None,
    })
}

/// Removes what the run made. A managed engine whose data is kept for a resumed run keeps its build cache
/// with it; one that is wiped needs no cleaning.
async fn clean(engine: &Engine, run: &str, data: Data) -> Result<()> {
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
