//! Every effect and every verdict, from rows.

use proptest::prelude::*;

use super::*;
use crate::record::INTERRUPTED;
use crate::record::testing::RunBuilder;
use crate::scenario::{DeltaColumn, Event, ImageColumn, Metric, Pair, SampleColumn, Start, Variant};

const MB: u64 = 1_000_000;

fn wall() -> Metric {
    Metric::Sample(SampleColumn::Wall, Event::Cold)
}

fn rootfs() -> Metric {
    Metric::Image(ImageColumn::Rootfs)
}

fn edit() -> Event {
    Event::Edit("source".into())
}

fn installed() -> Metric {
    Metric::Executed("install".to_owned(), edit())
}

/// A run whose one claim is on the wall seconds of the cold build.
fn times(naive: &[f64], optimized: &[f64], min: Option<f64>, max: Option<f64>) -> ClaimRow {
    settle_only(RunBuilder::new().scenario("s").claim(wall(), min, max).samples(
        &Event::Cold,
        SampleColumn::Wall,
        naive,
        optimized,
    ))
}

/// A run whose one claim is on the size of the file system, in MB.
fn sizes(naive: &[u64], optimized: &[u64], min: Option<f64>, max: Option<f64>) -> ClaimRow {
    let bytes = |values: &[u64]| values.iter().map(|value| value * MB).collect::<Vec<_>>();
    settle_only(RunBuilder::new().scenario("s").claim(rootfs(), min, max).images(
        ImageColumn::Rootfs,
        &bytes(naive),
        &bytes(optimized),
    ))
}

/// A run whose one claim is on the install step after an edit.
fn executed(naive: &[bool], optimized: &[bool], min: Option<f64>, max: Option<f64>) -> ClaimRow {
    settle_only(with_install().claim(installed(), min, max).executed(
        &edit(),
        "[2/3] RUN pip install -r requirements.txt",
        naive,
        optimized,
    ))
}

fn with_install() -> RunBuilder {
    let text = || "pip install".to_owned();
    RunBuilder::new().scenario("s").event(edit()).with(|scenario| {
        scenario.steps = vec![("install".to_owned(), Pair { naive: text(), optimized: text() })];
    })
}

