//! The plan: the ordered list of what will be measured. Pure; printed by `--plan`, stored in the run.

use std::io;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::record::{Plan, PlannedScenario, PlannedStep};
use crate::scenario::{Around, Claim, Event, Evidence, Metric, Pair, Profile, Scenario, Variant};
use crate::stats::LOOKS;

/// Blocks that a claim on time needs: below six, no exact two-sided 95 % statement exists.
pub const TIMED_BLOCKS: u32 = 6;

/// Blocks that exact quantities need: two that agree.
pub const EXACT_BLOCKS: u32 = 2;

/// A start is short; the container around it takes as long again. Seconds, for the estimate.
const START_S: f64 = 2.0;

/// A start-up: an image pushed and pulled, a container started twice. Seconds, for the estimate.
const START_UP_S: f64 = 12.0;

/// Before the first block each variant is built once, untimed.
const REHEARSAL: &[Event] = &[Event::Cold];

/// How many blocks leave their cache in the engine, where the disk has room for them: nothing in it is used by a later
/// block that begins with a cold build, and of fifty blocks it would fill most disks.
const BLOCKS_KEPT: u32 = 6;

/// Whether the engine forgets its builds before this block, so that it begins with a cold one; `kept` is how many blocks
/// leave their cache in it, where that is fewer than usual.
pub fn begins_afresh(block: u32, kept: Option<u32>) -> bool {
    block > 1 && (block - 1).is_multiple_of(kept.unwrap_or(BLOCKS_KEPT))
}

/// What a plan is made from, beside the scenarios.
#[derive(Debug, Clone, Copy)]
pub struct Choices {
    /// The profile.
    pub profile: Profile,
    /// Blocks of every scenario, where the user asked for a number.
    pub blocks: Option<u32>,
    /// Whether it is measured until times are precise: the number of blocks is then the most there can be.
    pub precise: bool,
    /// The seed of the order of variants.
    pub seed: u64,
    /// Bytes of disk that there are for builds, where that is known. A scenario for whose blocks they are too few has
    /// its builds forgotten after fewer blocks, at the price of building more often.
    pub room: Option<u64>,
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
    let mut plan =
        Plan { scenarios: Vec::new(), steps: Vec::new(), expected_minutes: 0.0, peak_disk_bytes: 0 };
    for scenario in scenarios {
        let blocks = blocks(scenario, choices);
        let course = Course::that_fits(scenario, choices, blocks, rng.random());
        plan.scenarios
            .push(PlannedScenario { blocks_kept: course.kept, ..planned_scenario(scenario, blocks)? });
        plan.steps.extend(course.steps);
        plan.expected_minutes += course.seconds / 60.0;
        plan.peak_disk_bytes = plan.peak_disk_bytes.max(course.disk_bytes);
    }
    Ok(plan)
}

/// The builds of one scenario, in order, and what they take.
struct Course {
    steps: Vec<PlannedStep>,
    /// After how many blocks the engine forgets its builds, if sooner than usual.
    kept: Option<u32>,
    seconds: f64,
    disk_bytes: u64,
}

impl Course {
    /// The course that keeps most blocks of those for which there is room; where there is room for none, the one that
    /// needs least.
    fn that_fits(scenario: &Scenario, choices: Choices, blocks: u32, naive_first: bool) -> Self {
        let of = |kept| Self::of(scenario, choices, blocks, naive_first, kept);
        let fits = |course: &Self| choices.room.is_none_or(|room| course.disk_bytes <= room);
        let fewer = (1..blocks.min(BLOCKS_KEPT)).rev().map(Some);
        std::iter::once(None).chain(fewer).map(of).find(fits).unwrap_or_else(|| of(Some(1)))
    }

