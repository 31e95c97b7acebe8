//! What a practice costs: what became worse with it.

use super::{ScenarioReport, labels};
use crate::claims::effect;
use crate::metrics::Comparison;
use crate::record::Effect;
use crate::scenario::{Event, Evidence, Metric, SampleColumn};

/// What got worse elsewhere in the scenario, in words, beside the `claimed` metric itself: of what every reader
/// wants to see, and only what the samples show.
pub(super) fn price(report: &ScenarioReport<'_>, claimed: &Metric) -> String {
    let others: Vec<&Comparison> = report.essential().filter(|row| row.metric != *claimed).collect();
    let mut said: Vec<String> = others
        .iter()
        .filter(|row| effect(row) == Effect::Hurts)
        .map(|row| format!("{}: {}", labels::metric(&row.metric), labels::change(row)))
        .collect();
    if said.is_empty() {
        said.push("none seen".to_owned());
    }
    // Not seen is not the same as not there: the first build's time is what people ask for.
    let cold = Metric::Sample(SampleColumn::Wall, Event::Cold);
    let undecided = others.iter().find(|row| {
        row.metric == cold && row.metric.evidence() == Evidence::Time && effect(row) == Effect::Unclear
    });
    if let Some(row) = undecided {
        said.push(format!("{} not decided ({})", labels::metric(&row.metric), labels::certainty(row)));
    }
    said.join("; ")
}
