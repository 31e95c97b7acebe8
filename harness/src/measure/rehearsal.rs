//! Before the clock: each variant is built once and asked once.
//!
//! The first build of all would else pay for what the later ones find on loopback (apt's archives in
//! the caching proxy), a Dockerfile that cannot be built would cost a block to find out, and two
//! variants that do not do the same thing would be timed before anyone noticed.

use anyhow::Result;

use super::answer;
use super::build::{image_name, request};
use super::context::BlockContext;
use super::runner::Bench;
use crate::engine::buildkit::Export;
use crate::scenario::{self, Event, Pair, Scenario, Variant};

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
    for variant in Variant::BOTH {
        let nonce = scenario::nonce(bench.run_id, &scenario.name, 0, variant, &Event::Cold, 1);
        let context = BlockContext::cold(scenario, variant, nonce)?;
        let name = image_name(bench.run_id, &scenario.name, variant);
        let mut request = request(bench, scenario, variant, &context, Export::Store { name });
        request.no_cache = true;
        request.progress = Some(std::sync::Arc::clone(&bench.progress));
        match bench.buildkit.build(request).await {
            Ok(_) => {}
            Err(crate::engine::buildkit::BuildError::EngineLost(why)) => {
                return Err(crate::engine::buildkit::BuildError::EngineLost(why).into());
            }
            Err(error) => failures.push((variant, error.to_string())),
        }
    }
    if !failures.is_empty() {
        return Ok(Rehearsal::CannotBuild(failures));
    }
    Ok(match compare_answers(bench, scenario).await {
        Ok(()) => Rehearsal::Passed,
        Err(why) => Rehearsal::Unequal(why),
    })
}

/// Starts both variants' present images and holds their answers against each other.
///
/// # Errors
/// They differ, or one of them does not answer: in words, for the sample's row.
pub(crate) async fn compare_answers(bench: &Bench<'_>, scenario: &Scenario) -> Result<(), String> {
    let Some(question) = &scenario.answer else { return Ok(()) };
    let mut answers = Vec::new();
    for variant in Variant::BOTH {
        let image = image_name(bench.run_id, &scenario.name, variant);
        let answer = answer::ask(bench.engine.docker(), &image, bench.run_id, question)
            .await
            .map_err(|error| format!("the {variant} image does not answer: {error:#}"))?;
        answers.push(answer);
    }
    let answers = Pair { naive: &answers[0], optimized: &answers[1] };
    if answers.naive == answers.optimized {
        return Ok(());
    }
    Err(format!(
        "the variants answer {} differently: naive {:?}, optimized {:?}",
        question.path,
        shortened(answers.naive),
        shortened(answers.optimized)
    ))
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 200;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
