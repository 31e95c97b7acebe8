//! What the gate promises: what was planted is caught, and the same twice is not.

use std::path::{Path, PathBuf};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::record::testing::RunBuilder;
use crate::record::{RunDir, Sample};
use crate::scenario::Profile;

const MB: u64 = 1_000_000;

fn edit() -> Event {
    Event::Edit("source".into())
}

/// Six blocks of a scenario; the optimized variant's cold build takes `slower` times as long, and its image weighs
/// `bytes`.
fn run(slower: f64, bytes: u64) -> Records {
    let naive = [10.0, 10.3, 9.8, 10.1, 9.9, 10.2];
    let optimized = [5.1, 5.0, 4.9, 5.2, 5.0, 5.05].map(|seconds| seconds * slower);
    let mut records = RunBuilder::new()
        .scenario("layer-order")
        .event(edit())
        .claim(Metric::Sample(SampleColumn::Wall, Event::Cold), Some(0.4), Some(0.6))
        .samples(&Event::Cold, SampleColumn::Wall, &naive, &optimized)
        .images(ImageColumn::Compressed, &[90 * MB; 2], &[bytes; 2])
        .build();
    records.info.id = format!("{slower}-{bytes}");
    for sample in &mut records.samples {
        sample.manifest_digest = Some(format!("sha256:{}", sample.variant));
    }
    records
}

fn compared(base: &Records, new: &Records) -> Outcome {
    compare((base, &[]), (new, &[])).unwrap()
}

fn settled(effect: Effect, verdict: Verdict) -> ClaimRow {
    ClaimRow {
        scenario: "layer-order".to_owned(),
        claim: "claim".to_owned(),
        metric: "wall_s@cold".to_owned(),
        estimate: None,
        low: None,
        high: None,
        expected_min: None,
        expected_max: None,
        effect,
        verdict,
        reason: String::new(),
        blocks: 6,
        p: None,
        p_holm: None,
        significant: None,
        relevant: None,
        source: String::new(),
        field: String::new(),
    }
}

fn worse(outcome: &Outcome) -> Vec<(&str, Variant)> {
    outcome.worse().map(|finding| (finding.metric.as_str(), finding.variant)).collect()
}

#[test]
fn a_run_is_no_worse_than_itself() {
    let base = run(1.0, 50 * MB);
    let outcome = compared(&base, &base);
    assert!(
        outcome.findings.is_empty() && outcome.digests.is_empty() && outcome.claims.is_empty(),
        "{outcome:#?}"
    );
    assert!(outcome.same > 4, "{outcome:#?}");
    assert_eq!(outcome.times_refused, None);
}

#[test]
fn ten_per_cent_of_time_a_megabyte_and_a_digest_are_caught() {
    let base = run(1.0, 50 * MB);
    let slower = compared(&base, &run(1.1, 50 * MB));
    assert_eq!(worse(&slower), [("wall_s@cold", Variant::Optimized)]);
    let found = slower.worse().next().unwrap();
    assert!((found.change.unwrap() - 0.1).abs() < 1e-9 && found.low.unwrap() > 0.05, "{found:#?}");
    let faster = compared(&run(1.1, 50 * MB), &base);
    assert_eq!((worse(&faster).len(), faster.findings[0].direction), (0, Direction::Better));

    let heavier = compared(&base, &run(1.0, 51 * MB));
    assert_eq!(worse(&heavier), [("compressed_bytes", Variant::Optimized)]);
    // Gzip and logs differ by some bytes.
    assert!(compared(&base, &run(1.0, 50 * MB + 60_000)).findings.is_empty());

    let mut other = run(1.0, 50 * MB);
    for sample in other.samples.iter_mut().filter(|sample| sample.variant == Variant::Naive) {
        sample.manifest_digest = Some("sha256:other".to_owned());
    }
    let changed = compared(&base, &other);
    assert_eq!(
        changed.digests,
        [DigestChange { scenario: "layer-order".to_owned(), variant: Variant::Naive }]
    );
    assert!(changed.findings.is_empty(), "a digest is told, and a budget may forbid it");
}

