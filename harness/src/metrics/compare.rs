//! One metric of a scenario: both sides, and the reduction with what it rests on.

use std::collections::BTreeMap;

use serde::Serialize;

use super::warnings::warnings;
use super::{ScenarioRecords, Unit};
use crate::scenario::{Evidence, ImageColumn, Metric, Pair, Variant};
use crate::stats::{self, Interval, LEAST_BLOCKS, Stopping};

/// A time shorter than what the records resolve counts as that, in seconds: a phase that did not happen
/// takes 0 s, and a ratio needs something on both sides.
const RESOLUTION: f64 = 1e-6;
/// The most that is less of a size or a count, short of all.
const NEARLY_ALL: f64 = 0.999_999;
/// Blocks from which a size or a count is judged.
pub(super) const LEAST_EQUAL_BLOCKS: usize = 2;

/// A metric on both sides of a pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The metric.
    pub metric: Metric,
    /// What the naive variant measured; `None` if nothing.
    pub naive: Option<Summary>,
    /// What the optimized variant measured.
    pub optimized: Option<Summary>,
    /// `1 − optimized / naive`, or why there is none.
    pub reduction: Result<Estimate, String>,
    /// Blocks in which both were measured.
    pub blocks: u32,
    /// What a reader should know of these figures, a line each.
    pub notes: Vec<String>,
}

impl Comparison {
    /// The medians of both variants; NaN of one of which nothing was measured.
    pub(crate) fn medians(&self) -> Pair<f64> {
        let median = |side: &Option<Summary>| side.as_ref().map_or(f64::NAN, |side| side.median);
        Pair { naive: median(&self.naive), optimized: median(&self.optimized) }
    }
}

/// The values of one variant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The middle value of the blocks in which both variants were measured.
    pub median: f64,
    /// The least of them.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// All values, each with its block.
    pub values: Vec<(u32, f64)>,
}

/// A reduction: 0.4 is 40 % less, −0.4 is 40 % more.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The reduction. `-inf` where the naive side is 0 and the optimized one is not.
    pub estimate: f64,
    /// Times: the exact 95 % interval. Sizes and counts: the range over the blocks. `None` where the
    /// blocks do not suffice.
    pub interval: Option<Interval>,
    /// Times: the BCa bootstrap interval of the median, where there are many blocks.
    pub bootstrap: Option<Interval>,
    /// Why there is no interval.
    pub lacking: Option<String>,
    /// Times: what it rests on.
    tested: Option<Tested>,
}

/// The samples of a time, for the test of "no difference".
#[derive(Debug, Clone, PartialEq)]
struct Tested {
    log_ratios: Vec<f64>,
    stopping: Stopping,
}

impl Estimate {
    /// Times: two-sided sign-flip p of "no difference", where the blocks suffice. Tried when it is asked for: most of a
    /// report's estimates have no claim, and nobody asks.
    pub fn p(&self) -> Option<f64> {
        let tested = self.tested.as_ref()?;
        stats::paired_p(&tested.log_ratios, tested.stopping)
    }
}

/// Compares the variants of a scenario in one metric.
pub fn compare(scenario: &ScenarioRecords<'_>, metric: &Metric) -> Comparison {
    let values = Pair::from_fn(|variant| scenario.values(metric, variant));
    let pairs: Vec<(f64, f64)> = values
        .naive
        .iter()
        .filter_map(|(block, naive)| Some((*naive, *values.optimized.get(block)?)))
        .collect();
    let reduction = match scenario.failure(metric) {
        Some(failure) => Err(failure),
        None if pairs.is_empty() => Err(absence(scenario, metric, &values)),
        None => estimate(metric.evidence(), &pairs, scenario.stopping)
            .ok_or_else(|| absence(scenario, metric, &values)),
    };
    // Both sides over the same blocks; a block that one of them lacks is shown, and not counted.
    let both = |block: &u32| values.naive.contains_key(block) && values.optimized.contains_key(block);
    let counted = |block: &u32| pairs.is_empty() || both(block);
    Comparison {
        naive: Summary::of(&values.naive, counted),
        optimized: Summary::of(&values.optimized, counted),
        reduction,
        blocks: pairs.len().try_into().unwrap_or(u32::MAX),
        notes: notes(metric, &values),
        metric: metric.clone(),
    }
}

/// How far sizes may lie apart without a word: logs and gzip output differ by some bytes. 0.1 % or
/// 64 KiB, whichever is larger; 0 for counts.
pub fn tolerance(unit: Unit, median: f64) -> f64 {
    match unit {
        Unit::Bytes => (0.001 * median).max(65_536.0),
        Unit::Seconds | Unit::Count => 0.0,
    }
}

impl Summary {
    fn of(values: &BTreeMap<u32, f64>, counted: impl Fn(&u32) -> bool) -> Option<Self> {
        let all: Vec<f64> =
            values.iter().filter(|(block, _)| counted(block)).map(|(_, value)| *value).collect();
        Some(Self {
            median: stats::median(&all)?,
            min: all.iter().copied().fold(f64::INFINITY, f64::min),
            max: all.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            values: values.iter().map(|(block, value)| (*block, *value)).collect(),
        })
    }
}

