//! Layers that were read before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Digest, Layer, Needles};

/// Layers by the digest of their blob, so that one is not inflated twice in a run: a base of 240 MB is
/// part of dozens of exports.
///
/// Of a layer that is here, a later archive's bytes are passed over unhashed. Nothing that is reported
/// rests on them: the manifest, whose digest is always checked, names the layer by its digest, and what
/// is said of the layer comes from the bytes that had this digest when it was read.
///
/// The memory is bounded; the layer that was not asked for longest goes first.
#[derive(Debug)]
pub struct LayerCache {
    state: Mutex<State>,
    limit: usize,
    needles: Option<Arc<Needles>>,
}

#[derive(Debug, Default)]
struct State {
    layers: HashMap<Digest, (Arc<Layer>, u64)>,
    clock: u64,
    bytes: usize,
}

impl LayerCache {
    /// Room for about `limit` bytes. A layer takes some 160 bytes for each member.
    pub fn with_limit(limit: usize) -> Self {
        Self { state: Mutex::default(), limit, needles: None }
    }

    /// Searches every layer that is read from now on for `needles`. What is found stays with the layer, so
    /// that one which is not read again needs no second search.
    pub fn searching(self, needles: Option<Arc<Needles>>) -> Self {
        Self { needles, ..self }
    }

    /// What is searched for.
    pub fn needles(&self) -> Option<&Arc<Needles>> {
        self.needles.as_ref()
    }

    /// The layer, if it is still here.
    pub fn get(&self, digest: &Digest) -> Option<Arc<Layer>> {
        let mut state = self.lock();
        state.clock += 1;
        let now = state.clock;
        let (layer, used) = state.layers.get_mut(digest)?;
        *used = now;
        Some(Arc::clone(layer))
    }

    /// Keeps `layer`. It is returned as it is kept.
    pub(super) fn insert(&self, layer: Layer) -> Arc<Layer> {
        let mut state = self.lock();
        state.clock += 1;
        let now = state.clock;
        let layer = Arc::new(layer);
        if state.layers.insert(layer.digest, (Arc::clone(&layer), now)).is_none() {
            state.bytes += layer.heap_bytes();
        }
        while state.bytes > self.limit && state.layers.len() > 1 {
            let oldest = state.layers.values().min_by_key(|(_, used)| *used);
            let Some(oldest) = oldest.map(|(layer, _)| Arc::clone(layer)) else { break };
            state.layers.remove(&oldest.digest);
            state.bytes -= oldest.heap_bytes();
        }
        layer
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic elsewhere leaves at worst a layer uncounted.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for LayerCache {
    /// 48 MiB: half of what the harness may take in all, and some 300 000 files.
    fn default() -> Self {
        Self::with_limit(48 << 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::testing::{TarBuilder, layer};

    #[test]
    fn forgets_what_was_not_asked_for_longest() {
        let layers = ["a", "b", "c"].map(|name| layer(&TarBuilder::new().file(name, b"x")));
        let digests = layers.each_ref().map(|layer| layer.digest);
        let cache = LayerCache::with_limit(layers[0].heap_bytes() * 2);
        let [a, b, c] = layers;
        cache.insert(a);
        cache.insert(b);
        assert!(cache.get(&digests[0]).is_some());
        cache.insert(c);
        assert!(cache.get(&digests[0]).is_some(), "asked for last");
        assert!(cache.get(&digests[1]).is_none(), "not asked for longest");
        assert!(cache.get(&digests[2]).is_some(), "new");
    }
}
