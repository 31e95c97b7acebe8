//! Is it measured precisely enough? Asked between the blocks of a run with `--precision`.

use std::collections::BTreeSet;

use crate::metrics::{ScenarioRecords, compare};
use crate::record::Records;
use crate::scenario::{Evidence, Metric, SampleColumn};
use crate::stats;

/// Whether the run has asked for a precision, and its scenario `name` has reached it: after a number of blocks at
/// which one looks, every claim on time that the profile can settle has an interval so narrow. A scenario without
/// claims (`--pair`) is held to the time of each of its events. Claims that cannot be measured ask for no block more.
pub fn precise_enough(records: &Records, name: &str) -> bool {
    let Some(percent) = records.info.precision_percent else { return false };
    let scenarios = ScenarioRecords::split(records);
    let Some(scenario) = scenarios.iter().find(|scenario| scenario.plan.name == name) else { return false };
    let compared = timed(scenario, records).into_iter().map(|metric| compare(scenario, &metric));
    let (counts, widths): (BTreeSet<u32>, Vec<Option<f64>>) = compared
        .filter_map(|row| {
            let interval = row.reduction.ok()?.interval;
            Some((row.blocks, interval.map(|interval| interval.high - interval.low)))
        })
        .unzip();
    // All at one look: each interval is looked at after those numbers of blocks alone.
    counts.len() == 1
        && counts.iter().all(|blocks| stats::precise_enough(*blocks, widths.iter().copied(), percent / 100.0))
}

/// The times that decide.
fn timed(scenario: &ScenarioRecords<'_>, records: &Records) -> Vec<Metric> {
    let plan = scenario.plan;
    if plan.claims.is_empty() {
        let events = plan.events.iter();
        return events.map(|event| Metric::Sample(SampleColumn::Wall, event.clone())).collect();
    }
    let settled = plan.claims.iter().filter(|claim| claim.profiles.contains(&records.info.profile));
    settled.map(|claim| claim.metric.clone()).filter(|metric| metric.evidence() == Evidence::Time).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::RunBuilder;
    use crate::scenario::{Event, ImageColumn};

    const STEADY: [f64; 6] = [10.0, 10.1, 9.9, 10.0, 10.2, 10.0];
    const NOISY: [f64; 6] = [10.0, 14.0, 8.0, 11.0, 17.0, 9.0];

    fn run(precision_percent: Option<f64>, naive: &[f64], optimized: &[f64]) -> RunBuilder {
        let (wall, event) = (SampleColumn::Wall, Event::Edit("a".into()));
        RunBuilder::new()
            .precision(precision_percent)
            .scenario("s")
            .event(event.clone())
            .claim(Metric::Image(ImageColumn::Rootfs), None, None)
            .claim(Metric::Sample(wall, Event::Cold), None, None)
            .claim(Metric::Sample(wall, event.clone()), None, None)
            .samples(&event, wall, &STEADY, &STEADY)
            .samples(&Event::Cold, wall, naive, optimized)
    }

    #[test]
    fn it_is_enough_when_every_claim_on_time_is_narrow_at_a_look() {
        let enough = |run: RunBuilder| precise_enough(&run.build(), "s");
        assert!(enough(run(Some(10.0), &STEADY, &STEADY)));
        assert!(!enough(run(None, &STEADY, &STEADY)), "the number of blocks was fixed");
        assert!(!enough(run(Some(10.0), &NOISY, &STEADY)), "one claim of two");
        assert!(!enough(run(Some(10.0), &STEADY[..5], &STEADY[..5])), "no look");
        let unsettled = run(Some(10.0), &NOISY, &STEADY).with(|scenario| {
            scenario.claims[1].profiles.clear();
        });
        assert!(enough(unsettled), "no profile settles the noisy one");
    }

    #[test]
    fn without_claims_the_time_of_every_event_decides() {
        let without = |naive: &[f64]| {
            let run = run(Some(10.0), naive, &STEADY).with(|scenario| scenario.claims.clear());
            precise_enough(&run.build(), "s")
        };
        assert!(without(&STEADY));
        assert!(!without(&NOISY));
    }
}
