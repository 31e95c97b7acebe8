//! A verdict's reason, in one line for someone who has not read the manual.

use crate::metrics::{Comparison, Estimate, Unit, less_or_more, percent, percent_range};
use crate::record::Verdict;
use crate::scenario::{Claim, Evidence, Profile};

/// Why the profile cannot settle the claim, and which can.
pub(super) fn profile_too_small(profile: Profile, enough: &[Profile]) -> String {
    let enough = match enough.iter().min() {
        Some(least) => format!("needs --profile {least}"),
        None => "no profile settles it".to_owned(),
    };
    format!("{enough}; the payload of the {profile} profile is too small for it")
}

/// What was found, and how it lies to what was claimed.
pub(super) fn of(claim: &Claim, comparison: &Comparison, estimate: &Estimate, verdict: Verdict) -> String {
    let unit = Unit::of(&claim.metric);
    let claimed = claimed(claim, unit);
    if let Some(lacking) = &estimate.lacking {
        return lacking.clone();
    }
    let found = found(comparison, estimate, unit);
    match verdict {
        Verdict::Inconclusive => format!("{found}, partly outside what is claimed: {claimed}"),
        _ => format!("{found}; claimed: {claimed}"),
    }
}

fn found(comparison: &Comparison, estimate: &Estimate, unit: Unit) -> String {
    let change = unit.change(estimate.estimate);
    let Some(interval) = estimate.interval else { return change };
    match comparison.metric.evidence() {
        // Counts speak for themselves: a percentage of one step says less.
        Evidence::Count => {
            let side = |side: &Option<crate::metrics::Summary>| {
                side.as_ref().map_or_else(String::new, |side| unit.format(side.median))
            };
            format!(
                "{} → {} in {} blocks",
                side(&comparison.naive),
                side(&comparison.optimized),
                comparison.blocks
            )
        }
        Evidence::Size => format!("{change} ({} blocks)", comparison.blocks),
        Evidence::Time => {
            format!("{change} (95 % interval: {})", less_or_more(interval))
        }
    }
}

/// A bound below 0 is one of more, not of less than nothing.
fn claimed(claim: &Claim, unit: Unit) -> String {
    let (less, more) = (unit.direction(1.0), unit.direction(-1.0));
    match (claim.expected_min, claim.expected_max) {
        (Some(0.0), Some(0.0)) => "no change".to_owned(),
        (Some(min), Some(max)) if max <= 0.0 => format!("{} {more}", percent_range(-max, -min)),
        (Some(min), Some(max)) if min < 0.0 => {
            format!("{} {more} to {} {less}", percent(-min), percent(max))
        }
        (Some(min), Some(max)) => format!("{} {less}", percent_range(min, max)),
        (Some(0.0), None) => format!("no {more}"),
        (Some(min), None) if min < 0.0 => format!("at most {} {more}", percent(-min)),
        (Some(min), None) => format!("at least {} {less}", percent(min)),
        (None, Some(max)) if max < 0.0 => format!("at least {} {more}", percent(-max)),
        (None, Some(max)) => format!("at most {} {less}", percent(max)),
        (None, None) => "any change".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::RunBuilder;
    use crate::scenario::{Event, Metric, SampleColumn};

    #[test]
    fn what_is_claimed_is_said_as_people_say_it() {
        let said = |min, max| {
            let run = RunBuilder::new().scenario("s").claim(
                Metric::Sample(SampleColumn::Wall, Event::Cold),
                min,
                max,
            );
            claimed(&run.build().plan.scenarios[0].claims[0], Unit::Seconds)
        };
        assert_eq!(said(Some(0.4), Some(0.6)), "40 to 60 % less time");
        assert_eq!(said(Some(-0.1), Some(0.1)), "10 % more time to 10 % less time");
        assert_eq!(said(Some(-0.2), Some(-0.1)), "10 to 20 % more time");
        assert_eq!(said(Some(-0.05), None), "at most 5.0 % more time");
        assert_eq!(said(Some(0.5), None), "at least 50 % less time");
        assert_eq!(said(None, Some(-0.1)), "at least 10 % more time");
        assert_eq!(said(Some(0.0), None), "no more time");
        assert_eq!(said(Some(0.0), Some(0.0)), "no change");
    }
}
