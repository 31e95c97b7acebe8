//! How often the verdicts find a difference where there is none: the count of an A/A run.

use std::collections::BTreeSet;

use super::effect;
use crate::metrics::{ScenarioRecords, compare};
use crate::record::{Effect, Records};
use crate::scenario::{Event, Metric, SampleColumn, Variant};
use crate::stats::LEAST_BLOCKS;

/// The comparisons of one scenario, event and column in an A/A run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FalsePositives {
    /// The scenario.
    pub scenario: String,
    /// The event.
    pub event: Event,
    /// Wall or CPU seconds.
    #[serde(rename = "metric", serialize_with = "as_metric")]
    pub column: SampleColumn,
    /// Groups of blocks that were compared, each as a run of its own.
    pub comparisons: u32,
    /// Of these, how many were called a help or a hurt.
    pub effects: u32,
    /// Of these, how many had an interval without "no difference" in it, worth speaking of or not.
    pub intervals: u32,
}

fn as_metric<S: serde::Serializer>(column: &SampleColumn, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(column.as_str())
}

/// Judges wall and CPU seconds of each event with the function that judges practices. The blocks are cut, in their
/// order, into groups of as many as a claim on time needs, and each group is judged as if it were a run: 60 blocks are
/// ten comparisons. Blocks with a build that failed are left out, and so are those left over at the end. Empty for what is no A/A run.
pub fn false_positives(records: &Records) -> Vec<FalsePositives> {
    if !records.info.aa {
        return Vec::new();
    }
    let mut rows = Vec::new();
    for scenario in ScenarioRecords::split(records) {
        for event in &scenario.plan.events {
            for column in [SampleColumn::Wall, SampleColumn::Cpu] {
                rows.push(count(&scenario, event, column));
            }
        }
    }
    rows.retain(|row| row.comparisons > 0);
    rows
}

fn count(scenario: &ScenarioRecords<'_>, event: &Event, column: SampleColumn) -> FalsePositives {
    let mut row = FalsePositives {
        scenario: scenario.plan.name.clone(),
        event: event.clone(),
        column,
        comparisons: 0,
        effects: 0,
        intervals: 0,
    };
    let metric = Metric::Sample(column, event.clone());
    let optimized = scenario.values(&metric, Variant::Optimized);
    let blocks: Vec<u32> = scenario
        .values(&metric, Variant::Naive)
        .into_keys()
        .filter(|block| optimized.contains_key(block))
        .collect();
    for group in blocks.chunks_exact(LEAST_BLOCKS) {
        let group: BTreeSet<u32> = group.iter().copied().collect();
        let mut run = scenario.clone();
        run.samples.retain(|sample| group.contains(&sample.block));
        let comparison = compare(&run, &metric);
        let Some(interval) = comparison.reduction.as_ref().ok().and_then(|estimate| estimate.interval) else {
            continue;
        };
        row.comparisons += 1;
        row.intervals += u32::from(!interval.contains(0.0));
        row.effects += u32::from(matches!(effect(&comparison), Effect::Helps | Effect::Hurts));
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::RunBuilder;

    /// Thirteen blocks: six alike, six in which one side is quicker, and one more.
    fn run(quicker: f64) -> RunBuilder {
        let naive: Vec<f64> = (0..13).map(|block| 10.0 + f64::from(block % 3)).collect();
        let optimized: Vec<f64> = naive
            .iter()
            .enumerate()
            .map(|(block, seconds)| {
                let noise = 1.0 + 0.01 * (block % 2) as f64 - 0.005;
                seconds * noise * if (6..12).contains(&block) { quicker } else { 1.0 }
            })
            .collect();
        RunBuilder::new().aa().scenario("s").samples(&Event::Cold, SampleColumn::Wall, &naive, &optimized)
    }

    fn wall(run: RunBuilder) -> (u32, u32, u32) {
        let rows = false_positives(&run.build());
        let row = rows.iter().find(|row| row.column == SampleColumn::Wall);
        row.map_or((0, 0, 0), |row| (row.comparisons, row.effects, row.intervals))
    }

    #[test]
    fn each_six_blocks_are_a_comparison_and_a_called_effect_is_a_false_one() {
        assert_eq!(wall(run(1.0)), (2, 0, 0));
        assert_eq!(wall(run(0.8)), (2, 1, 1));
        assert_eq!(wall(run(1.2)), (2, 1, 1), "a hurt as well");
        assert_eq!(wall(run(0.99)), (2, 0, 1), "there, and not worth speaking of");
    }

    #[test]
    fn a_block_with_a_failed_build_is_left_out() {
        let failing = run(0.8).fails(Variant::Naive, &Event::Cold, 8, "no space left");
        assert_eq!(wall(failing), (2, 1, 1), "blocks 7 and 9 to 13 are the second group");
    }

    #[test]
    fn a_run_of_a_pair_has_no_false_positives() {
        let mut records = run(0.8).build();
        records.info.aa = false;
        assert_eq!(false_positives(&records), []);
    }
}
