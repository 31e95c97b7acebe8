//! What could be measured before and fails now.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::metrics::{Comparison, ScenarioRecords};

/// A build or a start that fails in the second run and did not in the first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Broken {
    /// The scenario.
    pub scenario: String,
    /// Which one, and its error, in a line.
    pub what: String,
}

/// What the metrics `measured` of the first run need and the second fails at, each once. A figure that is not there any
/// more would else be a figure that is no worse.
pub(super) fn broken(
    measured: &[Comparison],
    was: &ScenarioRecords<'_>,
    is: &ScenarioRecords<'_>,
) -> BTreeSet<Broken> {
    let metrics = measured.iter().filter(|row| row.naive.is_some() || row.optimized.is_some());
    let fails_now = metrics.filter(|row| was.breakage(&row.metric).is_none());
    fails_now
        .filter_map(|row| is.breakage(&row.metric))
        .map(|what| Broken { scenario: is.plan.name.clone(), what })
        .collect()
}
