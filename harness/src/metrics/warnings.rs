//! What makes times less than they look: a machine that changes, a first build that is unlike the rest, two kinds of
//! builds under one name. Each with what to do about it.

use std::collections::BTreeMap;

use super::Unit;
use crate::scenario::{Metric, Pair, SampleColumn, TOTAL, Variant};
use crate::stats::{self, LEAST_BLOCKS};

/// A clean run has a false drift once in a hundred metrics.
const DRIFT_P: f64 = 0.01;
/// A clean run has a false first-run effect once in a hundred metrics: each variant is tested.
const FIRST_P: f64 = 0.005;
/// What is smaller is nothing to worry about: 5 % of a time, and 0.1 s.
const WORTH_RATIO: f64 = 0.05;
const WORTH_S: f64 = 0.1;

/// The warnings of one metric on time, from what each variant measured block by block. Of the many times that a build
/// has, wall and CPU seconds are looked at, and of a start-up the whole: a warning a phase would say the same again.
pub(super) fn warnings(metric: &Metric, values: &Pair<BTreeMap<u32, f64>>) -> Vec<String> {
    let looked_at = match metric {
        Metric::Sample(column, _) => matches!(column, SampleColumn::Wall | SampleColumn::Cpu),
        Metric::StartPhase(phase, _) => phase == TOTAL,
        _ => false,
    };
    if !looked_at {
        return Vec::new();
    }
    let mut warnings: Vec<String> = drift(values).into_iter().collect();
    for variant in Variant::BOTH {
        let logs: Vec<f64> = values.get(variant).values().filter(|s| **s > 0.0).map(|s| s.ln()).collect();
        if logs.len() >= LEAST_BLOCKS {
            warnings.extend(first_run(variant, &logs));
            warnings.extend(two_groups(variant, &logs));
        }
    }
    warnings
}

/// Kendall's test of the blocks, each the mean of its two logarithms: what slows one block slows both its samples, and
/// two samples of a block are no two witnesses.
fn drift(values: &Pair<BTreeMap<u32, f64>>) -> Option<String> {
    let blocks = values.naive.iter().filter_map(|(block, naive)| {
        let optimized = values.optimized.get(block)?;
        (*naive > 0.0 && *optimized > 0.0).then(|| f64::midpoint(naive.ln(), optimized.ln()))
    });
    let blocks: Vec<f64> = blocks.collect();
    if blocks.len() < LEAST_BLOCKS {
        return None;
    }
    let p = stats::kendall_p(&blocks);
    // The medians of the first and the last third, which lie two thirds of the run apart.
    let third = blocks.len() / 3;
    let (early, late) = (stats::median(&blocks[..third])?, stats::median(&blocks[blocks.len() - third..])?);
    let change = ((late - early).exp_m1() * 100.0).abs();
    (p <= DRIFT_P && worth(early.min(late), early.max(late))).then(|| {
        format!(
            "drift: the builds of the last third of the blocks took {change:.0} % {} than those of the first (Kendall's test, \
             p = {p:.4}). The order within blocks alternates, so that the ratio is moved little, but the seconds of \
             each variant are those of a machine that changed. Look for what else ran, heat, a disk that fills; then \
             measure again",
            if late > early { "more time" } else { "less time" },
        )
    })
}

fn first_run(variant: Variant, logs: &[f64]) -> Option<String> {
    let (first, rest) = logs.split_first()?;
    let usual = stats::median(rest)?;
    let slowest = rest.iter().all(|other| first > other);
    let p = stats::first_is_larger_p(logs);
    (slowest && p <= FIRST_P && worth(usual, *first)).then(|| {
        format!(
            "first-run effect: the first build of {variant} took {}, and those after it {} (p = {p:.4}). Something was \
             not yet warm: caches of the machine, or of the supply. The rank-based estimate is moved little by one block; \
             measure more blocks, or run it again at once",
            seconds(*first),
            seconds(usual)
        )
    })
}

fn two_groups(variant: Variant, logs: &[f64]) -> Option<String> {
    let groups = stats::two_groups(logs)?;
    worth(groups.low, groups.high).then(|| {
        format!(
            "two groups: {} of {} builds of {variant} took about {}, the others {}, and none \
             lies between. A median of two groups says little, and the next run may have other shares. Look at `steps.csv` for the step \
             that is quick in some blocks: a cache that is hit at times, a second reader of the disk, a processor that \
             is throttled",
            groups.in_high,
            logs.len(),
            seconds(groups.high),
            seconds(groups.low)
        )
    })
}

