//! What of a scenario's plan is still to be done, after an earlier part of the run.

use std::collections::{BTreeMap, HashSet};

use crate::record::{INTERRUPTED, PlannedStep, Sample};
use crate::scenario::Event;

/// What to do about a half-done scenario.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Remaining {
    /// Builds that will never be: a "rebuild" on an empty cache would be a cold build.
    pub(super) closed: Vec<PlannedStep>,
    /// The builds still to do, block by block.
    pub(super) blocks: Vec<Vec<PlannedStep>>,
}

/// Holds the plan of one scenario against its samples. A half-done block whose cache is gone is closed,
/// and one more is measured in its place, like the first one; `cache_kept` says whether the engine still
/// has the cache that those samples left.
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
    let whole_block = |number| whole.iter().cloned().map(move |step| PlannedStep { block: number, ..step });
    let is_done = |step: &PlannedStep| done.iter().any(|sample| sample.key() == *step);

    let interrupted = done.iter().filter(|sample| sample.error.as_deref() == Some(INTERRUPTED));
    let mut lost: HashSet<u32> = interrupted.map(|sample| sample.block).collect();
    let mut closed = Vec::new();
    if !cache_kept {
        for (number, steps) in &blocks {
            // Also begun is a block of which only the cold build is done, which its plan may not hold.
            let begun = done.iter().any(|sample| sample.block == *number);
            let open: Vec<&PlannedStep> = steps.iter().filter(|step| !is_done(step)).collect();
            if begun && !open.is_empty() {
                closed.extend(open.into_iter().cloned());
                lost.insert(*number);
            }
        }
    }
    let last = *blocks.keys().last().unwrap_or(&0);
    for number in (last + 1)..=(last + lost.len() as u32) {
        blocks.insert(number, whole_block(number).collect());
    }

    let mut open: Vec<Vec<PlannedStep>> = blocks
        .into_iter()
        .filter(|(number, _)| !lost.contains(number))
        .map(|(_, steps)| steps.into_iter().filter(|step| !is_done(step)).collect())
        .filter(|steps: &Vec<PlannedStep>| !steps.is_empty())
        .collect();
    // A block that was to go on in an earlier one's cache needs a cold build of its own.
    if !cache_kept
        && let Some(first) = open.first_mut()
        && first.iter().all(|step| step.event != Event::Cold)
    {
        *first = whole_block(first[0].block).collect();
    }
    Remaining { closed, blocks: open }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing;
    use crate::scenario::Variant;

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
        let Remaining { closed, blocks } = after(&plan()[..3], true);
        assert!(closed.is_empty());
        assert_eq!(events(&blocks[0]), ["1 optimized edit-a"]);
        assert_eq!(blocks.len(), 4);
        assert_eq!(events(&blocks[2]), ["3 naive edit-a", "3 optimized edit-a"]);
    }

    #[test]
    fn without_its_cache_a_half_done_block_is_closed_and_another_measured() {
        let Remaining { closed, blocks } = after(&plan()[..3], false);
        assert_eq!(events(&closed), ["1 optimized edit-a"]);
        let numbers: Vec<u32> = blocks.iter().map(|steps| steps[0].block).collect();
        assert_eq!(numbers, [2, 3, 4, 5]);
        assert_eq!(blocks[3].len(), 4, "as whole as the one it stands for");
    }

    #[test]
    fn without_its_cache_a_block_of_edits_alone_begins_cold() {
        let two_blocks = &plan()[..8];
        let Remaining { closed, blocks } = after(two_blocks, false);
        assert!(closed.is_empty());
        let cold = ["3 naive cold", "3 naive edit-a", "3 optimized cold", "3 optimized edit-a"];
        assert_eq!(events(&blocks[0]), cold);
        assert_eq!(events(&blocks[1]), ["4 naive edit-a", "4 optimized edit-a"], "and leaves its cache");
        assert_eq!(events(&after(two_blocks, true).blocks[0]), ["3 naive edit-a", "3 optimized edit-a"]);

        let lost_again = [two_blocks, &[step(3, Variant::Naive, "cold")]].concat();
        let Remaining { closed, blocks } = after(&lost_again, false);
        assert_eq!(events(&closed), ["3 naive edit-a", "3 optimized edit-a"]);
        assert_eq!(blocks.iter().map(|steps| steps[0].block).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(blocks[0].len(), 4, "cold builds first");
    }

    #[test]
    fn what_was_closed_stays_closed() {
        let done = plan();
        let mut samples: Vec<Sample> =
            done[..4].iter().zip(1..).map(|(key, n)| testing::sample(key, n)).collect();
        samples[3].error = Some(INTERRUPTED.to_owned());
        let Remaining { closed, blocks } = remaining(done.iter(), &samples.iter().collect::<Vec<_>>(), false);
        assert!(closed.is_empty());
        assert_eq!(blocks.iter().map(|steps| steps[0].block).collect::<Vec<_>>(), [2, 3, 4, 5]);
    }
}
