//! What the builder of one variant sees as a block goes on: the context with the edits made so far.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Result;

use super::runner::Bench;
use crate::engine::buildkit::{Context, OverlayContent, OverlayFile};
use crate::engine::containers::Mounts;
use crate::scenario::{self, Around, Canaries, Event, Scenario, Variant};
use crate::supply::{Weights, WeightsFile};

/// What stands for the token in a cold build. Always the same, so that the cold images of two blocks
/// can be compared: nothing of a cold build comes from the cache, and every edit brings a token of its own.
const BASE_TOKEN: &str = "000000000000";

/// One variant's context within one block.
#[derive(Debug, Clone)]
pub(crate) struct BlockContext {
    /// Names this block's copy of the context in the engine.
    key: String,
    /// Names this block's cache mounts there.
    cache_mounts: String,
    /// Edits made so far: name and nonce. A developer goes on working, so they add up.
    edits: Vec<(String, String)>,
    overlay: BTreeMap<String, OverlayFile>,
    /// The generated files, by path: the first ones, or those of the newest checkpoint.
    weights: BTreeMap<String, Arc<WeightsFile>>,
    /// Where they come from.
    maker: Arc<Weights>,
    /// What was planted in it.
    canaries: Canaries,
}

impl BlockContext {
    /// The context of a cold build.
    pub(crate) fn cold(
        bench: &Bench<'_>,
        scenario: &Scenario,
        variant: Variant,
        nonce: String,
    ) -> Result<Self> {
        let maker = Arc::clone(bench.supply.weights());
        let mut context = Self {
            cache_mounts: nonce.clone(),
            key: nonce,
            edits: Vec::new(),
            overlay: BTreeMap::new(),
            weights: first(&maker, scenario)?,
            maker,
            canaries: Canaries::of(scenario, bench.run_id),
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
            if scenario.edits.get(&**name).is_some_and(|edit| edit.around == Some(Around::Generated)) {
                for (path, bytes) in &scenario.generated {
                    let checkpoint = self.maker.checkpoint(path, *bytes, &nonce)?;
                    self.weights.insert(path.clone(), checkpoint);
                }
            }
            self.edits.push((name.to_string(), nonce));
            self.lay(scenario, variant)?;
        }
        Ok(())
    }

    /// The same on another machine: nothing of it was sent to that builder. That its cache mounts are empty is for
    /// whoever emptied it to see to: their name is part of the keys of the steps that use them, and with another
    /// one these would not be found in an imported cache, which no CI runner would see.
    pub(crate) fn move_to(&mut self, key: String) {
        self.key = key;
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

    /// What names this block's copy of the context in the engine: fresh with every cold build, kept by the
    /// events after it.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// What names its cache mounts, likewise.
    pub(crate) fn cache_mounts(&self) -> &str {
        &self.cache_mounts
    }

    /// What is sent to the builder.
    pub(crate) fn context(&self, scenario: &Scenario, variant: Variant) -> Context {
        Context {
            root: scenario.variants.get(variant).context.clone(),
            overlay: self.overlay.clone(),
            ..Context::default()
        }
    }

    /// What the scenario mounts into a container of this variant, as it is now.
    pub(crate) fn mounts(&self, scenario: &Scenario, variant: Variant) -> Mounts {
        let root = &scenario.variants.get(variant).context;
        let mut mounts = Mounts::new();
        for (target, path) in scenario.mounts.get(variant) {
            let folder = format!("{path}/");
            let within = |(file, made): (&String, &Arc<WeightsFile>)| {
                Some((format!("{target}/{}", file.strip_prefix(&folder)?), made.path().to_owned()))
            };
            let made: Mounts = self.weights.iter().filter_map(within).collect();
            match self.weights.get(path) {
                Some(file) => drop(mounts.insert(target.clone(), file.path().to_owned())),
                // A folder of generated files exists nowhere as one.
                None if !made.is_empty() => mounts.extend(made),
                None => drop(mounts.insert(target.clone(), root.join(path))),
            }
        }
        mounts
    }

    /// Lays the edits over the context. A file whose content stays keeps its time: BuildKit must see
    /// only what the edit changed.
    fn lay(&mut self, scenario: &Scenario, variant: Variant) -> Result<()> {
        let files = scenario::overlay(scenario, variant, &self.canaries, BASE_TOKEN, &self.edits)?;
        let mut before = std::mem::take(&mut self.overlay);
        for (path, bytes) in files {
            let file = match before.remove(&path) {
                Some(file) if file.content == OverlayContent::Bytes(bytes.as_slice().into()) => file,
                _ => {
                    let on_disk = scenario.variants.get(variant).context.join(&path);
                    let mode =
                        std::fs::metadata(on_disk).map_or(0o644, |meta| meta.permissions().mode() & 0o7777);
                    OverlayFile {
                        content: OverlayContent::Bytes(bytes.into()),
                        mode,
                        modified: SystemTime::now(),
                    }
                }
            };
            self.overlay.insert(path, file);
        }
        for (path, weights) in &self.weights {
            let modified = std::fs::metadata(weights.path())?.modified()?;
            let content = OverlayContent::File(weights.path().into());
            self.overlay.insert(path.clone(), OverlayFile { content, mode: 0o644, modified });
        }
        Ok(())
    }
}

/// The generated files as they are before any edit.
fn first(maker: &Weights, scenario: &Scenario) -> Result<BTreeMap<String, Arc<WeightsFile>>> {
    scenario.generated.iter().map(|(path, bytes)| Ok((path.clone(), maker.first(path, *bytes)?))).collect()
}
