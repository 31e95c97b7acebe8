//! How long an image's programs take to start: a container's first start, and the same one started again.
//!
//! The seconds are those from the process's start to its end, by the engine's own clock (`StartedAt`,
//! `FinishedAt`). What the client sees is longer by what the engine takes to lay out a container; that is
//! no property of the image, and the noisier part of the two.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bollard::Docker;
use tokio::time::timeout;

use super::answer::last_words;
use super::build::image_name;
use super::runner::Bench;
use crate::engine::containers::{Container, ContainerSpec};
use crate::record::{PlannedStep, StartPhase};
use crate::scenario::{Scenario, Start, TimedStart};

/// For one start; a program that takes longer is no start any more.
const LIMIT: Duration = Duration::from_secs(300);

/// Starts containers of built images.
#[derive(Debug, Clone, Copy)]
pub struct Starter<'a> {
    /// The engine.
    pub docker: &'a Docker,
    /// The run, whose label the containers carry.
    pub run: &'a str,
    /// How long a start may take.
    pub limit: Duration,
}

impl Starter<'_> {
    /// Seconds of the first start of a container of `image`, and of the same container started again. It is
    /// removed afterwards, whatever came of it.
    pub async fn both(&self, image: &str, start: &TimedStart) -> [(Start, Result<f64>); 2] {
        let spec = ContainerSpec {
            run: self.run.to_owned(),
            command: start.command.clone(),
            read_only: start.read_only,
            ..ContainerSpec::default()
        };
        let none = "not started again: the first start failed";
        let container = match Container::start(self.docker, image, spec).await {
            Ok(container) => container,
            Err(error) => return both(Err(error), bail(none)),
        };
        let first = self.seconds(&container).await;
        let again = match &first {
            Ok(_) => self.again(&container).await,
            Err(_) => bail(none),
        };
        // What is left is found by its label.
        drop(container.remove().await);
        both(first, again)
    }

    async fn again(&self, container: &Container) -> Result<f64> {
        container.begin().await?;
        self.seconds(container).await
    }

    async fn seconds(&self, container: &Container) -> Result<f64> {
        let code = timeout(self.limit, container.wait())
            .await
            .with_context(|| format!("it did not end within {} s", self.limit.as_secs_f64()))??;
        if code != 0 {
            let logs = container.logs().await.unwrap_or_default();
            bail!("it ended with exit code {code}; its last lines:\n{}", last_words(&logs));
        }
        Ok(container.ran().await?.as_secs_f64())
    }
}

fn bail(why: &'static str) -> Result<f64> {
    Err(anyhow::anyhow!(why))
}

fn both(first: Result<f64>, again: Result<f64>) -> [(Start, Result<f64>); 2] {
    [(Start::First, first), (Start::Again, again)]
}

/// The startup rows of the image that `step` has built. A start that fails is a row with its error.
///
/// # Errors
/// The engine went away.
pub(crate) async fn rows(
    bench: &Bench<'_>,
    scenario: &Scenario,
    step: &PlannedStep,
) -> Result<Vec<StartPhase>> {
    let starter = Starter { docker: bench.engine.docker(), run: bench.run_id, limit: LIMIT };
    let image = image_name(bench.run_id, &scenario.name, step.variant);
    let mut rows = Vec::new();
    for (name, start) in &scenario.starts {
        bench.engine.sync().await?;
        for (event, seconds) in starter.both(&image, start).await {
            if seconds.is_err() {
                // That the engine is gone is nothing to hold against the image.
                starter.docker.ping().await.context("the engine went away during a start")?;
            }
            rows.push(StartPhase {
                scenario: scenario.name.clone(),
                variant: step.variant,
                event,
                block: step.block,
                phase: name.clone(),
                error: seconds.as_ref().err().map(|e| bench.supply.redactor().redact(&format!("{e:#}"))),
                seconds: seconds.ok(),
            });
        }
    }
    Ok(rows)
}
