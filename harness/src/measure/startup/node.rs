//! A node: an engine beside the one that builds, which has nothing but what it pulls.
//!
//! The engine that builds an image keeps its layers in its cache, so that it has nothing to fetch and nothing to
//! unpack when it is told to pull. A private engine with a data root of its own has.

use anyhow::{Context as _, Result};

use crate::cache::Cache;
use crate::engine::{Choice, Data, Engine, GpuAccess, Home, Note};

/// Where start-ups are measured. It goes down when it is dropped.
pub struct Node {
    pub(super) engine: Engine,
    pub(super) gpu: Result<GpuAccess, String>,
}

impl Node {
    /// Brings it up, empty. `gpu` is whether its containers are to have the machine's GPUs, or why not.
    ///
    /// # Errors
    /// If no private engine can be brought up here.
    pub async fn up(cache: &Cache, gpu: Result<(), String>, note: Note<'_>) -> Result<Self> {
        let home = Home::of_node(cache)?;
        let engine = Engine::open(&home, &Choice::Managed, Data::Wipe, note)
            .await
            .context("no node to pull to: a second private engine does not come up")?;
        let access = engine.gpu_access().await?;
        let gpu = gpu.and_then(|()| {
            access.ok_or_else(|| {
                "no way for a container to get at the GPU: the engine has neither NVIDIA's runtime nor a CDI description"
                    .to_owned()
            })
        });
        Ok(Self { engine, gpu })
    }

    /// The engine, for the record.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How its containers get at a GPU, or why they have none.
    pub fn gpu(&self) -> Result<GpuAccess, &str> {
        self.gpu.as_ref().copied().map_err(String::as_str)
    }

    /// Takes it down; nothing of it stays.
    ///
    /// # Errors
    /// If something of it does not end.
    pub async fn down(self) -> Result<()> {
        self.engine.down(Data::Wipe).await
    }
}
