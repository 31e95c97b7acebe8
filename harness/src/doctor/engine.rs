//! The engine that a run would use.

use anyhow::Result;
use indicatif::DecimalBytes;

use super::Check;
use crate::cache::Cache;
use crate::engine::{Choice, Data, Engine, Home, Note, Status, managed_status};

pub(super) async fn checks(cache: &Cache, choice: &Choice, note: Note<'_>) -> Result<Vec<Check>> {
    let home = Home::of(cache)?;
    match managed_status(&home)? {
        Status::InUse { pid } => {
            let finding = format!("process {pid} measures on the managed engine now, so it is not looked at");
            return Ok(vec![Check::note("engine", finding, "ask again when that run has ended")]);
        }
        Status::Stays(_) | Status::LeftBehind | Status::Down => {}
    }
    // An interrupted run may want to go on with what the engine holds.
    let engine = match Engine::open(&home, choice, Data::Keep, note).await {
        Ok(engine) => engine,
        Err(error) => {
            let remedy = "see the reason; an engine of your own is named with --engine URL or DOCKER_HOST";
            return Ok(vec![Check::missing("engine", format!("{error:#}"), remedy)]);
        }
    };
    let checks = of(&engine).await;
    engine.down(Data::Keep).await?;
    checks
}

async fn of(engine: &Engine) -> Result<Vec<Check>> {
    let info = engine.info().await?;
    let whose = if engine.is_managed() { "private, managed by Tare" } else { "your own" };
    let stays = if engine.stays() { ", up until `cargo xtask engine down`" } else { "" };
    let buildkit = if info.buildkit.is_empty() { "unknown" } else { &info.buildkit };
    let mut checks = vec![
        Check::ok("engine", format!("Docker Engine {} ({whose}{stays}), BuildKit {buildkit}", info.version)),
        // The probe has seen it: `Engine::open` gives no engine that lacks it.
        Check::ok("store", format!("{}, exports OCI archives with rewritten timestamps", info.store)),
        Check::ok("loopback", "a build reaches what this machine serves on its loopback"),
        gc(engine).await?,
        gpu(engine).await?,
    ];
    let free = engine.disk_free().await;
    checks.push(match free {
        Ok(free) => Check::ok("data-root", format!("{} free on the engine's disk", DecimalBytes(free))),
        Err(error) => Check::note(
            "data-root",
            format!("{error:#}"),
            "run where the engine's data directory can be read; else a full disk is found only when it is full",
        ),
    });
    Ok(checks)
}

/// Whether a container gets at a GPU, and which way.
async fn gpu(engine: &Engine) -> Result<Check> {
    Ok(match engine.gpu_access().await? {
        Some(access) => Check::ok("gpu-access", format!("the engine gives containers a GPU by {access}")),
        None => Check::note(
            "gpu-access",
            "the engine has neither NVIDIA's runtime nor a CDI description of a GPU",
            "nothing without a GPU; with one, install NVIDIA's container toolkit, or write a description with \
             `nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`",
        ),
    })
}

async fn gc(engine: &Engine) -> Result<Check> {
    if engine.buildkit().gc_policy().await?.is_empty() {
        return Ok(Check::ok("gc", "the engine never throws build cache away by itself"));
    }
    let remedy = "keep the disk emptier, or set builder.gc.enabled to false in the engine's daemon.json, \
                  or use --engine managed";
    Ok(match engine.gc_threat().await {
        Ok(None) => Check::ok("gc", "the engine has no cause to throw build cache away now"),
        Ok(Some(why)) => {
            Check::note("gc", format!("the engine may throw build cache away in mid-run: {why}"), remedy)
        }
        Err(error) => Check::note("gc", format!("cannot tell when it throws cache away: {error:#}"), remedy),
    })
}