#[test]
fn what_fails_now_is_told_and_is_no_improvement() {
    let base = run(1.0, 50 * MB);
    let mut new = run(1.0, 50 * MB);
    for sample in new.samples.iter_mut().filter(|sample| sample.variant == Variant::Optimized) {
        sample.wall_s = None;
        sample.error = Some("process \"pip\" failed".to_owned());
    }
    let outcome = compared(&base, &new);
    let whats: Vec<&str> = outcome.broken.iter().map(|broken| broken.what.as_str()).collect();
    assert_eq!(whats, ["optimized, cold, block 1 failed: process \"pip\" failed"]);
    assert!(compared(&new, &new).broken.is_empty(), "it did before");
    for sample in &mut new.samples {
        if let Some(error) = &mut sample.error {
            *error = "not measured: the builder is yours".to_owned();
        }
    }
    assert!(compared(&base, &new).broken.is_empty(), "what cannot be measured here has not failed");
}

#[test]
fn times_of_too_few_blocks_are_counted_and_not_called_the_same() {
    let few = |seconds: [f64; 2]| {
        let run = RunBuilder::new().scenario("s");
        run.samples(&Event::Cold, SampleColumn::Wall, &seconds, &seconds).build()
    };
    let outcome = compared(&few([10.0, 10.1]), &few([30.0, 30.1]));
    assert_eq!((outcome.untested, outcome.worse().count()), (2, 0), "{outcome:#?}");
}

#[test]
fn a_claim_that_is_settled_otherwise_is_told() {
    let run = run(1.0, 50 * MB);
    let was = settled(Effect::Helps, Verdict::Supported);
    let is = settled(Effect::Helps, Verdict::Contradicted);
    let same = compare((&run, std::slice::from_ref(&was)), (&run, std::slice::from_ref(&was))).unwrap();
    assert!(same.claims.is_empty());
    let outcome = compare((&run, &[was]), (&run, &[is])).unwrap();
    let [change] = &outcome.claims[..] else { panic!("{:#?}", outcome.claims) };
    assert_eq!(change.base, (Effect::Helps, Verdict::Supported));
    assert_eq!(change.new, (Effect::Helps, Verdict::Contradicted));
}

#[test]
fn times_of_unlike_machines_are_not_compared_and_sizes_are() {
    let base = run(1.0, 50 * MB);
    for change in [
        (|info| info.machine.cores += 2) as fn(&mut crate::record::RunInfo),
        |info| info.engine.version = "99".to_owned(),
        |info| info.link.name = "1gbit".to_owned(),
    ] {
        let mut new = run(2.0, 60 * MB);
        change(&mut new.info);
        let outcome = compared(&base, &new);
        assert_eq!(worse(&outcome), [("compressed_bytes", Variant::Optimized)]);
        assert!(outcome.times_refused.is_some());
    }
}

#[test]
fn runs_that_have_nothing_in_common_are_refused() {
    let base = run(1.0, 50 * MB);
    let mut other = run(1.0, 50 * MB);
    other.info.profile = Profile::Smoke;
    assert!(compare((&base, &[]), (&other, &[])).unwrap_err().0.contains("one profile"));
    let mut other = run(1.0, 50 * MB);
    other.plan.scenarios[0].name = "another".to_owned();
    assert!(compare((&base, &[]), (&other, &[])).unwrap_err().0.contains("no scenario in common"));
}

#[test]
fn where_all_times_moved_together_it_is_said_to_be_the_machine() {
    let seconds = [10.0, 10.3, 9.8, 10.1, 9.9, 10.2];
    let all = |factor: f64| {
        let seconds = seconds.map(|seconds| seconds * factor);
        let names = ["a", "b", "c", "d"];
        let builder = names.iter().fold(RunBuilder::new(), |builder, name| {
            builder.scenario(name).samples(&Event::Cold, SampleColumn::Wall, &seconds, &seconds)
        });
        builder.build()
    };
    let outcome = compared(&all(1.0), &all(1.2));
    assert_eq!(outcome.worse().count(), 8);
    assert!(outcome.notes.iter().any(|note| note.contains("looks like the machine")), "{:#?}", outcome.notes);
}

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/reference-quick-2-cores")
}

/// Odd and even blocks of a real run are two runs of the same.
#[test]
fn halves_of_a_real_run_differ_in_nothing() {
    let records = RunDir::open(reference()).unwrap().read().unwrap();
    let half = |odd: bool| {
        let mut half = records.clone();
        half.samples.retain(|sample: &Sample| (sample.block % 2 == 1) == odd);
        half
    };
    let (odd, even) = (half(true), half(false));
    for (base, new) in [(&odd, &even), (&even, &odd)] {
        let outcome = compare((base, &[]), (new, &[])).unwrap();
        assert_eq!(worse(&outcome), [], "{:#?}", outcome.findings);
        assert!(outcome.same > 200, "{}", outcome.same);
    }
}

