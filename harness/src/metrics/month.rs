//! Measured differences as hours, bytes and money a month, for a team whose [`Assumptions`] the run has.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::ScenarioRecords;
use super::compare::LEAST_EQUAL_BLOCKS;
use crate::record::{Amount, Assumptions};
use crate::scenario::{DeltaColumn, Event, Evidence, ImageColumn, Metric, SampleColumn, Variant};
use crate::stats::{self, Interval};

/// A month with one practice. A part is `None` where nothing is assumed of it, or nothing of it was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Month {
    /// Hours that developers wait.
    pub waited_hours: Option<Monthly>,
    /// Hours that machines build.
    pub runner_hours: Option<Monthly>,
    /// Bytes that a registry keeps.
    pub stored_bytes: Option<Monthly>,
    /// Bytes that nodes pull.
    pub pulled_bytes: Option<Monthly>,
    /// What all of it costs that has a price.
    pub money: Option<Monthly>,
    /// Events of which something is assumed and that the scenario does not have, in which a build failed, or whose bytes
    /// one image does not hold: they are in none of the figures that they would be in.
    pub left_out: Vec<Event>,
}

/// A quantity of a month with each variant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Monthly {
    /// With the naive one: the median of the blocks.
    pub naive: f64,
    /// With the optimized one.
    pub optimized: f64,
    /// The difference, naive less optimized. What rests on time: the Hodges–Lehmann estimate of the blocks'
    /// differences, and else their median.
    pub saved: f64,
    /// What rests on time: the exact signed-rank interval of the difference, of all builds of a block together. Else
    /// the range over the blocks. `None` where the blocks do not suffice.
    pub interval: Option<Interval>,
    /// Blocks in which all of it was measured.
    pub blocks: usize,
}

impl Month {
    /// What a month costs with each variant of `scenario`.
    pub fn of(scenario: &ScenarioRecords<'_>, assumed: &Assumptions) -> Self {
        let days = f64::from(assumed.days);
        let mut parts = Parts { scenario, left_out: BTreeSet::new() };
        let waited = assumed.developers.as_ref().map_or_else(Vec::new, |developers| {
            let builds = days * f64::from(developers.count) / 3600.0;
            parts.of(&developers.builds_a_day, builds, wall)
        });
        let runner = assumed.runner.as_ref();
        let built =
            runner.map_or_else(Vec::new, |runner| parts.of(&runner.builds_a_day, days / 3600.0, wall));
        let stored = assumed.registry.as_ref().map_or_else(Vec::new, |registry| {
            let mut stored = parts.of(&registry.releases_kept, 1.0, pulled);
            stored.push((Metric::Image(ImageColumn::Compressed), 1.0));
            stored
        });
        let pulled =
            assumed.nodes.as_ref().map_or_else(Vec::new, |nodes| parts.of(&nodes.pulls_a_day, days, pulled));

        let priced = |parts: &[(Metric, f64)], price: Option<Amount>, per: f64| -> Vec<(Metric, f64)> {
            let price = price.map(|price| f64::from(price) / per);
            price.map_or_else(Vec::new, |price| {
                parts.iter().map(|(metric, times)| (metric.clone(), times * price)).collect()
            })
        };
        let time = [
            priced(&waited, assumed.developers.as_ref().and_then(|developers| developers.hour), 1.0),
            priced(&built, runner.and_then(|runner| runner.hour), 1.0),
        ]
        .concat();
        let bytes = [
            priced(&stored, assumed.registry.as_ref().and_then(|registry| registry.gigabyte_month), 1e9),
            priced(&pulled, assumed.nodes.as_ref().and_then(|nodes| nodes.gigabyte), 1e9),
        ]
        .concat();
        Self {
            waited_hours: monthly(scenario, &waited, Evidence::Time),
            runner_hours: monthly(scenario, &built, Evidence::Time),
            stored_bytes: monthly(scenario, &stored, Evidence::Size),
            pulled_bytes: monthly(scenario, &pulled, Evidence::Size),
            money: together(
                monthly(scenario, &time, Evidence::Time),
                monthly(scenario, &bytes, Evidence::Size),
            ),
            left_out: parts.left_out.into_iter().collect(),
        }
    }
}

