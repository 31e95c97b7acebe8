//! Bytes per release per node: what each node that has the image from before an edit must pull.

use super::{Report, labels};
use crate::metrics::Comparison;
use crate::record::PlannedScenario;
use crate::scenario::{DeltaColumn, Event, Metric};

/// One edit of one scenario.
pub(super) struct Release<'r> {
    /// The scenario's place in the report, from 0.
    pub(super) place: usize,
    /// What is known of it.
    pub(super) plan: &'r PlannedScenario,
    pub(super) event: &'r Event,
    pub(super) bytes: &'r Comparison,
}

impl Release<'_> {
    /// The edit, as a row's heading.
    pub(super) fn heading(&self) -> String {
        heading(self.plan, self.event)
    }
}

/// An edit as the heading of what it makes a node pull.
pub(super) fn heading(plan: &PlannedScenario, event: &Event) -> String {
    let name = labels::event(event);
    if plan.delivers_apart(event) {
        format!(
            "{name} (one variant mounts what it changes, which reaches a node by another way, not counted \
             here)"
        )
    } else {
        name
    }
}

/// All releases of a run. A build on a fresh builder gives the same image, and is none of its own.
pub(super) fn releases<'r>(report: &'r Report<'_>) -> Vec<Release<'r>> {
    let mut found = Vec::new();
    for (place, part) in report.scenarios.iter().enumerate() {
        for event in part.rows.plan.events.iter().filter(|event| matches!(event, Event::Edit(_))) {
            let metric = Metric::Delta(DeltaColumn::NewCompressed, event.clone());
            if let Some(bytes) = part.comparison(&metric) {
                found.push(Release { place, plan: part.rows.plan, event, bytes });
            }
        }
    }
    found
}

/// The one that saves most and the one that saves least, in a sentence each: neither alone would be honest. Nor would
/// be one that saves what is only delivered otherwise.
pub(super) fn headline(report: &Report<'_>) -> Vec<String> {
    let mut measured: Vec<(f64, Release<'_>)> = releases(report)
        .into_iter()
        .filter(|release| !release.plan.delivers_apart(release.event))
        .filter_map(|release| Some((release.bytes.reduction.as_ref().ok()?.estimate, release)))
        .collect();
    measured.sort_by(|a, b| b.0.total_cmp(&a.0));
    match &measured[..] {
        [] => Vec::new(),
        [(_, only)] => vec![sentence("", only)],
        [(_, best), .., (_, worst)] => {
            vec![sentence("The most that is saved: ", best), sentence("The least: ", worst)]
        }
    }
}

fn sentence(beginning: &str, release: &Release<'_>) -> String {
    let value = |side| labels::value(side, &release.bytes.metric);
    format!(
        "{beginning}{}, {}: naive {} → optimized {}, {}.",
        release.plan.name,
        release.heading(),
        value(release.bytes.naive.as_ref()),
        value(release.bytes.optimized.as_ref()),
        labels::change(release.bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::RunBuilder;

    #[test]
    fn the_best_does_not_stand_without_the_worst() {
        let edit = Event::Edit("source".into());
        let run = RunBuilder::new();
        let run = run.scenario("good").event(edit.clone()).deltas(
            &edit,
            DeltaColumn::NewCompressed,
            &[10; 2],
            &[1; 2],
        );
        let alone = run.build();
        assert_eq!(
            headline(&Report::of(&alone)),
            ["good, after edit-source: naive 10 B → optimized 1 B, 90 % smaller."]
        );

        let run = RunBuilder::new();
        let run = run.scenario("bad").event(edit.clone()).deltas(
            &edit,
            DeltaColumn::NewCompressed,
            &[10; 2],
            &[20; 2],
        );
        let run = run.scenario("good").event(edit.clone()).deltas(
            &edit,
            DeltaColumn::NewCompressed,
            &[10; 2],
            &[1; 2],
        );
        let said = headline(&Report::of(&run.build()));
        assert!(said[0].starts_with("The most that is saved: good,"), "{said:?}");
        assert_eq!(said[1], "The least: bad, after edit-source: naive 10 B → optimized 20 B, 100 % larger.");
    }

    #[test]
    fn what_is_delivered_otherwise_is_not_saved() {
        let edit = Event::Edit("weights".into());
        let run = RunBuilder::new().scenario("weights").event(edit.clone());
        let run = run.deltas(&edit, DeltaColumn::NewCompressed, &[10; 2], &[0; 2]);
        let records = run.with(|scenario| scenario.delivered_apart = vec!["weights".to_owned()]).build();
        let report = Report::of(&records);
        assert!(headline(&report).is_empty());
        assert!(releases(&report)[0].heading().contains("mounts"), "and the table says so");
    }

    #[test]
    fn without_an_edit_there_is_no_release() {
        let records = RunBuilder::new().scenario("s").build();
        assert!(headline(&Report::of(&records)).is_empty());
    }
}
