//! The run's figures in the forms that other tools take: all metrics of both variants, the median of the blocks.
//!
//! Only what was measured is in them: a metric that was not has no entry, and never a zero.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Report;
use crate::metrics::{Summary, Unit};
use crate::scenario::{Metric, Variant};

/// One metric of one variant.
struct Figure<'r> {
    /// `layer-order/naive/edit-source`; without the event for what has none.
    benchmark: String,
    metric: &'r Metric,
    summary: &'r Summary,
}

/// [Bencher Metric Format](https://bencher.dev/docs/reference/bencher-metric-format/): benchmark → measure → value,
/// with the least and the greatest block as its bounds.
pub fn bencher(report: &Report<'_>) -> String {
    #[derive(Serialize)]
    struct Value {
        value: f64,
        lower_value: f64,
        upper_value: f64,
    }
    let mut all: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for Figure { benchmark, metric, summary } in figures(report) {
        let value = Value { value: summary.median, lower_value: summary.min, upper_value: summary.max };
        all.entry(benchmark).or_default().insert(measure(metric), value);
    }
    json(&all)
}

/// What [github-action-benchmark](https://github.com/benchmark-action/github-action-benchmark) takes as
/// `customSmallerIsBetter`: in all that is measured here, less is better.
pub fn github_action_benchmark(report: &Report<'_>) -> String {
    #[derive(Serialize)]
    struct Entry {
        name: String,
        unit: &'static str,
        value: f64,
        range: String,
        extra: String,
    }
    let entry = |Figure { benchmark, metric, summary }: Figure<'_>| Entry {
        name: format!("{benchmark}: {}", measure(metric)),
        unit: match Unit::of(metric) {
            Unit::Bytes => "bytes",
            Unit::Seconds => "s",
            Unit::Count => "count",
        },
        value: summary.median,
        range: format!("{} to {}", summary.min, summary.max),
        extra: format!("{} blocks", summary.values.len()),
    };
    json(&figures(report).map(entry).collect::<Vec<_>>())
}

fn figures<'r>(report: &'r Report<'_>) -> impl Iterator<Item = Figure<'r>> {
    report.scenarios.iter().flat_map(|scenario| {
        let name = &scenario.rows.plan.name;
        scenario.comparisons.iter().flat_map(move |row| {
            let sides = [(Variant::Naive, &row.naive), (Variant::Optimized, &row.optimized)];
            sides.into_iter().filter_map(move |(variant, side)| {
                let written = row.metric.to_string();
                let benchmark = match written.split_once('@') {
                    Some((_, event)) => format!("{name}/{variant}/{event}"),
                    None => format!("{name}/{variant}"),
                };
                Some(Figure { benchmark, metric: &row.metric, summary: side.as_ref()? })
            })
        })
    })
}

/// The metric without its event, which is part of the benchmark's name.
fn measure(metric: &Metric) -> String {
    let written = metric.to_string();
    written.split_once('@').map_or(written.as_str(), |(quantity, _)| quantity).to_owned()
}

fn json(value: &impl Serialize) -> String {
    // Names and finite numbers: there is nothing in it that JSON cannot hold.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::record::Records;
    use crate::record::testing::RunBuilder;
    use crate::scenario::{Event, ImageColumn, SampleColumn};

    fn run() -> Records {
        let edit = Event::Edit("source".into());
        RunBuilder::new()
            .scenario("layer-order")
            .event(edit.clone())
            .samples(&edit, SampleColumn::Wall, &[4.0, 6.0, 5.0], &[0.5, 0.4, 0.6])
            .images(ImageColumn::Compressed, &[90; 2], &[50; 2])
            .build()
    }

    #[test]
    fn bencher_has_a_measure_with_bounds() {
        let records = run();
        let all: Value = serde_json::from_str(&bencher(&Report::of(&records))).unwrap();
        let expected = json!({"value": 5.0, "lower_value": 4.0, "upper_value": 6.0});
        assert_eq!(all["layer-order/naive/edit-source"]["wall_s"], expected);
        assert_eq!(all["layer-order/optimized"]["compressed_bytes"]["value"], 50.0);
        // By the format: two levels of names, then numbers.
        for measures in all.as_object().unwrap().values() {
            for metric in measures.as_object().unwrap().values() {
                assert!(metric.as_object().unwrap().values().all(Value::is_number), "{metric}");
            }
        }
        assert!(all["layer-order/naive/cold"]["wall_s"].is_null(), "what was not measured is not there");
    }

    #[test]
    fn github_action_benchmark_has_names_units_and_values() {
        let records = run();
        let all: Value = serde_json::from_str(&github_action_benchmark(&Report::of(&records))).unwrap();
        let entries = all.as_array().unwrap();
        let find = |name: &str| entries.iter().find(|entry| entry["name"] == name).unwrap();
        let time = find("layer-order/optimized/edit-source: wall_s");
        assert_eq!(
            (&time["unit"], &time["value"], &time["range"]),
            (&json!("s"), &json!(0.5), &json!("0.4 to 0.6"))
        );
        assert_eq!(find("layer-order/naive: compressed_bytes")["unit"], "bytes");
        let names: std::collections::HashSet<_> =
            entries.iter().map(|entry| entry["name"].as_str()).collect();
        assert_eq!(names.len(), entries.len(), "each name once");
    }
}
