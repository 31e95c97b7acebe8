//! What a practice costs: what became worse with it.

use super::{ScenarioReport, labels};
use crate::claims::effect;
use crate::record::Effect;
use crate::scenario::{Event, Metric, SampleColumn};

/// What got worse with the practice, in words: of what every reader wants to see, and only what the samples show.
pub(super) fn price(report: &ScenarioReport<'_>) -> String {
    let mut said: Vec<String> = report
        .essential()
        .filter(|row| effect(row) == Effect::Hurts)
        .map(|row| format!("{}: {}", labels::metric(&row.metric), labels::change(row)))
        .collect();
    if said.is_empty() {
        let measured = report.essential().any(|row| row.reduction.is_ok());
        said.push(if measured { "none seen" } else { "not measured" }.to_owned());
    }
    // Not seen is not the same as not there: the first build's time is what people ask for.
    let cold = Metric::Sample(SampleColumn::Wall, Event::Cold);
    if let Some(row) = report.comparison(&cold).filter(|row| effect(row) == Effect::Unclear) {
        said.push(format!("{}: not decided ({})", labels::metric(&row.metric), labels::certainty(row)));
    }
    said.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::RunBuilder;
    use crate::report::Report;

    fn of(naive: &[f64], optimized: &[f64]) -> String {
        let run = RunBuilder::new().scenario("s").samples(&Event::Cold, SampleColumn::Wall, naive, optimized);
        price(&Report::of(&run.build()).scenarios[0])
    }

    #[test]
    fn a_price_is_what_the_samples_show_and_what_they_leave_open() {
        assert_eq!(of(&[10.0; 6], &[12.0; 6]), "cold build: time: 20 % more time");
        assert_eq!(of(&[10.0; 6], &[8.0; 6]), "none seen");
        assert_eq!(of(&[], &[]), "not measured");
        assert_eq!(of(&[10.0; 2], &[12.0; 2]), "none seen; cold build: time: not decided (2 of 6 blocks)");
    }
}
