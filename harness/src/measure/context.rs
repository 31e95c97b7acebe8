//! What the builder of one variant sees as a block goes on: the context with the edits made so far.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::time::SystemTime;

use anyhow::Result;

use crate::engine::buildkit::{Context, OverlayFile};
use crate::scenario::{self, Around, Canaries, Event, Scenario, Variant};

/// What stands for the token in a cold build. Always the same, so that the cold images of two blocks
/// can be compared: nothing of a cold build comes from the cache, and every edit brings a token of its own.
const BASE_TOKEN: &str = "000000000000";

/// One variant's context within one block.
#[derive(Debug, Clone)]
pub(crate) struct BlockContext {
    /// Names this block's copy of the context in the engine.
    key: String,
    /// Edits made so far: name and nonce. A developer goes on working, so they add up.
    edits: Vec<(String, String)>,
    overlay: BTreeMap<String, OverlayFile>,
    /// What was planted in it.
    canaries: Canaries,
}

impl BlockContext {
    /// The context of a cold build of run `run_id`.
    pub(crate) fn cold(run_id: &str, scenario: &Scenario, variant: Variant, nonce: String) -> Result<Self> {
        let mut context = Self {
            key: nonce,
            edits: Vec::new(),
            overlay: BTreeMap::new(),
            canaries: Canaries::of(scenario, run_id),
        };
        context.lay(scenario, variant)?;
        Ok(context)
    }

    /// Makes what `event` stands for.
    pub(crate) fn apply(
        &mut self,
        scenario: &Scenario,
        variant: Variant,
        event: &Event,
        nonce: String,
    ) -> Result<()> {
        if let Event::Edit(name) | Event::CiEdit(name) = event {
            self.edits.push((name.clone(), nonce));
            self.lay(scenario, variant)?;
        }
        Ok(())
    }

    /// The token of the newest edit.
    pub(crate) fn nonce(&self) -> &str {
        self.edits.last().map_or(&self.key, |(_, nonce)| nonce)
    }

    /// The token of the newest edit that changes `around`; none if no edit made so far does.
    pub(crate) fn around(&self, scenario: &Scenario, around: Around) -> Option<&str> {
        let changes =
            |name: &String| scenario.edits.get(name).is_some_and(|edit| edit.around == Some(around));
        self.edits.iter().rev().find(|(name, _)| changes(name)).map(|(_, nonce)| nonce.as_str())
    }

    /// What names this block's copy of the context in the engine, and its cache mounts: fresh with
    /// every cold build, kept by the events after it.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// What is sent to the builder.
    pub(crate) fn context(&self, scenario: &Scenario, variant: Variant) -> Context {
        Context { root: scenario.variants.get(variant).context.clone(), overlay: self.overlay.clone() }
    }

    /// Lays the edits over the context. A file whose content stays keeps its time: BuildKit must see
    /// only what the edit changed.
    fn lay(&mut self, scenario: &Scenario, variant: Variant) -> Result<()> {
        let files = scenario::overlay(scenario, variant, &self.canaries, BASE_TOKEN, &self.edits)?;
        let mut before = std::mem::take(&mut self.overlay);
        for (path, bytes) in files {
            let file = match before.remove(&path) {
                Some(file) if *file.bytes == *bytes => file,
                _ => {
                    let on_disk = scenario.variants.get(variant).context.join(&path);
                    let mode =
                        std::fs::metadata(on_disk).map_or(0o644, |meta| meta.permissions().mode() & 0o7777);
                    OverlayFile { bytes: bytes.into(), mode, modified: SystemTime::now() }
                }
            };
            self.overlay.insert(path, file);
        }
        Ok(())
    }
}