/// Two runs of twenty times each, of which nothing differs: how often is anything said to be worse or better?
#[test]
fn equal_runs_are_seldom_said_to_differ() {
    const RUNS: u32 = 400;
    type Noise = fn(&mut Xoshiro256PlusPlus, usize) -> f64;
    let noises: [(&str, Noise); 3] = [
        ("log-normal", |random, _| 0.15 * normal(random)),
        ("bimodal", |random, _| if random.random::<f64>() < 0.3 { 0.3 } else { 0.0 } + 0.02 * normal(random)),
        ("drifting", |random, block| 0.03 * block as f64 + 0.05 * normal(random)),
    ];
    for (name, noise) in noises {
        for blocks in [6, 20] {
            let mut random = Xoshiro256PlusPlus::seed_from_u64(11);
            let mut side = || -> Summary {
                let values: Vec<(u32, f64)> = (0..blocks)
                    .map(|block| (block as u32 + 1, 10.0 * noise(&mut random, block).exp()))
                    .collect();
                let all: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
                Summary { median: crate::stats::median(&all).unwrap(), min: 0.0, max: 0.0, values }
            };
            let metric = Metric::Sample(SampleColumn::Wall, Event::Cold);
            let mut wrong = 0;
            for _ in 0..RUNS {
                let of = Of { scenario: "s", variant: Variant::Naive, metric: &metric };
                let tested = (0..20).filter_map(|_| time::Tested::of(of, &side(), &side())).collect();
                wrong += u32::from(!time::judge(tested).0.is_empty());
            }
            // One in twenty, and two standard errors of so many runs.
            assert!(wrong <= RUNS / 20 + 9, "{name}, {blocks} blocks: {wrong} of {RUNS} runs");
        }
    }
}

fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    let (u, v): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn budget(text: &str) -> Result<Budget, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("budget.toml");
    std::fs::write(&file, text).unwrap();
    Budget::read(&file, &["layer-order"]).map_err(|error| error.0)
}

#[test]
fn a_budget_is_held_and_says_what_passes_it() {
    let (base, new) = (run(1.0, 50 * MB), run(1.3, 50 * MB));
    let (was, is) =
        (settled(Effect::Helps, Verdict::Supported), settled(Effect::Helps, Verdict::Contradicted));
    let outcome = compare((&base, &[was]), (&new, &[is])).unwrap();
    let passed = |text: &str| -> Vec<String> {
        budget(text).unwrap().passed(&new, &outcome).into_iter().map(|passed| passed.what).collect()
    };
    let limit = |max: u64| format!("[[limit]]\nmetric = \"compressed_bytes\"\nmax = {max}\n");
    assert_eq!(passed(&limit(50 * MB)), [""; 0]);
    assert_eq!(
        passed(&limit(49 * MB)),
        ["compressed_bytes of optimized is 50.0 MB; at most 49.0 MB is allowed"]
    );
    let named = "scenario = \"layer-order\"\n";
    let secrets = "[[limit]]\nmetric = \"secrets_found\"\nmax = 0\n";
    let nowhere = "secrets_found of optimized was measured in none of them; at most 0 is allowed";
    assert_eq!(passed(secrets), [nowhere], "a limit that nothing is held to is no limit");
    assert_eq!(passed(&format!("{secrets}{named}")).len(), 1, "what is asked for by name must be known");
    assert_eq!(passed("[unchanged]\nverdicts = true\n"), ["the verdict on `claim` is another"]);
    assert_eq!(passed("[unchanged]\neffects = true\n"), [""; 0]);
    assert_eq!(passed("[unchanged]\ndigests = true\n"), [""; 0]);
}

#[test]
fn a_bad_budget_is_refused_with_its_line() {
    for (text, needle) in [
        ("[[limit]]\nmetric = \"compresed_bytes\"\nmax = 1\n", "budget.toml:2: "),
        ("[[limit]]\nmetric = \"layers\"\nmax = -1\n", "budget.toml:3: `max` is a number from 0 up"),
        ("[[limit]]\nmetric = \"layers\"\nmaximum = 1\n", "budget.toml:3: "),
        (
            "[[limit]]\nmetric = \"layers\"\nmax = 1\nscenario = \"layer-oder\"\n",
            "budget.toml:4: no scenario `layer-oder`",
        ),
        ("[unchanged]\ndigest = true\n", "budget.toml:2: "),
    ] {
        let error = budget(text).unwrap_err();
        assert!(error.contains(needle), "{text}: {error}");
    }
}
