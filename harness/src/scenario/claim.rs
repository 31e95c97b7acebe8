//! The rules that claims must keep.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use super::document::Document;
use super::wire::WireClaim;
use super::{Claim, Event, Metric, Pair, TimedStart};
use crate::error::BadInput;

/// Checks claims against what the scenario measures.
pub(super) fn claims(
    file: &Document,
    events: &[Event],
    steps: &BTreeMap<String, Pair<String>>,
    starts: &BTreeMap<String, TimedStart>,
    written: Vec<WireClaim>,
) -> Result<Vec<Claim>, BadInput> {
    let mut names = BTreeSet::new();
    let mut claims = Vec::new();
    for claim in written {
        let name = claim.name.get_ref().clone();
        if !names.insert(name.clone()) {
            let say =
                format!("two claims are named `{name}`: a claim's name is its row in claims.csv; rename one");
            return Err(file.bad(&claim.name.span(), say));
        }
        let metric = metric(file, &name, events, (steps, starts), &claim.metric)?;
        let (expected_min, expected_max) = interval(file, &claim)?;
        if claim.profiles.get_ref().is_empty() {
            let say =
                format!("claim `{name}`: `profiles` is empty, so that nothing settles it: name at least one");
            return Err(file.bad(&claim.profiles.span(), say));
        }
        claims.push(Claim {
            name,
            text: claim.text,
            source: claim.source,
            field: claim.field,
            metric,
            expected_min,
            expected_max,
            profiles: claim.profiles.into_inner(),
        });
    }
    Ok(claims)
}

fn metric(
    file: &Document,
    claim: &str,
    events: &[Event],
    (steps, starts): (&BTreeMap<String, Pair<String>>, &BTreeMap<String, TimedStart>),
    written: &Spanned<String>,
) -> Result<Metric, BadInput> {
    let bad = |say: String| file.bad(&written.span(), format!("claim `{claim}`: {say}"));
    let metric: Metric = written.get_ref().parse().map_err(&bad)?;
    if !events.contains(metric.event()) {
        let event = metric.event();
        return Err(bad(format!(
            "`{metric}` is about an event that is not measured: add \"{event}\" to `events`"
        )));
    }
    if let Metric::Executed(step, _) = &metric
        && !steps.contains_key(step)
    {
        return Err(bad(format!(
            "`{metric}` is about an unknown step: add [steps.{step}], with words of its instruction"
        )));
    }
    if let Metric::StartPhase(start, _) = &metric {
        if !starts.contains_key(start) {
            return Err(bad(format!(
                "`{metric}` is about an unknown start: add [starts.{start}], with its `command`"
            )));
        }
        // In later blocks nothing is built but that, and the image of the cold build started.
        if !events.contains(&Event::Noop) {
            return Err(bad(format!("`{metric}` needs \"noop\" among `events`: add it")));
        }
    }
    Ok(metric)
}

/// Reductions are shares: at most 1, and negative where something grew.
fn interval(file: &Document, claim: &WireClaim) -> Result<(Option<f64>, Option<f64>), BadInput> {
    let name = claim.name.get_ref();
    for (key, bound) in [("expected_min", &claim.expected_min), ("expected_max", &claim.expected_max)] {
        if let Some(bound) = bound
            && !(bound.get_ref().is_finite() && *bound.get_ref() <= 1.0)
        {
            let say =
                format!("claim `{name}`: `{key}` is the share by which a quantity falls: write 0.4 for 40 %");
            return Err(file.bad(&bound.span(), say));
        }
    }
    let (min, max) = (claim.expected_min.as_ref(), claim.expected_max.as_ref());
    match (min, max) {
        (None, None) => {
            let say = format!("claim `{name}` expects nothing: give `expected_min`, `expected_max` or both");
            Err(file.bad(&claim.name.span(), say))
        }
        (Some(min), Some(max)) if min.get_ref() > max.get_ref() => {
            let say = format!(
                "claim `{name}`: `expected_min` {} is above `expected_max` {}: swap them",
                min.get_ref(),
                max.get_ref()
            );
            Err(file.bad(&min.span(), say))
        }
        _ => Ok((min.map(|bound| *bound.get_ref()), max.map(|bound| *bound.get_ref()))),
    }
}
