//! Which builds have a sample.

use std::collections::{HashMap, HashSet};

use crate::record::PlannedStep;
use crate::scenario::{Event, Variant};

/// The builds that have a sample, scenario by scenario and event by event: it is asked of each row of a table, of which a
/// long run has hundreds of thousands, and nothing of the row is copied for it.
#[derive(Debug, Default)]
pub(super) struct Done(HashMap<String, HashMap<Event, HashSet<(u32, Variant)>>>);

impl Done {
    /// Notes a build.
    pub(super) fn insert(&mut self, build: PlannedStep) {
        let events = self.0.entry(build.scenario).or_default();
        events.entry(build.event).or_default().insert((build.block, build.variant));
    }

    /// Whether the build of `block` and `variant` after `event` has a sample.
    pub(super) fn has(&self, scenario: &str, block: u32, variant: Variant, event: &Event) -> bool {
        let builds = self.0.get(scenario).and_then(|events| events.get(event));
        builds.is_some_and(|builds| builds.contains(&(block, variant)))
    }

    /// Whether any build of `block` and `variant` has a sample.
    pub(super) fn has_any(&self, scenario: &str, block: u32, variant: Variant) -> bool {
        let events = self.0.get(scenario);
        events.is_some_and(|events| events.values().any(|builds| builds.contains(&(block, variant))))
    }
}

impl FromIterator<PlannedStep> for Done {
    fn from_iter<I: IntoIterator<Item = PlannedStep>>(builds: I) -> Self {
        let mut done = Self::default();
        builds.into_iter().for_each(|build| done.insert(build));
        done
    }
}
