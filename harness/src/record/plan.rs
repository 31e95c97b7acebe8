//! `plan.json`: what a run set out to measure.

use serde::{Deserialize, Serialize};

use crate::scenario::{Claim, Event, Pair, Variant};

/// `plan.json`: what a run set out to do, and all that a report needs to know of its scenarios.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The scenarios in the order in which they are measured.
    pub scenarios: Vec<PlannedScenario>,
    /// Every step, in order.
    pub steps: Vec<PlannedStep>,
    /// Expected minutes, once set up.
    pub expected_minutes: f64,
    /// Expected peak of the engine's disk, in bytes.
    pub peak_disk_bytes: u64,
}

/// What a report says of a scenario without the scenario's folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedScenario {
    /// Its name.
    pub name: String,
    /// Its question.
    pub question: String,
    /// How to read the result, Markdown.
    pub analysis: String,
    /// What the result must not be read as, Markdown.
    pub caveat: String,
    /// What is measured, in order.
    pub events: Vec<Event>,
    /// The edits in words: name and what it changes.
    pub edits: Vec<(String, String)>,
    /// Edits that change what one variant does not hold: it is mounted there, and a node gets it by another way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delivered_apart: Vec<String>,
    /// The steps that claims speak of: name, and the text that the vertex name contains.
    pub steps: Vec<(String, Pair<String>)>,
    /// The claims.
    pub claims: Vec<Claim>,
    /// The text of both Dockerfiles.
    pub dockerfiles: Pair<String>,
    /// Blocks planned.
    pub blocks: u32,
    /// After how many blocks the engine forgets its builds, and both variants are rehearsed again, where the disk has no
    /// room for as many as usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks_kept: Option<u32>,
}

impl PlannedScenario {
    /// Whether what this edit changes is held by one of the two images alone.
    pub fn delivers_apart(&self, event: &Event) -> bool {
        matches!(event, Event::Edit(edit) if self.delivered_apart.iter().any(|name| **name == **edit))
    }
}

/// One build to measure.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedStep {
    /// The scenario.
    pub scenario: String,
    /// The block, from 1.
    pub block: u32,
    /// The variant.
    pub variant: Variant,
    /// The event.
    pub event: Event,
}

impl Plan {
    /// The scenario of this name.
    pub fn scenario(&self, name: &str) -> Option<&PlannedScenario> {
        self.scenarios.iter().find(|scenario| scenario.name == name)
    }
}
