//! Planted secrets, looked for wherever somebody who has the image, its provenance or the builder's
//! exported cache can read. Never timed, and never written down by value.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::build::request;
use super::context::BlockContext;
use super::export::attested;
use super::runner::Bench;
use crate::engine::buildkit::Export;
use crate::oci::{self, Documents, Image, Layer, Needles, read_archive, read_documents};
use crate::record::{Leak, LeakPlace, MeasuredBuild, PlannedStep};
use crate::scenario::{Canaries, Scenario, stages};

/// Places of one secret and one kind that are listed.
const LISTED: usize = 20;

/// Where BuildKit puts a cache into the configuration of an image.
const INLINE_CACHE: &str = "moby.buildkit.cache.v0";

/// What the layers of a run are to be searched for; `None` where nothing is planted.
pub fn needles(scenarios: &[Scenario], run_id: &str) -> Option<Arc<Needles>> {
    let mut planted = BTreeMap::new();
    for scenario in scenarios {
        for (name, value) in Canaries::of(scenario, run_id).values() {
            planted.insert(format!("{}:{name}", scenario.name), value.clone());
        }
    }
    Needles::new(planted.iter().map(|(name, value)| (&**name, &**value))).map(Arc::new)
}

/// Fills in what of the planted secrets is left after a cold build.
///
/// # Errors
/// The image cannot be exported once more, with its provenance.
pub(crate) async fn fill(
    bench: &Bench<'_>,
    scenario: &Scenario,
    step: &PlannedStep,
    context: &BlockContext,
    image: &Image,
    rows: &mut MeasuredBuild,
) -> Result<()> {
    let Some(needles) = bench.layers.needles().filter(|_| !scenario.canaries.is_empty()) else {
        return Ok(());
    };
    let canaries = Canaries::of(scenario, bench.run_id);
    let mut found = Found { needles, canaries: &canaries, scenario, leaks: BTreeSet::new() };
    found.in_layers(image)?;
    found.in_config(&serde_json::from_slice(&image.config_json).context("the image's configuration")?);

    let build = || {
        let mut request = request(bench, scenario, step.variant, context, Export::Nothing);
        // The build of a stage that needs fewer files would take the others out of the block's copy of the context,
        // and the next measured build would send them once more.
        request.shared_key = format!("{}-secrets", request.shared_key);
        request
    };
    let cache = || Arc::clone(&bench.layers);
    let (documents, _) = {
        let cache = cache();
        attested(bench.engine, build(), None, move |archive| read_documents(archive, &cache)).await?
    };
    let whole = found.in_documents(&documents);

    // A cache exported with mode=max holds the layers of all stages that the build went through.
    let known: BTreeSet<_> = image.layers.iter().map(|layer| layer.digest).collect();
    for stage in stages(&scenario.variants.get(step.variant).dockerfile)? {
        let cache = cache();
        let read = move |archive: &mut oci::pipe::PipeReader| read_archive(archive, &cache);
        let (intermediate, outcome) = attested(bench.engine, build(), Some(stage.clone()), read).await?;
        // One that had to be executed now was no part of the build.
        if outcome.vertexes.iter().any(|vertex| vertex.is_instruction() && !vertex.cached) {
            continue;
        }
        for (layer, number) in intermediate.layers.iter().zip(1..) {
            if !known.contains(&layer.digest) {
                found.in_layer(layer, LeakPlace::CacheExport, |path| {
                    format!("stage {stage}, layer {number}, {path}")
                });
            }
        }
    }
    let names: BTreeSet<&String> = found.leaks.iter().map(|(name, ..)| name).collect();
    if let Some(row) = &mut rows.image {
        // An engine that gives no provenance or no cache was not searched whole: then nobody can say "none".
        row.secrets_found = whole.then_some(names.len() as u32);
    }
    rows.leaks = found.rows(step);
    Ok(())
}

/// What was found so far: canary, kind of place, place.
struct Found<'a> {
    needles: &'a Needles,
    canaries: &'a Canaries,
    scenario: &'a Scenario,
    leaks: BTreeSet<(String, LeakPlace, String)>,
}