fn settle_only(run: RunBuilder) -> ClaimRow {
    let mut rows = settle(&run.build());
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

/// Six blocks around `seconds`, each block with its own disturbance that both variants share.
fn around(seconds: f64, noise: f64) -> Vec<f64> {
    (0..6).map(|block| seconds * (1.0 + noise * f64::from(block % 3)) + 0.01 * f64::from(block)).collect()
}

#[test]
fn every_verdict_on_a_size() {
    let claimed = (Some(0.4), Some(0.6));
    let table = [
        ([100, 100], [45, 45], Verdict::Supported),
        ([100, 100], [60, 60], Verdict::Supported), // touching an end is inside
        ([100, 100], [30, 30], Verdict::BetterThanClaimed),
        ([100, 100], [71, 71], Verdict::Contradicted),
        ([100, 100], [120, 120], Verdict::Contradicted),
        ([100, 100], [55, 65], Verdict::Inconclusive),
        ([100, 100], [35, 70], Verdict::Inconclusive),
    ];
    for (naive, optimized, verdict) in table {
        assert_eq!(
            sizes(&naive, &optimized, claimed.0, claimed.1).verdict,
            verdict,
            "{naive:?} {optimized:?}"
        );
    }
    assert_eq!(sizes(&[100, 100], &[71, 71], Some(0.4), None).verdict, Verdict::Contradicted);
    assert_eq!(sizes(&[100, 100], &[10, 10], Some(0.4), None).verdict, Verdict::Supported);
    assert_eq!(sizes(&[100, 100], &[10, 10], None, Some(0.6)).verdict, Verdict::BetterThanClaimed);
    assert_eq!(sizes(&[100, 100], &[90, 90], None, Some(0.6)).verdict, Verdict::Supported);
}

#[test]
fn every_effect_on_a_size() {
    let table = [
        ([100, 100], [71, 71], Effect::Helps),
        ([100, 100], [130, 130], Effect::Hurts),
        ([100, 100], [100, 100], Effect::NoEffect),
        ([1000, 1000], [995, 995], Effect::NoEffect), // 0.5 %: there, but nothing worth speaking of
        ([100, 120], [90, 130], Effect::Unclear),
    ];
    for (naive, optimized, effect) in table {
        assert_eq!(sizes(&naive, &optimized, None, None).effect, effect, "{naive:?} {optimized:?}");
    }
    let small = sizes(&[1000, 1000], &[995, 995], None, None);
    assert_eq!((small.significant, small.relevant), (Some(true), Some(false)));
}

#[test]
fn a_practice_can_help_and_its_figure_be_contradicted() {
    let row = sizes(&[100, 100], &[71, 71], Some(0.4), Some(0.6));
    assert_eq!((row.effect, row.verdict), (Effect::Helps, Verdict::Contradicted));
    assert_eq!((row.estimate, row.blocks), (Some(0.29), 2));
    assert_eq!(row.reason, "29 % smaller (2 blocks); claimed: 40 to 60 % smaller");
}

#[test]
fn sizes_that_differ_as_logs_do_are_equal() {
    let run = RunBuilder::new().scenario("s").claim(rootfs(), None, None);
    let row = settle_only(run.images(
        ImageColumn::Rootfs,
        &[10 * MB, 10 * MB],
        &[10 * MB - 60_000, 10 * MB - 50_000],
    ));
    assert_eq!((row.effect, row.significant), (Effect::NoEffect, Some(false)));
}

#[test]
fn every_effect_and_verdict_on_a_time() {
    let naive = around(20.0, 0.05);
    let scaled = |ratio: f64| naive.iter().map(|seconds| seconds * ratio).collect::<Vec<_>>();
    let noisy: Vec<f64> = naive.iter().zip([0.5, 0.9, 1.3, 0.7, 1.1, 0.6]).map(|(s, r)| s * r).collect();
    let table = [
        (scaled(0.5), Effect::Helps, Verdict::Supported),
        (scaled(0.2), Effect::Helps, Verdict::BetterThanClaimed),
        (scaled(0.8), Effect::Helps, Verdict::Contradicted),
        (scaled(1.4), Effect::Hurts, Verdict::Contradicted),
        (scaled(0.995), Effect::NoEffect, Verdict::Contradicted),
        (naive.clone(), Effect::NoEffect, Verdict::Contradicted),
        (noisy, Effect::Unclear, Verdict::Inconclusive),
    ];
    for (optimized, effect, verdict) in table {
        let row = times(&naive, &optimized, Some(0.4), Some(0.6));
        assert_eq!((row.effect, row.verdict), (effect, verdict), "{optimized:?}");
        assert!(row.p.is_some() && row.p_holm == row.p);
    }
}

#[test]
fn less_than_a_tenth_of_a_second_is_nothing_worth_speaking_of() {
    let naive = [0.30, 0.31, 0.30, 0.32, 0.30, 0.31];
    let row = times(&naive, &naive.map(|seconds| seconds * 0.8), Some(0.4), None);
    assert_eq!((row.effect, row.significant, row.relevant), (Effect::NoEffect, Some(true), Some(false)));
    assert_eq!(row.verdict, Verdict::Contradicted);
    assert!(row.reason.ends_with("; it is 61 ms, too little to be worth speaking of"), "{}", row.reason);
}

#[test]
fn a_phase_that_did_not_happen_takes_no_time() {
    let (some, none) = ([5.0; 6], [0.0; 6]);
    let skipped = times(&some, &none, Some(0.9), None);
    assert_eq!(
        (skipped.effect, skipped.verdict, skipped.low),
        (Effect::Helps, Verdict::Supported, Some(1.0))
    );
    assert_eq!(times(&none, &some, Some(0.9), None).effect, Effect::Hurts);
    let neither = times(&none, &none, Some(0.0), Some(0.0));
    assert_eq!((neither.effect, neither.verdict), (Effect::NoEffect, Verdict::Supported));
}

#[test]
fn a_build_log_cannot_steer_the_terminal() {
    let run = RunBuilder::new().scenario("s").claim(wall(), None, None);
    let row = settle_only(run.fails(Variant::Naive, &Event::Cold, 1, "\u{1b}[2Jgone"));
    assert_eq!(row.reason, "naive, cold, block 1 failed: [2Jgone");
}

#[test]
fn five_blocks_decide_nothing_on_a_time_and_six_do() {
    let naive = around(20.0, 0.05);
    let optimized: Vec<f64> = naive.iter().map(|seconds| seconds * 0.5).collect();
    for count in 1..=5 {
        let row = times(&naive[..count], &optimized[..count], Some(0.4), Some(0.6));
        assert_eq!((row.effect, row.verdict), (Effect::Unclear, Verdict::Inconclusive));
        assert_eq!((row.low, row.high, row.p), (None, None, None));
        assert!((row.estimate.unwrap() - 0.5).abs() < 1e-9, "what was seen is still shown");
    }
    let five = times(&naive[..5], &optimized[..5], Some(0.4), Some(0.6));
    assert_eq!(five.reason, "5 blocks, and a 95 % statement on time needs 6");
    assert_eq!(times(&naive, &optimized, Some(0.4), Some(0.6)).verdict, Verdict::Supported);
}

#[test]
fn one_block_decides_nothing_on_a_size_or_a_count() {
    let size = sizes(&[100], &[45], Some(0.4), Some(0.6));
    assert_eq!((size.effect, size.verdict), (Effect::Unclear, Verdict::Inconclusive));
    assert!(size.reason.contains("1 block"), "{}", size.reason);
    assert_eq!(executed(&[true], &[false], Some(1.0), Some(1.0)).verdict, Verdict::Inconclusive);
}

#[test]
fn cache_hits_are_settled_by_equality() {
    let skipped = executed(&[true, true], &[false, false], Some(1.0), Some(1.0));
    assert_eq!((skipped.effect, skipped.verdict), (Effect::Helps, Verdict::Supported));
    assert_eq!(skipped.reason, "1 → 0 in 2 blocks; claimed: 100 % fewer");
    let both_ran = executed(&[true, true], &[true, true], Some(1.0), Some(1.0));
    assert_eq!((both_ran.effect, both_ran.verdict), (Effect::NoEffect, Verdict::Contradicted));
    assert_eq!(executed(&[true; 2], &[true; 2], Some(0.0), Some(0.0)).verdict, Verdict::Supported);
    let turned = executed(&[false, false], &[true, true], Some(1.0), Some(1.0));
    assert_eq!((turned.effect, turned.verdict), (Effect::Hurts, Verdict::Contradicted));
    assert_eq!(turned.estimate, None, "1 of 0 is no ratio");
    let unequal = executed(&[true, true, true], &[false, true, false], Some(1.0), Some(1.0));
    assert_eq!((unequal.effect, unequal.verdict), (Effect::Unclear, Verdict::Inconclusive));
    assert!(unequal.reason.contains("do not agree"), "{}", unequal.reason);
}

#[test]
fn a_text_that_no_step_contains_is_not_a_cache_hit() {
    let run = with_install().claim(installed(), Some(1.0), None);
    let row = settle_only(run.executed(&edit(), "[2/3] RUN uv sync", &[true, true], &[false, false]));
    assert_eq!((row.effect, row.verdict), (Effect::Unclear, Verdict::NotMeasured));
    assert_eq!(row.reason, "no step of naive, edit-source contains `pip install`");
}

#[test]
fn a_failed_build_that_a_claim_needs_leaves_it_unmeasured() {
    let run = RunBuilder::new().scenario("s").claim(wall(), Some(0.1), None);
    let run = run.samples(&Event::Cold, SampleColumn::Wall, &around(20.0, 0.0), &around(10.0, 0.0));
    let row = settle_only(run.fails(Variant::Naive, &Event::Cold, 3, "\nprocess \"pip\" failed\nlog"));
    assert_eq!((row.effect, row.verdict), (Effect::Unclear, Verdict::NotMeasured));
    assert_eq!(row.reason, "naive, cold, block 3 failed: process \"pip\" failed");
    assert_eq!((row.estimate, row.low, row.p), (None, None, None));
}

#[test]
fn what_never_followed_a_failed_first_build_is_explained_by_it() {
    let delta = Metric::Delta(DeltaColumn::NewCompressed, edit());
    let run = RunBuilder::new().scenario("s").event(edit()).claim(delta, Some(0.5), None);
    let row = settle_only(run.fails(Variant::Optimized, &Event::Cold, 1, "no such file"));
    assert_eq!(row.verdict, Verdict::NotMeasured);
    assert_eq!(row.reason, "optimized, cold, block 1 failed: no such file");
}

#[test]
fn a_failure_elsewhere_does_not_touch_a_claim() {
    let run = RunBuilder::new().scenario("s").event(edit()).claim(wall(), Some(0.1), None);
    let run = run.samples(&Event::Cold, SampleColumn::Wall, &around(20.0, 0.0), &around(10.0, 0.0));
    let row = settle_only(run.fails(Variant::Naive, &edit(), 1, "exit code 1"));
    assert_eq!(row.verdict, Verdict::Supported);
}

#[test]
fn a_block_that_was_cut_short_and_measured_again_costs_nothing() {
    let run = RunBuilder::new().scenario("s").claim(wall(), Some(0.1), None);
    let run = run.samples(&Event::Cold, SampleColumn::Wall, &around(20.0, 0.05), &around(10.0, 0.05));
    let row = settle_only(run.fails(Variant::Naive, &Event::Cold, 7, INTERRUPTED));
    assert_eq!((row.effect, row.verdict), (Effect::Helps, Verdict::Supported), "{}", row.reason);
}

#[test]
fn a_profile_too_small_settles_nothing_and_says_which_would() {
    let run = RunBuilder::new().profile(Profile::Smoke).scenario("s").claim(rootfs(), Some(0.4), None);
    let row = settle_only(run.images(ImageColumn::Rootfs, &[100 * MB; 2], &[45 * MB; 2]));
    assert_eq!((row.effect, row.verdict), (Effect::Unclear, Verdict::NotMeasured));
    assert!(row.reason.contains("smoke") && row.reason.contains("--profile quick"), "{}", row.reason);
}

#[test]
fn nothing_measured_is_not_measured() {
    let row = settle_only(RunBuilder::new().scenario("s").claim(wall(), Some(0.4), None));
    assert_eq!((row.verdict, row.blocks), (Verdict::NotMeasured, 0));
    assert_eq!(row.reason, "nothing was measured of naive, cold");
}

#[test]
fn p_is_adjusted_over_all_claims_on_time_of_the_run() {
    let naive = around(20.0, 0.05);
    let optimized: Vec<f64> = naive.iter().map(|seconds| seconds * 0.5).collect();
    let mut run = RunBuilder::new();
    for scenario in ["one", "two"] {
        run = run
            .scenario(scenario)
            .claim(wall(), None, None)
            .claim(rootfs(), None, None)
            .samples(&Event::Cold, SampleColumn::Wall, &naive, &optimized)
            .images(ImageColumn::Rootfs, &[100 * MB; 2], &[50 * MB; 2]);
    }
    let rows = settle(&run.build());
    let adjusted: Vec<Option<f64>> = rows.iter().map(|row| row.p_holm).collect();
    assert_eq!(adjusted, [Some(0.0625), None, Some(0.0625), None]);
}

proptest! {
    /// Whatever the times: swapping the variants turns the effect and nothing else.
    #[test]
    fn swapping_the_variants_turns_the_effect(
        naive in prop::collection::vec(0.2..60.0_f64, 6..10), ratio in 0.3..3.0_f64, noise in 0.0..0.3_f64,
    ) {
        let optimized: Vec<f64> = naive
            .iter()
            .enumerate()
            .map(|(at, seconds)| seconds * ratio * (1.0 + noise * ((at * 7 % 5) as f64 / 5.0 - 0.4)))
            .collect();
        let (there, back) = (times(&naive, &optimized, None, None), times(&optimized, &naive, None, None));
        let turned = match there.effect {
            Effect::Helps => Effect::Hurts,
            Effect::Hurts => Effect::Helps,
            same => same,
        };
        prop_assert_eq!(back.effect, turned);
        prop_assert_eq!(back.significant, there.significant);
    }

    /// A variant against itself never pays.
    #[test]
    fn equal_variants_never_help(seconds in prop::collection::vec(0.2..60.0_f64, 1..12)) {
        let row = times(&seconds, &seconds, None, None);
        let expected = if seconds.len() < 6 { Effect::Unclear } else { Effect::NoEffect };
        prop_assert_eq!(row.effect, expected);
    }
}

/// A run whose one claim is that a start again takes at most 5 % longer.
fn starts(naive: &[Option<f64>], optimized: &[Option<f64>]) -> ClaimRow {
    let metric = Metric::StartPhase("import".to_owned(), Start::Again);
    let run = RunBuilder::new().scenario("s").claim(metric, Some(-0.05), None);
    // The first starts are another metric.
    let first = [Some(9.0), Some(1.0), Some(9.0), Some(1.0), Some(9.0), Some(1.0)];
    let run = run.starts("import", Start::First, &first, &first);
    settle_only(run.starts("import", Start::Again, naive, optimized))
}

#[test]
fn starts_are_judged_as_times_and_a_failed_one_is_no_time() {
    let naive = [0.50, 0.51, 0.52, 0.50, 0.51, 0.50].map(Some);
    let slower = [0.90, 0.91, 0.92, 0.90, 0.93, 0.91].map(Some);
    let row = starts(&naive, &slower);
    assert_eq!((row.effect, row.verdict), (Effect::Hurts, Verdict::Contradicted), "{row:?}");
    assert_eq!(starts(&naive, &naive).effect, Effect::NoEffect);
    assert_eq!(starts(&naive[..5], &slower[..5]).verdict, Verdict::Inconclusive, "six starts are needed");
    let mut failing = slower;
    failing[3] = None;
    let row = starts(&naive, &failing);
    assert_eq!((row.effect, row.verdict), (Effect::Unclear, Verdict::NotMeasured));
    assert!(row.reason.contains("optimized, start `import` (again), block 4 failed: no module"), "{row:?}");
}

/// A run in which the optimized variant skips the install after an edit, and on a fresh builder does so or not.
fn skipped(there: bool) -> ClaimRow {
    let (fresh, install) = (Event::CiEdit("source".into()), "[2/3] RUN pip install -r requirements.txt");
    let run = with_install().event(fresh.clone()).claim(installed(), Some(1.0), Some(1.0));
    let run = run.executed(&edit(), install, &[true, true], &[false, false]);
    settle_only(run.executed(&fresh, install, &[true, true], &[!there, !there]))
}

#[test]
fn a_gain_of_persistent_builders_is_marked_so() {
    let (lost, kept) = (skipped(false), skipped(true));
    assert_eq!((lost.effect, kept.effect), (Effect::Helps, Effect::Helps));
    assert!(
        lost.reason.ends_with(
            "for a persistent builder only: on a fresh one with an imported cache (ci-edit-source) the same"
        ),
        "{}",
        lost.reason
    );
    assert!(
        kept.reason.ends_with("on a fresh builder with an imported cache (ci-edit-source) 100 % fewer"),
        "{}",
        kept.reason
    );
    assert!(!kept.reason.contains("persistent"), "{}", kept.reason);
    assert!(!executed(&[true, true], &[false, false], None, None).reason.contains("fresh"));
}