fn wall(event: &Event) -> Metric {
    Metric::Sample(SampleColumn::Wall, event.clone())
}

/// What a node pulls: all of it, or what is new to it.
fn pulled(event: &Event) -> Metric {
    match event {
        Event::Cold => Metric::Image(ImageColumn::Compressed),
        event => Metric::Delta(DeltaColumn::NewCompressed, event.clone()),
    }
}

/// Picks what was measured of what is assumed.
struct Parts<'r, 's> {
    scenario: &'s ScenarioRecords<'r>,
    left_out: BTreeSet<Event>,
}

impl Parts<'_, '_> {
    /// Each metric with how often it counts in a month.
    fn of(
        &mut self,
        often: &BTreeMap<Event, Amount>,
        scale: f64,
        metric: impl Fn(&Event) -> Metric,
    ) -> Vec<(Metric, f64)> {
        let mut parts = Vec::new();
        for (event, times) in often {
            let metric = metric(event);
            let measured =
                Variant::BOTH.iter().all(|variant| !self.scenario.values(&metric, *variant).is_empty());
            // Bytes that one image does not hold reach its nodes by another way: they are not saved.
            let whole = metric.evidence() != Evidence::Size || !self.scenario.plan.delivers_apart(event);
            if measured && whole && self.scenario.failure(&metric).is_none() {
                parts.push((metric, f64::from(*times) * scale));
            } else {
                self.left_out.insert(event.clone());
            }
        }
        parts
    }
}

/// The sum of the parts, block by block: a block counts if all of them were measured in it with both variants.
fn monthly(scenario: &ScenarioRecords<'_>, parts: &[(Metric, f64)], evidence: Evidence) -> Option<Monthly> {
    let totals = |variant| {
        let mut totals: BTreeMap<u32, (f64, usize)> = BTreeMap::new();
        for (metric, times) in parts {
            for (block, value) in scenario.values(metric, variant) {
                let (total, measured) = totals.entry(block).or_default();
                *total += times * value;
                *measured += 1;
            }
        }
        totals.retain(|_, (_, measured)| *measured == parts.len());
        totals
    };
    let optimized = totals(Variant::Optimized);
    let pairs: Vec<(f64, f64)> = totals(Variant::Naive)
        .into_iter()
        .filter_map(|(block, (naive, _))| Some((naive, optimized.get(&block)?.0)))
        .collect();
    let saved: Vec<f64> = pairs.iter().map(|(naive, optimized)| naive - optimized).collect();
    let (estimate, interval) = match evidence {
        Evidence::Time => (
            stats::hodges_lehmann(&saved)?,
            stats::signed_rank_interval(&saved, scenario.stopping.confidence()),
        ),
        Evidence::Size | Evidence::Count => {
            let range = Interval {
                low: saved.iter().copied().fold(f64::INFINITY, f64::min),
                high: saved.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            };
            (stats::median(&saved)?, (saved.len() >= LEAST_EQUAL_BLOCKS).then_some(range))
        }
    };
    let side = |pick: fn(&(f64, f64)) -> f64| stats::median(&pairs.iter().map(pick).collect::<Vec<_>>());
    Some(Monthly {
        naive: side(|pair| pair.0)?,
        optimized: side(|pair| pair.1)?,
        saved: estimate,
        interval,
        blocks: pairs.len(),
    })
}

