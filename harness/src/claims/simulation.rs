//! How often the verdicts err, by simulation with the very functions that give them.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::record::testing::RunBuilder;
use crate::scenario::{Event, Metric, SampleColumn};
use crate::stats::{log_ratios, signed_rank_interval};

/// Through the whole of what gives a verdict.
const COMPARISONS: usize = 2_000;
/// Through the interval alone, which is quick: shares are then known to 0.2 % (one standard error).
const INTERVALS: usize = 10_000;

/// How the time of a build varies; 15 % where nothing else is said.
#[derive(Debug, Clone, Copy)]
enum Noise {
    LogNormal,
    /// A third of the builds take half as long again, the rest is steady.
    Bimodal,
    /// Each build takes 4 % longer than the one before it, within a block too: alternation must see to it.
    Drifting,
}

const NOISES: [Noise; 3] = [Noise::LogNormal, Noise::Bimodal, Noise::Drifting];

/// The seconds of both variants, block by block, in alternating order; the optimized ones `ratio` times as long.
fn blocks(random: &mut Xoshiro256PlusPlus, noise: Noise, count: usize, ratio: f64) -> Vec<(f64, f64)> {
    let normal = |random: &mut Xoshiro256PlusPlus| {
        let (u, v): (f64, f64) = (random.random(), random.random());
        (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    };
    let first_is_naive: bool = random.random();
    (0..count)
        .map(|block| {
            let mut seconds = |place: usize| {
                let log = match noise {
                    Noise::LogNormal => 0.15 * normal(random),
                    Noise::Bimodal if random.random_bool(0.33) => 0.4 + 0.03 * normal(random),
                    Noise::Bimodal => 0.03 * normal(random),
                    Noise::Drifting => 0.15 * normal(random) + 0.04 * (2 * block + place) as f64,
                };
                20.0 * log.exp()
            };
            let (first, second) = (seconds(0), seconds(1));
            let (naive, optimized) =
                if first_is_naive == (block % 2 == 0) { (first, second) } else { (second, first) };
            (naive, ratio * optimized)
        })
        .collect()
}

/// The share of simulated comparisons for which `holds`.
fn share(
    comparisons: usize,
    noise: Noise,
    count: usize,
    ratio: f64,
    holds: impl Fn(&[(f64, f64)]) -> bool,
) -> f64 {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
    let held = (0..comparisons).filter(|_| holds(&blocks(&mut random, noise, count, ratio))).count();
    held as f64 / comparisons as f64
}

/// What a report would say of these seconds.
fn effect(pairs: &[(f64, f64)]) -> Effect {
    let (naive, optimized): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let run = RunBuilder::new().scenario("s").claim(
        Metric::Sample(SampleColumn::Wall, Event::Cold),
        Some(0.0),
        None,
    );
    settle(&run.samples(&Event::Cold, SampleColumn::Wall, &naive, &optimized).build())[0].effect
}

fn covers(pairs: &[(f64, f64)], ratio: f64) -> bool {
    signed_rank_interval(&log_ratios(pairs), 0.95).unwrap().contains(ratio.ln())
}

#[test]
fn six_blocks_of_equal_variants_are_called_different_in_at_most_5_percent() {
    for noise in NOISES {
        let wrong =
            share(COMPARISONS, noise, 6, 1.0, |pairs| matches!(effect(pairs), Effect::Helps | Effect::Hurts));
        assert!(wrong <= 0.05, "{noise:?}: {wrong}");
    }
}

/// No effect is called where the interval holds "no difference", so that this bounds the effects too; the test of
/// all sign assignments, which a report shows beside it, would take a minute here.
#[test]
fn twenty_blocks_of_equal_variants_differ_in_at_most_5_percent() {
    for noise in NOISES {
        let wrong = share(INTERVALS, noise, 20, 1.0, |pairs| !covers(pairs, 1.0));
        // The exact rate of the interval is 4.84 %; beyond 5 %, two standard errors are left to chance.
        assert!(wrong <= 0.05 + 0.0044, "{noise:?}: {wrong}");
    }
}

/// At six blocks the exact interval is one of 96.9 %: there is none nearer to 95. 0.4 % is left to chance.
#[test]
fn the_interval_covers_what_it_says() {
    for count in [6, 20] {
        let covered = share(INTERVALS, Noise::LogNormal, count, 0.7, |pairs| covers(pairs, 0.7));
        assert!((0.93..=0.973).contains(&covered), "{count} blocks: {covered}");
    }
}

/// A function that always says "unclear" fails here.
#[test]
fn a_reduction_of_30_percent_is_called_a_help_in_6_to_10_blocks() {
    let found =
        |count| share(COMPARISONS, Noise::LogNormal, count, 0.7, |pairs| effect(pairs) == Effect::Helps);
    let (six, eight, ten) = (found(6), found(8), found(10));
    assert!(eight >= 0.9 && ten >= 0.9, "6 blocks: {six}, 8: {eight}, 10: {ten}");
}
