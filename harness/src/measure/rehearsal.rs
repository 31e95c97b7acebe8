//! Before the clock: each variant is built once and asked once.
//!
//! The first build of all would else pay for what the later ones find on loopback (apt's archives in
//! the caching proxy), a Dockerfile that cannot be built would cost a block to find out, and two
//! variants that do not do the same thing would be timed before anyone noticed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::join_all;

use super::answer::Asker;
use super::build::{image_name, request};
use super::context::BlockContext;
use super::runner::Bench;
use crate::engine::buildkit::Export;
use crate::engine::containers::Mounts;
use crate::scenario::{self, Event, Pair, Scenario, Variant};

/// How long a service may take until it listens: imports on a cold page cache included.
const READY_LIMIT: Duration = Duration::from_secs(120);

/// What a rehearsal came to.
pub(crate) enum Rehearsal {
    /// Both variants can be built and do the same.
    Passed,
    /// These variants cannot be built, and why.
    CannotBuild(Vec<(Variant, String)>),
    /// Both can be built, but what they answer differs or cannot be had.
    Unequal(String),
}

/// Builds both variants, untimed, and compares what they answer.
pub(crate) async fn rehearse(bench: &Bench<'_>, scenario: &Scenario) -> Result<Rehearsal> {
    let mut failures = Vec::new();
    let mut mounts = Pair::from_fn(|_| Mounts::new());
    let mut requests = Vec::new();
    for variant in Variant::BOTH {
        let nonce = scenario::nonce(bench.run_id, &scenario.name, 0, variant, &Event::Cold, 1);
        let context = BlockContext::cold(bench, scenario, variant, nonce)?;
        *mounts.get_mut(variant) = context.mounts(scenario, variant);
        let name = image_name(bench.run_id, &scenario.name, variant);
        let mut request = request(bench, scenario, variant, &context, Export::Store { name });
        request.no_cache = true;
        request.progress = Some(Arc::clone(&bench.progress));
        requests.push(request);
    }
    // Side by side: no clock is running, and the engine executes a step that both have once.
    let builds = requests.into_iter().map(|request| bench.engine.build(request));
    for (variant, built) in Variant::BOTH.into_iter().zip(join_all(builds).await) {
        match built {
            Ok(_) => {}
            Err(error) if error.ends_the_run() => return Err(error.into()),
            Err(error) => failures.push((variant, error.to_string())),
        }
    }
    if !failures.is_empty() {
        return Ok(Rehearsal::CannotBuild(failures));
    }
    Ok(match compare_answers(bench, scenario, &mounts).await {
        Ok(()) => Rehearsal::Passed,
        Err(why) => Rehearsal::Unequal(why),
    })
}

/// Holds the answers of both variants' present images against each other.
///
/// # Errors
/// They differ, or one of them does not answer: in words, for the sample's row.
pub(crate) async fn compare_answers(
    bench: &Bench<'_>,
    scenario: &Scenario,
    mounts: &Pair<Mounts>,
) -> Result<(), String> {
    let Some(answer) = &scenario.answer else { return Ok(()) };
    let docker = bench.engine.docker();
    let asker = Asker { docker, run: bench.run_id, answer, ready_limit: READY_LIMIT, mounts };
    let images = Pair::from_fn(|variant| image_name(bench.run_id, &scenario.name, variant));
    asker.both(&images).await.map(drop).map_err(|error| error.to_string())
}
