//! What a record says of an engine.

use anyhow::{Context as _, Result};

use super::Engine;
use crate::record::EngineInfo;

pub(super) async fn read(engine: &Engine) -> Result<EngineInfo> {
    let version = engine.docker().version().await?.version.context("the engine does not tell its version")?;
    let info = engine.docker().info().await?;
    // The driver of a containerd store is that of one of its snapshotters.
    let status = info.driver_status.unwrap_or_default();
    let containerd = status.iter().any(|pair| pair.first().is_some_and(|key| key == "driver-type"));
    let driver = info.driver.context("the engine does not tell its storage driver")?;
    Ok(EngineInfo {
        kind: if engine.is_managed() { "managed" } else { "own" }.to_owned(),
        version,
        buildkit: engine.buildkit().version().await?,
        store: if containerd { "containerd".to_owned() } else { driver },
        packages: engine.packages().to_vec(),
        // The daemon draws it once and keeps it in its data root.
        generation: info.id.context("the engine has no id")?,
    })
}