/// What rests on time and what rests on sizes. The ends add up: sizes hardly vary.
fn together(time: Option<Monthly>, bytes: Option<Monthly>) -> Option<Monthly> {
    let (Some(time), Some(bytes)) = (time, bytes) else { return time.or(bytes) };
    let interval = time.interval.zip(bytes.interval);
    Some(Monthly {
        naive: time.naive + bytes.naive,
        optimized: time.optimized + bytes.optimized,
        saved: time.saved + bytes.saved,
        interval: interval
            .map(|(time, bytes)| Interval { low: time.low + bytes.low, high: time.high + bytes.high }),
        blocks: time.blocks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Records;
    use crate::record::testing::RunBuilder;

    fn source() -> Event {
        Event::Edit("source".into())
    }

    fn run(optimized: &[f64]) -> Records {
        RunBuilder::new()
            .scenario("s")
            .event(source())
            .samples(&Event::Cold, SampleColumn::Wall, &[100.0; 6], &[90.0; 6])
            .samples(&source(), SampleColumn::Wall, &[36.0, 36.0, 37.0, 35.0, 36.0, 36.0], optimized)
            .images(ImageColumn::Compressed, &[2_000_000_000; 2], &[1_000_000_000; 2])
            .deltas(&source(), DeltaColumn::NewCompressed, &[500_000_000; 2], &[1_000_000; 2])
            .build()
    }

    fn month(records: &Records, assumed: &str) -> Month {
        let assumed = format!("currency = 'EUR'\ndays = 20\n{assumed}");
        Month::of(&ScenarioRecords::split(records)[0], &toml::from_str(&assumed).unwrap())
    }

    fn about(value: f64, expected: f64) -> bool {
        (value - expected).abs() < 1e-9 * expected.abs().max(1.0)
    }

    #[test]
    fn seconds_become_hours_and_hours_become_money() {
        let records = run(&[1.0; 6]);
        let month = month(
            &records,
            "[developers]\ncount = 10\nhour = 60\nbuilds_a_day = { edit-source = 18 }\n\
             [runner]\nhour = 2\nbuilds_a_day = { cold = 9 }\n",
        );
        // 10 people, 20 days, 18 builds: 3600 builds, one second of each is an hour.
        let waited = month.waited_hours.unwrap();
        assert!(about(waited.naive, 36.0) && about(waited.optimized, 1.0) && about(waited.saved, 35.0));
        let interval = waited.interval.unwrap();
        assert!(about(interval.low, 34.0) && about(interval.high, 36.0), "{interval:?}");
        // 180 builds, 10 s less each.
        let built = month.runner_hours.unwrap();
        assert!(about(built.saved, 0.5), "{built:?}");
        let money = month.money.unwrap();
        assert!(about(money.saved, 35.0 * 60.0 + 0.5 * 2.0), "{money:?}");
        assert!(about(money.interval.unwrap().low, 34.0 * 60.0 + 1.0), "{money:?}");
        assert_eq!((month.stored_bytes, month.pulled_bytes, month.left_out), (None, None, vec![]));
    }

    #[test]
    fn bytes_are_kept_and_pulled() {
        let month = month(
            &run(&[1.0; 6]),
            "[registry]\nreleases_kept = { edit-source = 10 }\ngigabyte_month = 0.1\n\
             [nodes]\npulls_a_day = { edit-source = 5, cold = 1 }\ngigabyte = 0.5\n",
        );
        let stored = month.stored_bytes.unwrap();
        assert_eq!((stored.naive, stored.optimized), (7e9, 1.01e9));
        let pulled = month.pulled_bytes.unwrap();
        assert_eq!((pulled.naive, pulled.optimized), (100.0 * 0.5e9 + 20.0 * 2e9, 100.0 * 1e6 + 20.0 * 1e9));
        let money = month.money.unwrap();
        assert!(about(money.saved, 0.1 * 5.99 + 0.5 * 69.9), "{money:?}");
        assert!(month.waited_hours.is_none(), "nothing is said of waiting");
    }

    #[test]
    fn a_practice_that_does_not_pay_costs() {
        let month = month(&run(&[46.0; 6]), "[runner]\nhour = 1\nbuilds_a_day = { edit-source = 360 }\n");
        let money = month.money.unwrap();
        assert!(about(money.saved, -20.0) && money.interval.unwrap().high < 0.0, "{money:?}");
    }

    #[test]
    fn few_blocks_give_no_interval_and_what_was_not_measured_is_left_out() {
        let records = run(&[1.0; 6]);
        let edits = "[runner]\nhour = 1\nbuilds_a_day = { edit-deps = 3, edit-source = 360 }\n";
        assert_eq!(month(&records, edits).left_out, [Event::Edit("deps".into())]);
        let only = "[runner]\nhour = 1\nbuilds_a_day = { edit-deps = 3 }\n";
        assert_eq!(month(&records, only).money, None);
        let mut few = records.clone();
        few.samples.retain(|row| row.block <= 5);
        let money = month(&few, "[runner]\nhour = 1\nbuilds_a_day = { cold = 3 }\n").money.unwrap();
        assert_eq!((money.interval, money.blocks), (None, 5));
    }
}