/// Whether two times, given as logarithms, lie far enough apart for anyone to care.
fn worth(low: f64, high: f64) -> bool {
    high - low >= WORTH_RATIO.ln_1p() && high.exp() - low.exp() >= WORTH_S
}

fn seconds(log: f64) -> String {
    Unit::Seconds.format(log.exp())
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;
    use crate::scenario::Event;

    const RUNS: usize = 4_000;

    /// How often each warning is given in runs of so many blocks with 10 % of log-normal noise a build and 10 % that
    /// the two builds of a block share; `disturb` says how much longer the build of a block takes, in logarithms.
    fn shares(blocks: u32, mut disturb: impl FnMut(&mut Xoshiro256PlusPlus, u32) -> f64) -> [f64; 3] {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(26_11);
        let mut given = [0_usize; 3];
        for _ in 0..RUNS {
            let mut values = Pair { naive: BTreeMap::new(), optimized: BTreeMap::new() };
            for block in 1..=blocks {
                let shared = 0.1 * normal(&mut random);
                for variant in Variant::BOTH {
                    let log = shared + 0.1 * normal(&mut random) + disturb(&mut random, block);
                    values.get_mut(variant).insert(block, 20.0 * log.exp());
                }
            }
            let said = warnings(&wall(), &values);
            for (given, start) in given.iter_mut().zip(["drift", "first-run", "two groups"]) {
                *given += usize::from(said.iter().any(|warning| warning.starts_with(start)));
            }
        }
        given.map(|count| count as f64 / RUNS as f64)
    }

    fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
        let (u, v): (f64, f64) = (random.random(), random.random());
        (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    fn wall() -> Metric {
        Metric::Sample(SampleColumn::Wall, Event::Cold)
    }

    #[test]
    fn clean_noise_gives_each_warning_at_most_once_in_a_hundred_metrics() {
        for blocks in [6, 10, 20] {
            let shares = shares(blocks, |_, _| 0.0);
            // Two standard errors of 4000 runs beyond 1 %.
            assert!(shares.iter().all(|share| *share <= 0.0131), "{blocks} blocks: {shares:?}");
        }
    }

    #[test]
    fn a_machine_that_slows_down_is_a_drift() {
        let steep = shares(6, |_, block| 0.4 * f64::from(block));
        let slow = shares(20, |_, block| 0.04 * f64::from(block));
        assert!(steep[0] > 0.9 && slow[0] > 0.9, "{steep:?} {slow:?}");
        let quicker = shares(20, |_, block| -0.04 * f64::from(block));
        assert!(quicker[0] > 0.9, "{quicker:?}");
    }

    #[test]
    fn a_first_build_that_takes_twice_as_long_is_a_first_run_effect() {
        for (blocks, longer) in [(6, 1.3), (20, 0.7)] {
            let shares = shares(blocks, |_, block| if block == 1 { longer } else { 0.0 });
            assert!(shares[1] > 0.9, "{blocks} blocks: {shares:?}");
        }
    }

    #[test]
    fn builds_of_which_some_take_twice_as_long_are_two_groups() {
        let shares = shares(20, |random, _| if random.random_bool(0.4) { 1.0 } else { 0.0 });
        assert!(shares[2] > 0.9, "{shares:?}");
    }

    #[test]
    fn what_nobody_would_notice_is_no_warning_and_neither_is_another_quantity() {
        let rising = |step: f64| -> BTreeMap<u32, f64> {
            (1..=8).map(|block| (block, 20.0 * (1.0 + step * f64::from(block)))).collect()
        };
        let pair = |step| Pair { naive: rising(step), optimized: rising(step) };
        assert_eq!(warnings(&wall(), &pair(0.001)), [""; 0]);
        assert_eq!(warnings(&wall(), &pair(0.05)).len(), 1);
        let exporting = Metric::Sample(SampleColumn::Export, Event::Cold);
        assert_eq!(warnings(&exporting, &pair(0.05)), [""; 0]);
        let five: BTreeMap<u32, f64> = rising(0.05).into_iter().take(5).collect();
        assert_eq!(
            warnings(&wall(), &Pair { naive: five.clone(), optimized: five }),
            [""; 0],
            "too few blocks"
        );
    }
}
