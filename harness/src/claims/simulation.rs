//! How often the verdicts err, by simulation with the very functions that give them.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::record::testing::RunBuilder;
use crate::scenario::{Event, Metric, SampleColumn};
use crate::stats::{Interval, LOOKS, Stopping, log_ratios, precise_enough, signed_rank_interval};

/// Through the whole of what gives a verdict.
const COMPARISONS: usize = 2_000;
/// Through the interval alone, which is quick: shares are then known to 0.1 % (one standard error).
const INTERVALS: usize = 40_000;

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
    scaled_blocks(random, noise, 1.0, count, ratio)
}

/// The same with `scale` times the noise.
fn scaled_blocks(
    random: &mut Xoshiro256PlusPlus,
    noise: Noise,
    scale: f64,
    count: usize,
    ratio: f64,
) -> Vec<(f64, f64)> {
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
                20.0 * (scale * log).exp()
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
        // The exact rate of the interval is 4.84 %.
        assert!(wrong <= 0.05, "{noise:?}: {wrong}");
    }
}

/// At six blocks the exact interval is one of 96.9 %: there is none nearer to 95.
#[test]
fn the_interval_covers_what_it_says() {
    for count in [6, 20] {
        let covered = share(INTERVALS, Noise::LogNormal, count, 0.7, |pairs| covers(pairs, 0.7));
        assert!((0.93..=0.97).contains(&covered), "{count} blocks: {covered}");
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

/// Runs of each kind: shares are known to 0.5 % (one standard error).
const STOPPED_RUNS: usize = 2_000;

/// The intervals of one run after each number of blocks at which it may end, with their width as a report has it.
fn looked_at(pairs: &[(f64, f64)], ends: &[u32]) -> Vec<(u32, Interval, f64)> {
    let log_ratios = log_ratios(pairs);
    let at = |blocks: &u32| {
        let interval =
            signed_rank_interval(&log_ratios[..*blocks as usize], Stopping::Looked.confidence()).unwrap();
        (*blocks, interval, interval.high.exp() - interval.low.exp())
    };
    ends.iter().map(at).collect()
}

/// The interval on which a run ends that seeks this precision and measures no more than all of the blocks.
fn final_interval(looks: &[(u32, Interval, f64)], percent: f64) -> Interval {
    let enough =
        |(blocks, _, width): &&(u32, Interval, f64)| precise_enough(*blocks, [Some(*width)], percent / 100.0);
    looks.iter().find(enough).unwrap_or(&looks[looks.len() - 1]).1
}

/// The share of runs that end on an interval with the truth in it, for each of the precisions: with 5, 15 and 30 % of
/// noise, in runs that the last look ends and in runs that the clock ends between two looks.
///
/// The variants are equal, so that what does not hold the truth is an effect found where there is none. With an effect
/// the interval moves and is as wide in logarithms: what holds without one at a precision holds with it at another.
fn hold_when_they_stop(noise: Noise) {
    let precisions = [5.0, 10.0, 20.0, 30.0, 50.0];
    let mut random = Xoshiro256PlusPlus::seed_from_u64(2_611);
    for percent in [5.0, 15.0, 30.0] {
        for ends in [&LOOKS[..], &[6, 10, 13]] {
            let most = ends[ends.len() - 1] as usize;
            let mut covered = precisions.map(|_| 0_usize);
            for _ in 0..STOPPED_RUNS {
                let pairs = scaled_blocks(&mut random, noise, percent / 15.0, most, 1.0);
                let looks = looked_at(&pairs, ends);
                for (covered, precision) in covered.iter_mut().zip(precisions) {
                    *covered += usize::from(final_interval(&looks, precision).contains(0.0));
                }
            }
            for (covered, precision) in covered.iter().zip(precisions) {
                let covered = *covered as f64 / STOPPED_RUNS as f64;
                assert!(
                    covered >= 0.95,
                    "{noise:?} of {percent} %, to {precision} points, {ends:?}: {covered}"
                );
            }
        }
    }
}

#[test]
fn a_run_that_stops_when_it_is_precise_holds_the_truth_in_steady_noise() {
    hold_when_they_stop(Noise::LogNormal);
}

#[test]
fn a_run_that_stops_when_it_is_precise_holds_the_truth_in_bimodal_noise() {
    hold_when_they_stop(Noise::Bimodal);
}

#[test]
fn a_run_that_stops_when_it_is_precise_holds_the_truth_in_drifting_noise() {
    hold_when_they_stop(Noise::Drifting);
}

/// What the looks cost without a higher confidence: this simulation would see it.
#[test]
fn the_plain_interval_would_not_hold_where_one_looks() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(2_611);
    let missed = (0..STOPPED_RUNS).filter(|_| {
        let log_ratios = log_ratios(&scaled_blocks(&mut random, Noise::LogNormal, 1.0, 24, 1.0));
        let at = |blocks: &u32| signed_rank_interval(&log_ratios[..*blocks as usize], 0.95).unwrap();
        let narrow = |interval: &Interval| interval.high.exp() - interval.low.exp() <= 0.2;
        let looks: Vec<Interval> = [6, 10, 16, 24].iter().map(at).collect();
        !looks.iter().find(|interval| narrow(interval)).unwrap_or(&looks[3]).contains(0.0)
    });
    let rate = missed.count() as f64 / STOPPED_RUNS as f64;
    assert!(rate > 0.05, "{rate}");
}
