//! What of a scenario's plan is still to be done, after an earlier part of the run.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::EXACT_BLOCKS;
use crate::record::{INTERRUPTED, PlannedStep, Sample};
use crate::scenario::{Event, Variant};

/// What to do about a half-done scenario.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Remaining {
    /// Builds that will never be: a "rebuild" on an empty cache would be a cold build.
    pub(super) closed: Vec<PlannedStep>,
    /// The builds still to do, block by block.
    pub(super) blocks: Vec<Vec<PlannedStep>>,
    /// The blocks whose images are looked at: the first two that hold every event and were not cut short.
    pub(super) exact: Vec<u32>,
}

/// Holds the plan of one scenario against its samples. A half-done block whose cache is gone is closed, and one more
/// like it is measured in its place, which begins cold; `cache_kept` says whether the engine still has the cache that
/// those samples left.
pub(super) fn remaining<'p>(
    planned: impl Iterator<Item = &'p PlannedStep>,
    done: &[&Sample],
    cache_kept: bool,
) -> Remaining {
    let mut blocks: BTreeMap<u32, Vec<PlannedStep>> = BTreeMap::new();
    for step in planned {
        blocks.entry(step.block).or_default().push(step.clone());
    }
    let Some(whole) = blocks.values().next().cloned() else { return Remaining::default() };
    let is_done = |step: &PlannedStep| done.iter().any(|sample| sample.key() == *step);
    let of = |number: u32| done.iter().filter(move |sample| sample.block == number);
    for (number, steps) in &mut blocks {
        // Planned to go on in an earlier block's cache, it had to begin cold.
        if of(*number).any(|sample| sample.event == Event::Cold) {
            begin_cold(steps);
        }
    }

    let mut closed = Vec::new();
    let mut lost = BTreeSet::new();
    let mut numbers: Vec<u32> = blocks.keys().copied().collect();
    let mut next = 0;
    // What stands for a lost block may be lost in turn.
    while let Some(number) = numbers.get(next).copied() {
        next += 1;
        let open: Vec<PlannedStep> = blocks[&number].iter().filter(|step| !is_done(step)).cloned().collect();
        let closed_before = of(number).any(|sample| sample.error.as_deref() == Some(INTERRUPTED));
        let cut_short = !cache_kept && of(number).next().is_some() && !open.is_empty();
        if closed_before || cut_short {
            closed.extend(open);
            lost.insert(number);
            let stand_in = numbers[numbers.len() - 1] + 1;
            numbers.push(stand_in);
            blocks.insert(stand_in, like(&blocks[&number], stand_in, &whole[0]));
        }
    }
    blocks.retain(|number, _| !lost.contains(number));
    // Of the first that is to be done nothing is: the cache in which it was to go on is gone.
    if !cache_kept && let Some(first) = blocks.values_mut().find(|steps| !steps.iter().all(is_done)) {
        begin_cold(first);
    }
    let exact = blocks.iter().filter(|(_, steps)| holds_all(steps, &whole)).map(|(number, _)| *number);
    let exact = exact.take(EXACT_BLOCKS as usize).collect();

    let open = |steps: Vec<PlannedStep>| -> Vec<PlannedStep> {
        steps.into_iter().filter(|step| !is_done(step)).collect()
    };
    let blocks = blocks.into_values().map(open).filter(|steps| !steps.is_empty()).collect();
    Remaining { closed, blocks, exact }
}

/// A block like `steps` with a number of its own, in the order of variants that the number has; `first` is the first
/// step of the first block.
fn like(steps: &[PlannedStep], block: u32, first: &PlannedStep) -> Vec<PlannedStep> {
    let mut steps = steps.to_vec();
    begin_cold(&mut steps);
    let turned = (block - first.block) % 2 == 1;
    steps.sort_by_key(|step| (step.variant == first.variant) == turned);
    steps.into_iter().map(|step| PlannedStep { block, ..step }).collect()
}

/// Puts a cold build before each variant's steps, unless there is one.
fn begin_cold(steps: &mut Vec<PlannedStep>) {
    for variant in Variant::BOTH {
        if let Some(place) = steps.iter().position(|step| step.variant == variant)
            && steps[place].event != Event::Cold
        {
            let cold = PlannedStep { event: Event::Cold, ..steps[place].clone() };
            steps.insert(place, cold);
        }
    }
}

