//! The rules that claims must keep.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use super::document::Document;
use super::wire::WireClaim;
use super::{Around, Claim, Edit, Event, Metric, Pair, TimedStart, startup};
use crate::error::BadInput;

/// What a scenario measures, as far as claims can speak of it.
pub(super) struct Measured<'a> {
    pub(super) events: &'a [Event],
    pub(super) edits: &'a BTreeMap<String, Edit>,
    pub(super) steps: &'a BTreeMap<String, Pair<String>>,
    pub(super) starts: &'a BTreeMap<String, TimedStart>,
    /// Whether a start-up is measured, phase by phase.
    pub(super) startup: bool,
    /// Whether its start-up fetches weights.
    pub(super) fetches: bool,
    /// Whether development stages are named.
    pub(super) development: bool,
}

/// Checks claims against what the scenario measures.
pub(super) fn claims(
    file: &Document,
    measured: &Measured<'_>,
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
        let metric = metric(file, &name, measured, &claim.metric)?;
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
    measured: &Measured<'_>,
    written: &Spanned<String>,
) -> Result<Metric, BadInput> {
    let bad = |say: String| file.bad(&written.span(), format!("claim `{claim}`: {say}"));
    let metric: Metric = written.get_ref().parse().map_err(&bad)?;
    if !measured.events.contains(metric.event()) {
        let event = metric.event();
        return Err(bad(format!(
            "`{metric}` is about an event that is not measured: add \"{event}\" to `events`"
        )));
    }
    if let Metric::Executed(step, _) = &metric
        && !measured.steps.contains_key(step)
    {
        return Err(bad(format!(
            "`{metric}` is about an unknown step: add [steps.{step}], with words of its instruction"
        )));
    }
    if let Metric::StartPhase(start, _) = &metric {
        let is_phase = measured.startup && startup::is_phase(start);
        if !is_phase && !measured.starts.contains_key(start) {
            return Err(bad(format!(
                "`{metric}` is about an unknown start: add [starts.{start}], with its `command`, or [startup] for a \
                 phase of a start-up"
            )));
        }
        // In later blocks nothing is built but that, and the image of the cold build started.
        if !measured.events.contains(&Event::Noop) {
            return Err(bad(format!("`{metric}` needs \"noop\" among `events`: add it")));
        }
    }
    if let (Metric::Fetch(..), false) = (&metric, measured.fetches) {
        return Err(bad(format!(
            "`{metric}` is about weights that are fetched at the start, and none are: add [startup.fetch]"
        )));
    }
    if let Metric::DevelopmentDifferences(event) = &metric {
        if !measured.development {
            return Err(bad(format!(
                "`{metric}` needs the stages in which people develop: add [development], with a stage of each Dockerfile"
            )));
        }
        if *event != Event::Cold && !measured.is_rebuilt_later(event) {
            return Err(bad(format!(
                "`{metric}`: the images are held against each other after \"cold\" and after edits with \
                 `around = \"upstream\"`: name one of these"
            )));
        }
    }
    Ok(metric)
}

impl Measured<'_> {
    /// Whether the event builds the same sources once upstream has moved on.
    fn is_rebuilt_later(&self, event: &Event) -> bool {
        let Event::Edit(name) = event else { return false };
        self.edits.get(&**name).is_some_and(|edit| edit.around == Some(Around::Upstream))
    }
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
