//! No claim is settled by a constant: with the variants of the reference run exchanged every effect turns round, and with
//! one variant as both there is none.

use std::collections::BTreeMap;

use harness::claims::settle;
use harness::record::{Effect, Records, RunDir};
use harness::scenario::{Pair, Variant};

use crate::support::reference;

#[test]
fn every_effect_turns_with_the_variants_and_one_variant_twice_has_none() {
    let records = RunDir::open(reference()).expect("the reference run").read().expect("its records");
    let measured = effects(&records);
    let turned = effects(&each_row(&records, |variant| Some(other(variant))));
    let levelled = effects(&naive_twice(&records));
    let decided = measured.values().filter(|effect| matches!(effect, Effect::Helps | Effect::Hurts)).count();
    assert!(decided > 50, "most claims of the reference run are decided: {decided}");
    for (key, effect) in &measured {
        let expected = match effect {
            Effect::Helps => Effect::Hurts,
            Effect::Hurts => Effect::Helps,
            other => *other,
        };
        assert_eq!(turned[key], expected, "{key:?}: the effect does not turn with the variants");
        assert!(!matches!(levelled[key], Effect::Helps | Effect::Hurts), "{key:?}: an effect of nothing");
    }
}

fn effects(records: &Records) -> BTreeMap<(String, String), Effect> {
    settle(records).into_iter().map(|row| ((row.scenario, row.claim), row.effect)).collect()
}

fn other(variant: Variant) -> Variant {
    match variant {
        Variant::Naive => Variant::Optimized,
        Variant::Optimized => Variant::Naive,
    }
}

/// The records with each row under another variant, or left out.
fn each_row(records: &Records, to: impl Fn(Variant) -> Option<Variant>) -> Records {
    let mut records = records.clone();
    macro_rules! turn {
        ($($table:ident),*) => {$(
            records.$table.retain(|row| to(row.variant).is_some());
            records.$table.iter_mut().for_each(|row| row.variant = to(row.variant).expect("it was kept"));
        )*};
    }
    turn!(
        samples,
        steps,
        images,
        deltas,
        layers,
        wasted,
        packages,
        leaks,
        starts,
        fetches,
        transfers,
        development
    );
    for (_, words) in records.plan.scenarios.iter_mut().flat_map(|scenario| &mut scenario.steps) {
        let side = |variant| match to(variant) {
            Some(Variant::Naive) | None => words.naive.clone(),
            Some(Variant::Optimized) => words.optimized.clone(),
        };
        *words = Pair { naive: side(Variant::Naive), optimized: side(Variant::Optimized) };
    }
    records
}

/// The records as if the naive variant had been both.
fn naive_twice(records: &Records) -> Records {
    let kept = |under: Variant| each_row(records, |variant| (variant == Variant::Naive).then_some(under));
    let (mut naive, optimized) = (kept(Variant::Naive), kept(Variant::Optimized));
    naive.samples.extend(optimized.samples);
    naive.steps.extend(optimized.steps);
    naive.images.extend(optimized.images);
    naive.deltas.extend(optimized.deltas);
    naive.starts.extend(optimized.starts);
    naive.fetches.extend(optimized.fetches);
    naive.transfers.extend(optimized.transfers);
    naive.development.extend(optimized.development);
    for (_, words) in naive.plan.scenarios.iter_mut().flat_map(|scenario| &mut scenario.steps) {
        words.optimized = words.naive.clone();
    }
    naive
}
