//! The plan: the ordered list of what will be measured. Pure; printed by `--plan`, stored in the run.

use std::io;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::record::{Plan, PlannedScenario, PlannedStep};
use crate::scenario::{Event, Evidence, Pair, Profile, Scenario, Variant};

/// Blocks that a claim on time needs: below six, no exact two-sided 95 % statement exists.
pub const TIMED_BLOCKS: u32 = 6;

/// Blocks that exact quantities need: two that agree.
pub const EXACT_BLOCKS: u32 = 2;

/// What a plan is made from, beside the scenarios.
#[derive(Debug, Clone, Copy)]
pub struct Choices {
    /// The profile.
    pub profile: Profile,
    /// Blocks of every scenario, where the user asked for a number.
    pub blocks: Option<u32>,
    /// The seed of the order of variants.
    pub seed: u64,
}

/// Orders the work: scenario by scenario; in it block by block; in a block the two variants side by
/// side in time, their order alternating from block to block from a random start.
///
/// A variant goes through all its events before the other one begins. Steps that both variants
/// share have one cache key, and of several results under it BuildKit takes the newest: if the
/// variants took turns within the block, one's cold build would change what the other's later
/// builds find.
///
/// # Errors
/// A Dockerfile cannot be read.
pub fn make(scenarios: &[Scenario], choices: Choices) -> io::Result<Plan> {
    let mut rng = StdRng::seed_from_u64(choices.seed);
    let mut steps = Vec::new();
    let mut planned = Vec::new();
    let mut seconds = 0.0;
    let mut peak_disk_bytes = 0;
    for scenario in scenarios {
        let blocks = choices.blocks.unwrap_or_else(|| default_blocks(scenario, choices.profile));
        let naive_first = rng.random::<bool>();
        for block in 1..=blocks {
            let order = if naive_first == (block % 2 == 1) {
                Variant::BOTH
            } else {
                [Variant::Optimized, Variant::Naive]
            };
            steps.extend(order.into_iter().flat_map(|variant| {
                scenario.events.iter().map(move |event| PlannedStep {
                    scenario: scenario.name.clone(),
                    block,
                    variant,
                    event: event.clone(),
                })
            }));
        }
        // The rehearsal is one cold build more.
        seconds += f64::from(blocks + 1) * block_seconds(scenario);
        peak_disk_bytes = peak_disk_bytes.max(u64::from(blocks + 1) * scenario.estimate.block_disk_bytes);
        planned.push(planned_scenario(scenario, blocks)?);
    }
    Ok(Plan { scenarios: planned, steps, expected_minutes: seconds / 60.0, peak_disk_bytes })
}

fn planned_scenario(scenario: &Scenario, blocks: u32) -> io::Result<PlannedScenario> {
    let text = |variant| {
        let path = &scenario.variants.get(variant).dockerfile;
        std::fs::read_to_string(path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    };
    Ok(PlannedScenario {
        name: scenario.name.clone(),
        question: scenario.question.clone(),
        analysis: scenario.analysis.clone(),
        caveat: scenario.caveat.clone(),
        events: scenario.events.clone(),
        edits: scenario.edits.values().map(|edit| (edit.name.clone(), edit.what.clone())).collect(),
        steps: scenario.steps.clone().into_iter().collect(),
        claims: scenario.claims.clone(),
        dockerfiles: Pair { naive: text(Variant::Naive)?, optimized: text(Variant::Optimized)? },
        blocks,
    })
}

/// Blocks are spent where a claim on time needs them. A scenario without claims shows all metrics, so
/// it gets what its times need.
fn default_blocks(scenario: &Scenario, profile: Profile) -> u32 {
    let timed = scenario.claims.is_empty()
        || scenario
            .claims
            .iter()
            .any(|claim| claim.metric.evidence() == Evidence::Time && claim.profiles.contains(&profile));
    match profile {
        Profile::Smoke => 1,
        Profile::Quick | Profile::Full if timed => TIMED_BLOCKS,
        Profile::Quick | Profile::Full => EXACT_BLOCKS,
    }
}

/// What an event is expected to take in terms of a cold build, before anything was measured. An edit
/// may run everything again; the estimate errs on that side.
pub fn expected_seconds(scenario: &Scenario, variant: Variant, event: &Event) -> f64 {
    let cold = *scenario.estimate.cold_s.get(variant);
    match event {
        Event::Cold | Event::Edit(_) | Event::CiEdit(_) => cold,
        Event::Noop => cold.min(0.5),
    }
}

fn block_seconds(scenario: &Scenario) -> f64 {
    let builds = scenario
        .events
        .iter()
        .flat_map(|event| Variant::BOTH.map(|variant| expected_seconds(scenario, variant, event)));
    builds.sum()
}