/// Whether a block has all that the first one has.
fn holds_all(steps: &[PlannedStep], whole: &[PlannedStep]) -> bool {
    let holds = |wanted: &PlannedStep| {
        steps.iter().any(|step| (step.variant, &step.event) == (wanted.variant, &wanted.event))
    };
    whole.iter().all(holds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing;

    fn step(block: u32, variant: Variant, event: &str) -> PlannedStep {
        PlannedStep { scenario: "s".to_owned(), block, variant, event: event.parse().unwrap() }
    }

    /// Two whole blocks, and two that hold the edit alone.
    fn plan() -> Vec<PlannedStep> {
        let mut steps = Vec::new();
        for block in 1..=4 {
            for variant in Variant::BOTH {
                let events = if block <= 2 { &["cold", "edit-a"][..] } else { &["edit-a"] };
                steps.extend(events.iter().map(|event| step(block, variant, event)));
            }
        }
        steps
    }

    fn after(done: &[PlannedStep], cache_kept: bool) -> Remaining {
        let samples: Vec<Sample> = done.iter().zip(1..).map(|(key, n)| testing::sample(key, n)).collect();
        remaining(plan().iter(), &samples.iter().collect::<Vec<_>>(), cache_kept)
    }

    fn events(steps: &[PlannedStep]) -> Vec<String> {
        steps.iter().map(|step| format!("{} {} {}", step.block, step.variant, step.event)).collect()
    }

    #[test]
    fn with_its_cache_a_block_goes_on_where_it_stopped() {
        let Remaining { closed, blocks, exact } = after(&plan()[..3], true);
        assert!(closed.is_empty());
        assert_eq!(exact, [1, 2]);
        assert_eq!(events(&blocks[0]), ["1 optimized edit-a"]);
        assert_eq!(blocks.len(), 4);
        assert_eq!(events(&blocks[2]), ["3 naive edit-a", "3 optimized edit-a"]);
    }

    #[test]
    fn without_its_cache_a_half_done_block_is_closed_and_another_measured() {
        let Remaining { closed, blocks, exact } = after(&plan()[..3], false);
        assert_eq!(events(&closed), ["1 optimized edit-a"]);
        let numbers: Vec<u32> = blocks.iter().map(|steps| steps[0].block).collect();
        assert_eq!(numbers, [2, 3, 4, 5]);
        assert_eq!(blocks[3].len(), 4, "as whole as the one it stands for");
        assert_eq!(blocks[3][0].variant, Variant::Naive, "in the order of odd blocks");
        assert_eq!(exact, [2, 5], "sizes need two whole blocks");
    }

    #[test]
    fn what_stands_for_a_lost_block_may_be_lost_too() {
        let mut samples: Vec<Sample> =
            plan()[..6].iter().zip(1..).map(|(key, n)| testing::sample(key, n)).collect();
        samples[3].error = Some(INTERRUPTED.to_owned());
        // Block 2 is lost now, and was block 1 before.
        samples.truncate(5);
        let Remaining { closed, blocks, exact } =
            remaining(plan().iter(), &samples.iter().collect::<Vec<_>>(), false);
        assert_eq!(closed.len(), 3);
        assert_eq!(blocks.iter().map(|steps| steps[0].block).collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert_eq!(events(&blocks[0])[0], "3 naive cold");
        assert_eq!(blocks[3][0].variant, Variant::Optimized, "in the order of even blocks");
        assert_eq!(exact, [3, 5], "the first begins cold now, and so holds all");

        let stand_in: Vec<PlannedStep> = blocks[2][..1].to_vec();
        let done: Vec<PlannedStep> = [&plan()[..3], &plan()[4..], &stand_in[..]].concat();
        let mut samples: Vec<Sample> = done.iter().zip(1..).map(|(key, n)| testing::sample(key, n)).collect();
        let interrupted = Sample { error: Some(INTERRUPTED.to_owned()), ..testing::sample(&plan()[3], 99) };
        samples.push(interrupted);
        let Remaining { closed, blocks, exact } =
            remaining(plan().iter(), &samples.iter().collect::<Vec<_>>(), false);
        assert_eq!(closed.len(), 3, "of block 5");
        assert_eq!(blocks.iter().map(|steps| steps[0].block).collect::<Vec<_>>(), [6]);
        assert_eq!(exact, [2, 6]);
    }

    #[test]
    fn without_its_cache_a_block_of_edits_alone_begins_cold() {
        let two_blocks = &plan()[..8];
        let Remaining { closed, blocks, .. } = after(two_blocks, false);
        assert!(closed.is_empty());
        let cold = ["3 naive cold", "3 naive edit-a", "3 optimized cold", "3 optimized edit-a"];
        assert_eq!(events(&blocks[0]), cold);
        assert_eq!(events(&blocks[1]), ["4 naive edit-a", "4 optimized edit-a"], "and leaves its cache");
        assert_eq!(events(&after(two_blocks, true).blocks[0]), ["3 naive edit-a", "3 optimized edit-a"]);

        let lost_again = [two_blocks, &[step(3, Variant::Naive, "cold")]].concat();
        let Remaining { closed, blocks, .. } = after(&lost_again, false);
        assert_eq!(events(&closed), ["3 naive edit-a", "3 optimized cold", "3 optimized edit-a"]);
        assert_eq!(blocks.iter().map(|steps| steps[0].block).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(blocks[0].len(), 4, "cold builds first");
        assert_eq!(blocks[1].len(), 4, "a stand-in begins cold, too");
        let going_on = after(&lost_again, true).blocks;
        let open = ["3 naive edit-a", "3 optimized cold", "3 optimized edit-a"];
        assert_eq!(events(&going_on[0]), open, "each variant on its own cold build");
    }

    #[test]
    fn what_was_closed_stays_closed() {
        let done = plan();
        let mut samples: Vec<Sample> =
            done[..4].iter().zip(1..).map(|(key, n)| testing::sample(key, n)).collect();
        samples[3].error = Some(INTERRUPTED.to_owned());
        let Remaining { closed, blocks, .. } =
            remaining(done.iter(), &samples.iter().collect::<Vec<_>>(), false);
        assert!(closed.is_empty());
        assert_eq!(blocks.iter().map(|steps| steps[0].block).collect::<Vec<_>>(), [2, 3, 4, 5]);
    }
}