    fn of(scenario: &Scenario, choices: Choices, blocks: u32, naive_first: bool, kept: Option<u32>) -> Self {
        let mut steps = Vec::new();
        let mut seconds = 0.0;
        let mut emptied = false;
        // What the builds since the engine was last emptied leave in it; before them both variants are rehearsed.
        let mut filled = 1;
        let mut most_filled = filled;
        for block in 1..=blocks {
            let afresh = begins_afresh(block, kept);
            if block == 1 || afresh {
                filled = 1;
                seconds += events_seconds(scenario, REHEARSAL);
            }
            let order = if naive_first == (block % 2 == 1) {
                Variant::BOTH
            } else {
                [Variant::Optimized, Variant::Naive]
            };
            let events = if block <= EXACT_BLOCKS || (choices.blocks.is_some() && !choices.precise) {
                scenario.events.clone()
            } else {
                timed_events(scenario, choices.profile)
            };
            let events = if (emptied || afresh) && events.first() != Some(&Event::Cold) {
                // The cache in which the block was to go on is gone: a CI event empties the builder, too.
                [&[Event::Cold], events.as_slice()].concat()
            } else {
                events
            };
            emptied = events.iter().any(|event| matches!(event, Event::CiEdit(_)));
            filled += u64::from(events.iter().any(|event| *event != Event::Noop));
            most_filled = most_filled.max(filled);
            seconds += events_seconds(scenario, &events);
            // Both variants, each started twice.
            seconds += scenario.starts.len() as f64 * 4.0 * START_S;
            seconds += if scenario.startup.is_some() { 2.0 * START_UP_S } else { 0.0 };
            for variant in order {
                steps.extend(events.iter().cloned().map(|event| PlannedStep {
                    scenario: scenario.name.clone(),
                    block,
                    variant,
                    event,
                }));
            }
        }
        let disk_bytes = most_filled * scenario.estimate.block_disk_bytes;
        Self { steps, kept, seconds, disk_bytes }
    }
}

/// A plan in which nothing is measured: its scenarios are rebuilt.
///
/// # Errors
/// A Dockerfile cannot be read.
pub fn of_rebuilds(scenarios: &[Scenario]) -> io::Result<Plan> {
    let planned = scenarios.iter().map(|scenario| {
        Ok(PlannedScenario { events: Vec::new(), claims: Vec::new(), ..planned_scenario(scenario, 0)? })
    });
    let scenarios = planned.collect::<io::Result<_>>()?;
    Ok(Plan { scenarios, steps: Vec::new(), expected_minutes: 0.0, peak_disk_bytes: 0 })
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
        delivered_apart: delivered_apart(scenario),
        steps: scenario.steps.clone().into_iter().collect(),
        claims: scenario.claims.clone(),
        dockerfiles: Pair { naive: text(Variant::Naive)?, optimized: text(Variant::Optimized)? },
        blocks,
        blocks_kept: None,
    })
}

/// Edits of generated files that one variant mounts.
fn delivered_apart(scenario: &Scenario) -> Vec<String> {
    let mounted = |file: &String| {
        Variant::BOTH.iter().any(|variant| scenario.mounts.get(*variant).values().any(|path| path == file))
    };
    let generated = scenario.edits.values().filter(|edit| edit.around == Some(Around::Generated));
    let apart = generated.filter(|_| scenario.generated.keys().any(mounted));
    apart.map(|edit| edit.name.to_string()).collect()
}

/// Blocks are spent where a claim on time needs them.
fn blocks(scenario: &Scenario, choices: Choices) -> u32 {
    let profile = choices.profile;
    let timed = times_starts(scenario, profile)
        || scenario.events.iter().any(|event| is_timed(scenario, event, profile));
    match (choices.blocks, profile) {
        (limit, _) if choices.precise && timed => limit.unwrap_or(LOOKS[LOOKS.len() - 1]),
        (Some(blocks), _) if !choices.precise => blocks,
        (_, Profile::Smoke) => 1,
        (_, Profile::Quick | Profile::Full) if timed => TIMED_BLOCKS,
        (_, Profile::Quick | Profile::Full) => EXACT_BLOCKS,
    }
}

/// What is measured in the blocks that only times need. Where a cold build is among it, the events up to
/// the last one that a claim on time is about: those before it stay, since edits add up. Where none is,
/// those events alone: the block goes on where the one before stopped, in its cache.
///
/// Starts follow a block's first build. Where a claim is on them alone, a `noop` is enough, which builds the
/// image once more from the cache: six blocks of starts need two cold builds.
fn timed_events(scenario: &Scenario, profile: Profile) -> Vec<Event> {
    let timed = |event: &Event| is_timed(scenario, event, profile);
    let needs_cold = |event: &Event| matches!(event, Event::Cold | Event::Noop | Event::CiEdit(_));
    if scenario.events.iter().any(|event| timed(event) && needs_cold(event)) {
        let end = scenario.events.iter().rposition(timed).map_or(0, |last| last + 1);
        return scenario.events[..end].to_vec();
    }
    let noop = times_starts(scenario, profile).then_some(Event::Noop);
    noop.into_iter().chain(scenario.events.iter().filter(|event| timed(event)).cloned()).collect()
}