impl Found<'_> {
    /// The canary that a needle stands for, if it is this scenario's.
    fn own(&self, needle: &str) -> Option<String> {
        let (scenario, canary) = needle.split_once(':')?;
        (scenario == self.scenario.name).then(|| canary.to_owned())
    }

    fn in_layers(&mut self, image: &Image) -> Result<()> {
        let tree = oci::merge(&image.layers)?;
        for (place, layer) in image.layers.iter().enumerate() {
            let shown =
                |path: &[u8]| path.is_empty() || tree.get(path).is_some_and(|node| node.layer == place);
            let hidden: BTreeSet<String> = layer
                .traces
                .iter()
                .filter(|trace| !shown(&trace.path))
                .map(|trace| display(&trace.path))
                .collect();
            self.in_layer(layer, LeakPlace::Layer, |path| {
                let note = if hidden.contains(path) { ", hidden by a later layer" } else { "" };
                format!("layer {}, {path}{note}", place + 1)
            });
        }
        Ok(())
    }

    fn in_layer(&mut self, layer: &Layer, place: LeakPlace, at: impl Fn(&str) -> String) {
        for trace in &layer.traces {
            if let Some(canary) = self.own(&trace.name) {
                // A secret may be part of a file's name, too.
                let at = self.canaries.mask(&at(&display(&trace.path)));
                self.leaks.insert((canary, place, at));
            }
        }
    }

    fn in_config(&mut self, config: &Value) {
        let Value::Object(keys) = config else { return };
        for (key, value) in keys {
            let place = match key.as_str() {
                "history" => LeakPlace::History,
                INLINE_CACHE => LeakPlace::CacheExport,
                _ => LeakPlace::Config,
            };
            self.in_json(value, place, key);
        }
    }

    /// In an export's attestations, and in the cache that its configuration carries; whether both were there.
    fn in_documents(&mut self, documents: &Documents) -> bool {
        let (mut provenance, mut carried) = (false, false);
        for bytes in documents.blobs.values() {
            let Ok(document) = serde_json::from_slice::<Value>(bytes) else { continue };
            if document.get("predicateType").is_some() {
                provenance = true;
                self.in_json(&document, LeakPlace::Provenance, "");
            } else if let Some(cache) = document.get(INLINE_CACHE) {
                carried = true;
                self.in_json(cache, LeakPlace::CacheExport, INLINE_CACHE);
            }
        }
        provenance && carried
    }

    /// Goes through a document; `at` is where in it `value` stands.
    fn in_json(&mut self, value: &Value, place: LeakPlace, at: &str) {
        match value {
            Value::String(text) => {
                let name = variable(text).map(|name| format!(" ({name})")).unwrap_or_default();
                self.in_text(text, place, &format!("{at}{name}"));
            }
            Value::Array(values) => {
                for (value, number) in values.iter().zip(0..) {
                    self.in_json(value, place, &format!("{at}[{number}]"));
                }
            }
            Value::Object(keys) => {
                for (key, value) in keys {
                    let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                    self.in_text(key, place, &at);
                    self.in_json(value, place, &at);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn in_text(&mut self, text: &str, place: LeakPlace, at: &str) {
        for needle in self.needles.in_bytes(text.as_bytes()) {
            if let Some(canary) = self.own(needle) {
                self.leaks.insert((canary, place, self.canaries.mask(at)));
            }
        }
    }

    fn rows(self, step: &PlannedStep) -> Vec<Leak> {
        let mut listed: BTreeMap<(String, LeakPlace), usize> = BTreeMap::new();
        let row = |(canary, place, found_at): (String, LeakPlace, String)| {
            let so_far = listed.entry((canary.clone(), place)).or_default();
            *so_far += 1;
            (*so_far <= LISTED).then(|| Leak {
                scenario: step.scenario.clone(),
                variant: step.variant,
                block: step.block,
                canary,
                place,
                found_at,
            })
        };
        self.leaks.into_iter().filter_map(row).collect()
    }
}

fn display(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(path))
}

/// The name of the variable that `text` sets, as in a configuration's `Env`.
fn variable(text: &str) -> Option<&str> {
    let (name, _) = text.split_once('=')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(plain)).then_some(name)
}