fn estimate(evidence: Evidence, pairs: &[(f64, f64)], stopping: Stopping) -> Option<Estimate> {
    match evidence {
        Evidence::Time => time(pairs, stopping),
        Evidence::Size | Evidence::Count => Some(exact(evidence, pairs)),
    }
}

fn time(pairs: &[(f64, f64)], stopping: Stopping) -> Option<Estimate> {
    let resolved: Vec<(f64, f64)> =
        pairs.iter().map(|(naive, optimized)| (naive.max(RESOLUTION), optimized.max(RESOLUTION))).collect();
    let log_ratios = stats::log_ratios(&resolved);
    let said = stats::paired(&log_ratios, stopping)?;
    // A smaller log-ratio is a larger reduction: the ends change places.
    let reduced =
        |interval: Interval| Interval { low: less(interval.high.exp()), high: less(interval.low.exp()) };
    let lacking = said
        .interval
        .is_none()
        .then(|| format!("{}, and a 95 % statement on time needs {LEAST_BLOCKS}", blocks(pairs.len())));
    Some(Estimate {
        estimate: less(said.estimate.exp()),
        interval: said.interval.map(reduced),
        bootstrap: said.bootstrap.map(reduced),
        lacking,
        tested: Some(Tested { log_ratios, stopping }),
    })
}

fn exact(evidence: Evidence, pairs: &[(f64, f64)]) -> Estimate {
    let side = |pick: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = pairs.iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        (values[0], stats::median(&values).unwrap_or(values[0]), values[values.len() - 1])
    };
    let (naive, optimized) = (side(|pair| pair.0), side(|pair| pair.1));
    let unequal = naive.0 < naive.2 || optimized.0 < optimized.2;
    let lacking = if pairs.len() < LEAST_EQUAL_BLOCKS {
        Some(format!("{} of {LEAST_EQUAL_BLOCKS}; whether it repeats is not known", blocks(pairs.len())))
    } else if evidence == Evidence::Count && unequal {
        Some("the blocks do not agree".to_owned())
    } else {
        None
    };
    let range = Interval { low: reduction(naive.0, optimized.2), high: reduction(naive.2, optimized.0) };
    Estimate {
        estimate: reduction(naive.1, optimized.1),
        interval: lacking.is_none().then_some(range),
        bootstrap: None,
        lacking,
        tested: None,
    }
}

/// What is left of 14 GB, if only a file, is not nothing.
fn reduction(naive: f64, optimized: f64) -> f64 {
    let most = if optimized > 0.0 { NEARLY_ALL } else { 1.0 };
    if naive == optimized { 0.0 } else { less(optimized / naive).min(most) }
}

/// `1 − ratio` to six decimals, as the records carry it: 71 of 100 MB is 29 % less, and no rounding error
/// lifts it over a claimed 29 %.
fn less(ratio: f64) -> f64 {
    ((1.0 - ratio) * 1e6).round() / 1e6
}

/// `1 block`, `3 blocks`.
fn blocks(count: usize) -> String {
    if count == 1 { "1 block".to_owned() } else { format!("{count} blocks") }
}

fn absence(scenario: &ScenarioRecords<'_>, metric: &Metric, values: &Pair<BTreeMap<u32, f64>>) -> String {
    let missing = Variant::BOTH.into_iter().find(|variant| values.get(*variant).is_empty());
    match (metric, missing) {
        (Metric::Executed(name, event), Some(variant)) => {
            let text = scenario.plan.steps.iter().find(|(step, _)| step == name);
            let text = text.map_or("", |(_, texts)| texts.get(variant).as_str());
            format!("no step of {variant}, {event} contains `{text}`")
        }
        (Metric::Image(ImageColumn::Vulnerabilities), Some(variant)) => scenario.not_audited(variant),
        (_, Some(variant)) => format!("nothing was measured of {variant}, {}", metric.event()),
        (_, None) => "no block has both variants".to_owned(),
    }
}

fn notes(metric: &Metric, values: &Pair<BTreeMap<u32, f64>>) -> Vec<String> {
    let unit = Unit::of(metric);
    let mut notes = Vec::new();
    for variant in Variant::BOTH {
        let values = values.get(variant);
        if metric.evidence() == Evidence::Time {
            let all: Vec<f64> = values.values().copied().collect();
            let outliers = stats::outliers(&all);
            let far = values.iter().zip(outliers).filter(|(_, outlier)| *outlier);
            notes.extend(far.map(|((block, value), _)| {
                format!("{variant}, block {block} is an outlier: {} (kept)", unit.format(*value))
            }));
        } else if let Some(summary) = Summary::of(values, |_| true)
            && summary.max - summary.min > tolerance(unit, summary.median)
        {
            notes.push(format!(
                "{variant} is not the same in every block: {} to {}",
                unit.format(summary.min),
                unit.format(summary.max)
            ));
        }
    }
    notes.extend(warnings(metric, values));
    notes
}