/// Whether a claim that the profile can settle is on a start.
fn times_starts(scenario: &Scenario, profile: Profile) -> bool {
    let is_start = |claim: &Claim| matches!(claim.metric, Metric::StartPhase(..));
    scenario.claims.iter().any(|claim| is_start(claim) && claim.profiles.contains(&profile))
}

/// Whether a claim that the profile can settle is about a time at this event. A scenario without claims
/// (`--pair`) shows all its times.
fn is_timed(scenario: &Scenario, event: &Event, profile: Profile) -> bool {
    scenario.claims.is_empty()
        || scenario.claims.iter().any(|claim| {
            claim.metric.evidence() == Evidence::Time
                && !matches!(claim.metric, Metric::StartPhase(..))
                && claim.metric.event() == event
                && claim.profiles.contains(&profile)
        })
}

/// What an event is expected to take in terms of a cold build, before anything was measured. An edit
/// may run everything again; the estimate errs on that side.
pub fn expected_seconds(scenario: &Scenario, variant: Variant, event: &Event) -> f64 {
    let cold = *scenario.estimate.cold_s.get(variant);
    match event {
        Event::Cold | Event::Edit(_) => cold,
        // Two exports and two builds.
        Event::CiEdit(_) => 2.0 * cold,
        Event::Noop => cold.min(0.5),
    }
}

