//! Times of two runs.

use super::{Direction, Finding, Of};
use crate::metrics::{Summary, Unit};
use crate::scenario::{Metric, Variant};
use crate::stats::{self, Shift};

/// A smaller change is not worth stopping anybody for: the same machine is a few per cent slower on another day.
const RELEVANT_CHANGE: f64 = 0.05;
/// Nor is a shorter time, in seconds, which passes for instantaneous (Miller 1968).
const RELEVANT_SECONDS: f64 = 0.1;
/// Of the adjusted p.
const SIGNIFICANT: f64 = 0.05;
/// Where half of all times moved by more than this, and by as much the same way, it is the machine that moved.
const DRIFT: f64 = 0.03;
/// Of so many times.
const DRIFT_TESTS: usize = 8;

/// One time in both runs, tested.
pub(super) struct Tested {
    scenario: String,
    variant: Variant,
    metric: Metric,
    base: f64,
    new: f64,
    shift: Shift,
}

impl Tested {
    /// `None` where the samples are too few, or one is no time.
    pub(super) fn of(of: Of<'_>, was: &Summary, now: &Summary) -> Option<Self> {
        let logs = |side: &Summary| -> Vec<f64> {
            side.values.iter().map(|(_, seconds)| seconds).filter(|s| **s > 0.0).map(|s| s.ln()).collect()
        };
        Some(Self {
            scenario: of.scenario.to_owned(),
            variant: of.variant,
            metric: of.metric.clone(),
            base: was.median,
            new: now.median,
            shift: stats::two_sample(&logs(was), &logs(now))?,
        })
    }

    fn finding(&self, p_holm: f64) -> Option<Finding> {
        let change = |log: f64| log.exp() - 1.0;
        let relevant = self.shift.estimate.abs() > RELEVANT_CHANGE.ln_1p()
            && (self.new - self.base).abs() >= RELEVANT_SECONDS;
        if p_holm > SIGNIFICANT || !relevant {
            return None;
        }
        let direction = if self.shift.estimate > 0.0 { Direction::Worse } else { Direction::Better };
        let of = Of { scenario: &self.scenario, variant: self.variant, metric: &self.metric };
        Some(Finding {
            low: Some(change(self.shift.interval.low)),
            high: Some(change(self.shift.interval.high)),
            p_holm: Some(p_holm),
            ..of.finding(direction, self.base, self.new, Some(change(self.shift.estimate)))
        })
    }
}

/// What is significant, adjusted for all that was tested, and relevant; how many are neither; and a word on the
/// machine where all times moved together.
pub(super) fn judge(tested: Vec<Tested>) -> (Vec<Finding>, usize, Option<String>) {
    let p: Vec<f64> = tested.iter().map(|test| test.shift.p).collect();
    let found: Vec<Finding> =
        tested.iter().zip(stats::holm(&p)).filter_map(|(test, p_holm)| test.finding(p_holm)).collect();
    let same = tested.len() - found.len();
    (found, same, drift(&tested))
}

fn drift(tested: &[Tested]) -> Option<String> {
    let shifts: Vec<f64> = tested.iter().map(|test| test.shift.estimate).collect();
    let middle = stats::median(&shifts).filter(|middle| middle.abs() > DRIFT.ln_1p())?;
    let with_it = shifts.iter().filter(|shift| shift.signum() == middle.signum()).count();
    (shifts.len() >= DRIFT_TESTS && with_it * 4 >= shifts.len() * 3).then(|| {
        format!(
            "{with_it} of {} times moved the same way, half of them by {} or more: that looks like the machine, not like the \
             images; run both again, one after the other",
            shifts.len(),
            Unit::Seconds.change(-(middle.exp() - 1.0)),
        )
    })
}
