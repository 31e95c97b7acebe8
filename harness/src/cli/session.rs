//! An engine for as long as a verb needs it: how it is brought up, what ends it early, what is removed in the end, and
//! what the record says of it.

use anyhow::{Context as _, Result, bail};

use super::alone::alone_on;
use super::chosen;
use super::progress::ProgressLine;
use crate::cache::Cache;
use crate::engine::{BASES, Choice, Data, Engine, Home, Status, managed_status, take_down};
use crate::record::{FORMAT_VERSION, RunInfo, machine};
use crate::scenario::Profile;
use crate::supply::{Link, Supply};

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
    let engine = tokio::select! {
        engine = Engine::open(&home, choice, data, &note) => engine?,
        () = interrupted() => bail!("interrupted before anything was {done}"),
    };
    alone_on(&engine, cache).await?;
    Ok(engine)
}

/// Removes what the run made and takes the engine down, the one whatever becomes of the other.
pub(super) async fn end(engine: Engine, run: &str, data: Data, line: &ProgressLine) -> Result<()> {
    line.setting_up("taking the engine down");
    let work = async {
        let cleaned = clean(&engine, run, data).await;
        (cleaned, engine.down(data).await)
    };
    let (cleaned, down) = undisturbed(work, line).await;
    line.finish();
    cleaned.context("removing what the run made in the engine")?;
    down
}

/// Does `work` to its end, whoever wants it to end, and answers that: people press Ctrl-C again where nothing seems to
/// come of the first time.
async fn undisturbed<T>(work: impl Future<Output = T>, line: &ProgressLine) -> T {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        () = interrupted() => line.say("ending already: what the run made is being removed"),
    }
    work.await
}

/// Refuses to go on with a run where digests would not mix: another engine writes layers differently, and upon another
/// base image all is another.
pub(super) fn check_same_world(before: &RunInfo, now: &RunInfo) -> Result<()> {
    if !before.engine.same_version(&now.engine) {
        bail!(
            "the run was begun on engine {} and this is {}: times and digests of two engines do not mix; begin a new run",
            before.engine.version,
            now.engine.version
        );
    }
    if let Some((base, earlier)) = now.unlike_bases(before).next() {
        bail!(
            "the run was begun upon {} {}, and it is {} now: sizes and digests upon two bases do not mix; begin a new run",
            base.reference,
            earlier.digest,
            base.digest
        );
    }
    Ok(())
}

/// Refuses to go on with a run on another machine, whose times would not mix.
pub(super) fn check_same_machine(before: &RunInfo, now: &RunInfo) -> Result<()> {
    let machine = |info: &RunInfo| format!("{} cores of {}", info.machine.cores, info.machine.cpu);
    if machine(before) != machine(now) {
        bail!(
            "the run was begun on {} and this is {}: times of two machines do not mix; go on there, or begin a new run",
            machine(before),
            machine(now)
        );
    }
    Ok(())
}

/// What the record says of a run that begins now: where, with what and how.
pub(super) async fn run_info(
    id: &str,
    profile: Profile,
    link: Link,
    engine: &Engine,
    supply: &Supply,
    cache: &Cache,
) -> Result<RunInfo> {
    // The data of an engine in a virtual machine are on no disk that could be looked at.
    let disk = engine.disk().await.map_or_else(|_| cache.root().to_owned(), |(disk, _)| disk);
    Ok(RunInfo {
        format_version: FORMAT_VERSION,
        id: id.to_owned(),
        started: jiff::Timestamp::now().to_string(),
        tare: env!("CARGO_PKG_VERSION").to_owned(),
        git_revision: chosen::git_revision(),
        profile,
        seed: 0,
        link: link.info(),
        engine: engine.info().await?,
        machine: machine::read(&disk)?,
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
    engine.remove_images(BASES).await?;
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