fn events_seconds(scenario: &Scenario, events: &[Event]) -> f64 {
    let builds = events
        .iter()
        .flat_map(|event| Variant::BOTH.map(|variant| expected_seconds(scenario, variant, event)));
    builds.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{self, Start};

    fn plan(profile: Profile, blocks: Option<u32>) -> Plan {
        let roots = [scenario::builtin_dir().unwrap()];
        let scenarios = scenario::load_all(&roots, &["layer-order".to_owned()], profile).unwrap();
        make(&scenarios, Choices { profile, blocks, precise: false, seed: 7, room: None }).unwrap()
    }

    fn events(plan: &Plan, block: u32, variant: Variant) -> Vec<String> {
        let steps = plan.steps.iter().filter(|step| step.block == block && step.variant == variant);
        steps.map(|step| step.event.to_string()).collect()
    }

    #[test]
    fn the_order_of_the_variants_alternates_and_the_seed_repeats_it() {
        let plan_of_six = plan(Profile::Quick, None);
        let first = |block| plan_of_six.steps.iter().find(|step| step.block == block).unwrap().variant;
        for block in 1..TIMED_BLOCKS {
            assert_ne!(first(block), first(block + 1), "block {block}");
        }
        assert_eq!(plan_of_six, plan(Profile::Quick, None));
    }

    #[test]
    fn an_edit_of_what_one_variant_mounts_is_no_release_of_its_image() {
        let roots = [scenario::builtin_dir().unwrap()];
        let apart = |name: &str| {
            let scenarios = scenario::load_all(&roots, &[name.to_owned()], Profile::Smoke).unwrap();
            of_rebuilds(&scenarios).unwrap().scenarios.remove(0).delivered_apart
        };
        assert_eq!(apart("weights"), ["weights"]);
        assert_eq!(apart("layer-order"), [""; 0]);
    }

    #[test]
    fn blocks_beyond_two_hold_what_a_claim_on_time_needs() {
        let plan_of_six = plan(Profile::Quick, None);
        let all = ["cold", "noop", "edit-source", "edit-deps", "ci-edit-source"];
        for variant in Variant::BOTH {
            assert_eq!(events(&plan_of_six, EXACT_BLOCKS, variant), all);
            let next = events(&plan_of_six, EXACT_BLOCKS + 1, variant);
            assert_eq!(next, ["cold", "edit-source"], "block 2's builder was emptied");
            let after = events(&plan_of_six, EXACT_BLOCKS + 2, variant);
            assert_eq!(after, ["edit-source"], "in the cache of the block before");
            assert_eq!(events(&plan(Profile::Quick, Some(3)), 3, variant), all, "asked for, so whole");
        }
        assert_eq!(plan(Profile::Smoke, None).scenarios[0].blocks, 1);
    }

    #[test]
    fn a_precision_is_sought_in_the_blocks_that_claims_on_time_need() {
        let roots = [scenario::builtin_dir().unwrap()];
        let mut scenarios = scenario::load_all(&roots, &["layer-order".to_owned()], Profile::Quick).unwrap();
        let choices =
            |blocks| Choices { profile: Profile::Quick, blocks, precise: true, seed: 7, room: None };
        let most = make(&scenarios, choices(None)).unwrap();
        assert_eq!(most.scenarios[0].blocks, 48);
        assert_eq!(events(&most, 4, Variant::Naive), ["edit-source"]);
        assert_eq!(
            events(&most, 7, Variant::Naive),
            ["cold", "edit-source"],
            "the engine has forgotten its builds"
        );
        let of_six = make(&scenarios, Choices { precise: false, ..choices(Some(6)) }).unwrap();
        assert_eq!(most.peak_disk_bytes, of_six.peak_disk_bytes, "and so needs no more room");
        let limited = make(&scenarios, choices(Some(10))).unwrap();
        assert_eq!(limited.scenarios[0].blocks, 10);
        assert_eq!(limited.steps[..], most.steps[..limited.steps.len()], "the same, and less of it");
        scenarios[0].claims.retain(|claim| claim.metric.evidence() != Evidence::Time);
        let untimed = make(&scenarios, choices(Some(10))).unwrap();
        assert_eq!(untimed.scenarios[0].blocks, EXACT_BLOCKS, "no time, and so nothing to make precise");
    }

    #[test]
    fn where_the_disk_is_small_the_engine_forgets_its_builds_sooner() {
        let roots = [scenario::builtin_dir().unwrap()];
        let scenarios = scenario::load_all(&roots, &["layer-order".to_owned()], Profile::Quick).unwrap();
        let a_block = scenarios[0].estimate.block_disk_bytes;
        let with = |room| {
            let choices = Choices { profile: Profile::Quick, blocks: None, precise: false, seed: 7, room };
            make(&scenarios, choices).unwrap()
        };
        let whole = with(None);
        assert_eq!(with(Some(7 * a_block)), whole, "a rehearsal and six blocks");
        assert_eq!(whole.scenarios[0].blocks_kept, None);

        let of_two = with(Some(4 * a_block - 1));
        assert_eq!(of_two.scenarios[0].blocks_kept, Some(2));
        assert_eq!(of_two.peak_disk_bytes, 3 * a_block);
        let of_each = |block| events(&of_two, block, Variant::Naive);
        assert_eq!((of_each(1), of_each(2)), (events(&whole, 1, Variant::Naive), of_each(1)));
        assert_eq!(of_each(4), ["edit-source"], "in the cache of the third");
        assert_eq!(of_each(5), ["cold", "edit-source"]);
        assert!(of_two.expected_minutes > whole.expected_minutes);

        let too_small = with(Some(a_block));
        assert_eq!(too_small.peak_disk_bytes, 2 * a_block, "what it takes at least");
    }

    #[test]
    fn a_claim_on_a_start_needs_six_blocks_and_two_cold_builds() {
        let roots = [scenario::builtin_dir().unwrap()];
        let mut scenarios = scenario::load_all(&roots, &["layer-order".to_owned()], Profile::Quick).unwrap();
        // An edit on an emptied builder would ask for a cold build in the block after it.
        scenarios[0].events.retain(|event| !matches!(event, Event::CiEdit(_)));
        let claims = &mut scenarios[0].claims;
        claims.truncate(1);
        claims[0].metric = Metric::StartPhase("import".to_owned(), Start::First);
        let choices = |profile| Choices { profile, blocks: None, precise: false, seed: 7, room: None };
        let six = make(&scenarios, choices(Profile::Quick)).unwrap();
        assert_eq!(six.scenarios[0].blocks, TIMED_BLOCKS);
        let cold = six.steps.iter().filter(|step| step.event == Event::Cold).count();
        assert_eq!(cold, 2 * EXACT_BLOCKS as usize);
        let a_block = scenarios[0].estimate.block_disk_bytes;
        assert_eq!(six.peak_disk_bytes, 3 * a_block, "a rehearsal and two blocks: a no-op leaves nothing");
        for block in EXACT_BLOCKS + 1..=TIMED_BLOCKS {
            assert_eq!(events(&six, block, Variant::Naive), ["noop"]);
            assert_eq!(events(&six, block, Variant::Optimized), ["noop"]);
        }
        scenarios[0].claims[0].profiles = vec![Profile::Full];
        let two = make(&scenarios, choices(Profile::Quick)).unwrap();
        assert_eq!(two.scenarios[0].blocks, EXACT_BLOCKS, "no claim that this profile settles");
    }
}
