//! A verdict's reason, in one line for someone who has not read the manual.

use crate::metrics::{Comparison, Estimate, Summary, Unit, less_or_more, percent, percent_range};
use crate::record::Verdict;
use crate::scenario::{Claim, Evidence, Pair, Profile};
use crate::stats::Interval;

/// Below a millionth of a per cent two shares differ by their arithmetic alone.
const MOST_DECIMALS: usize = 6;

/// Why the profile cannot settle the claim, and which can.
pub(super) fn of_another_profile(profile: Profile, settling: &[Profile]) -> String {
    let larger = settling.iter().filter(|other| **other > profile).min();
    match larger.or(settling.iter().max()) {
        Some(larger) if *larger > profile => {
            format!("needs --profile {larger}; the payload of the {profile} profile is too small for it")
        }
        Some(smaller) => {
            format!("needs --profile {smaller}; the {profile} profile leaves out what it rests on")
        }
        None => "no profile settles it".to_owned(),
    }
}

/// What was found, and how it lies to what was claimed.
pub(super) fn of(claim: &Claim, comparison: &Comparison, estimate: &Estimate, verdict: Verdict) -> String {
    let unit = Unit::of(&claim.metric);
    let claimed = claimed(claim, unit);
    if let Some(lacking) = &estimate.lacking {
        return lacking.clone();
    }
    if super::nothing_to_reduce(claim, comparison) {
        return format!("none in either variant: there was nothing to reduce; claimed: {claimed}");
    }
    let found = found(comparison, estimate, unit);
    let reason = match verdict {
        Verdict::Inconclusive => format!("{found}, partly outside what is claimed: {claimed}"),
        _ => format!("{found}; claimed: {claimed}"),
    };
    match estimate.interval.and_then(|interval| hidden(claim, interval)) {
        Some(value) => format!("{reason}, and {value} is outside it"),
        None => reason,
    }
}

/// What to make of a figure that does not hold, where the difference is of no account.
pub(super) fn too_little(comparison: &Comparison) -> String {
    let Pair { naive, optimized } = comparison.medians();
    let difference = Unit::of(&comparison.metric).format((naive - optimized).abs());
    format!("; it is {difference}, too little to be worth speaking of")
}

/// An end of what was measured that is outside the claim and reads like its bound once it is rounded: 9.96 % is
/// written as 10 %, and is not "at least 10 %". With as many decimals as tell the two apart.
fn hidden(claim: &Claim, measured: Interval) -> Option<String> {
    let outside = |end: f64| {
        let below = claim.expected_min.filter(|min| end < *min);
        let above = claim.expected_max.filter(|max| end > *max);
        below.or(above).map(|bound| (end, bound))
    };
    let mut ends = [measured.low, measured.high].into_iter().filter_map(outside);
    let (end, bound) = ends.find(|(end, bound)| percent(*end) == percent(*bound))?;
    (1..=MOST_DECIMALS).find_map(|decimals| {
        let [end, bound] = [end, bound].map(|share| format!("{:.decimals$} %", share.abs() * 100.0));
        (end != bound).then_some(end)
    })
}

fn found(comparison: &Comparison, estimate: &Estimate, unit: Unit) -> String {
    let change = unit.change(estimate.estimate);
    let Some(interval) = estimate.interval else { return change };
    match comparison.metric.evidence() {
        // Counts speak for themselves: a percentage of one step says less.
        Evidence::Count => {
            let side = |side: &Option<Summary>| {
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
        // There is no more to lose than all.
        (Some(1.0), None) => format!("{} {less}", percent(1.0)),
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
    fn a_profile_that_cannot_settle_a_claim_names_one_that_can() {
        use Profile::{Full, Quick, Smoke};
        let too_small = "needs --profile full; the payload of the quick profile is too small for it";
        assert_eq!(of_another_profile(Quick, &[Full]), too_small);
        assert_eq!(of_another_profile(Quick, &[Smoke, Full]), too_small);
        let left_out = "needs --profile quick; the full profile leaves out what it rests on";
        assert_eq!(of_another_profile(Full, &[Smoke, Quick]), left_out);
        assert_eq!(of_another_profile(Smoke, &[]), "no profile settles it");
    }

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
        assert_eq!(said(Some(1.0), None), "100 % less time");
        assert_eq!(said(None, Some(-0.1)), "at least 10 % more time");
        assert_eq!(said(Some(0.0), None), "no more time");
        assert_eq!(said(Some(0.0), Some(0.0)), "no change");
    }

    #[test]
    fn rounding_does_not_hide_why_a_claim_fails() {
        let said = |min, max, low, high| {
            let run = RunBuilder::new().scenario("s").claim(
                Metric::Sample(SampleColumn::Wall, Event::Cold),
                min,
                max,
            );
            hidden(&run.build().plan.scenarios[0].claims[0], Interval { low, high })
        };
        assert_eq!(said(Some(0.1), None, 0.0996, 0.0996).as_deref(), Some("9.96 %"));
        assert_eq!(said(Some(0.1), None, 0.099_999, 0.12).as_deref(), Some("9.9999 %"));
        assert_eq!(said(Some(-0.05), None, -0.0503, 0.1).as_deref(), Some("5.03 %"));
        assert_eq!(said(Some(0.4), Some(0.6), 0.6021, 0.7).as_deref(), Some("60.2 %"));
        // Inside it, on its bound, or plainly outside it.
        assert_eq!(said(Some(0.1), None, 0.1004, 0.2), None);
        assert_eq!(said(Some(0.1), None, 0.1, 0.1), None);
        assert_eq!(said(Some(0.1), None, 0.05, 0.2), None);
    }
}
