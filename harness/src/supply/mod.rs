//! What builds consume: base images, a package index, an apt proxy, all on this machine and all the same
//! for every build of a run, so that a benchmark measures building and not the internet.

mod apt;
mod backend;
mod base;
mod index;
mod latency;
mod link;
mod machine;
mod mirror;
mod needs;
mod prepare;
mod redact;
mod registry;
mod scratch;
mod server;
mod shelf;
mod store;
mod volume;
mod weights;
mod wheels;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Error, Result};
use bollard::Docker;

use crate::cache::Cache;
use crate::record::BaseInfo;
use crate::scenario::StoreKind;

pub use apt::AptProxy;
pub use base::{Base, BaseChoice, Bases, Recipe, ResolvedBase, UPDATED as UPDATED_BASES};
pub use index::{Index, Shelf};
pub use link::{Direction, Link, Shaper};
pub use needs::{Download, Needs, downloads_missing};
pub use redact::{Redactor, WORD as REDACTED};
pub use registry::{Moved, Node, Registry};
pub use store::Store;
pub use volume::Volume;
pub use weights::{Weights, WeightsFile};
pub use wheels::{IndexFile, Locked, Place, Wheels, fetch_locked, read as read_lock};

use scratch::Scratch;

/// How a run wants its supply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Where base images come from.
    pub base: BaseChoice,
    /// How fast the servers appear.
    pub link: Link,
}

/// Everything that the builds of a run consume. The servers stop when it is dropped.
#[derive(Debug)]
pub struct Supply {
    cache: Cache,
    needs: BTreeMap<String, Needs>,
    failures: BTreeMap<String, Error>,
    bases: BTreeMap<String, ResolvedBase>,
    index: Option<Index>,
    apt: Option<AptProxy>,
    registry: Option<Registry>,
    stores: BTreeMap<StoreKind, Store>,
    weights: Arc<Weights>,
    redactor: Redactor,
    shaper: Shaper,
}

impl Supply {
    /// Why a scenario cannot be built, if something that it needs could not be had.
    pub fn failure(&self, scenario: &str) -> Option<&Error> {
        self.failures.get(scenario)
    }

    /// Build arguments for the builds of a scenario: what it needs and no more.
    ///
    /// `PIP_INDEX_URL` counts only where a Dockerfile declares it. The proxies are predefined and no part
    /// of the cache key; whatever is on loopback never goes through them.
    pub fn build_args(&self, scenario: &str) -> BTreeMap<String, String> {
        let mut args = BTreeMap::new();
        let Some(need) = self.needs.get(scenario) else { return args };
        if let (Some(index), false) = (&self.index, need.locks.is_empty()) {
            args.insert("PIP_INDEX_URL".to_owned(), index.url(scenario));
        }
        if let (Some(apt), true) = (&self.apt, need.apt) {
            args.insert("http_proxy".to_owned(), apt.url());
        }
        args.insert("no_proxy".to_owned(), "127.0.0.1,localhost".to_owned());
        args
    }

    /// Whether the package index of a scenario is as it is today, or as it is once upstream has moved on.
    pub fn set_moved_on(&self, scenario: &str, moved_on: bool) {
        if let Some(index) = &self.index {
            index.set_moved_on(scenario, moved_on);
        }
    }

    /// What the `FROM` names of a scenario stand for.
    pub fn named_contexts(&self, scenario: &str) -> BTreeMap<String, String> {
        self.contexts(scenario, ResolvedBase::named_context)
    }

    /// The same once [`update_bases`](Self::update_bases) has brought the update `update` in.
    pub fn updated_contexts(&self, scenario: &str, update: &str) -> BTreeMap<String, String> {
        self.contexts(scenario, |base| base.updated_context(update))
    }

    /// Brings security updates of a scenario's base images into the engine, beside them: every layer is new,
    /// and holds what it held but for one small file. `update` names the update: the same word gives the same
    /// layers, and another one others. What is there already is left as it is.
    ///
    /// # Errors
    /// If the engine cannot give a base away or take its update in, or the disk is full.
    pub async fn update_bases(&self, docker: &Docker, scenario: &str, update: &str) -> Result<()> {
        let scratch = Scratch::make(&self.cache.room("updates")?)?;
        for base in self.bases_of(scenario) {
            base.update(docker, scratch.path(), update).await?;
        }
        Ok(())
    }

    fn contexts(&self, scenario: &str, of: impl Fn(&ResolvedBase) -> String) -> BTreeMap<String, String> {
        self.bases_of(scenario).map(|base| (base.info.reference.clone(), of(base))).collect()
    }

    fn bases_of(&self, scenario: &str) -> impl Iterator<Item = &ResolvedBase> {
        let references = self.needs.get(scenario).map(|need| need.bases.as_slice()).unwrap_or_default();
        references.iter().filter_map(|reference| self.bases.get(reference))
    }

    /// The base images, for `run.json`.
    pub fn base_infos(&self) -> Vec<BaseInfo> {
        self.bases.values().map(|base| base.info.clone()).collect()
    }

    /// The digests of a base's layer tars: a layer of an image that is not among them is unique to it.
    pub fn base_diff_ids(&self, reference: &str) -> Option<&[String]> {
        self.bases.get(reference).map(|base| base.diff_ids.as_slice())
    }

    /// The tags that the base images were given in the engine. In an engine that is not ours they are
    /// removed at the end.
    pub fn base_tags(&self) -> Vec<&str> {
        self.bases.values().map(|base| base.tag.as_str()).collect()
    }

    /// Brings the base images of a scenario in again, into an engine that was wiped since; those that are there stay.
    ///
    /// # Errors
    /// If the engine cannot pull or load one.
    pub async fn restore_bases(&self, docker: &Docker, scenario: &str) -> Result<()> {
        for base in self.bases_of(scenario) {
            base.restore(docker).await?;
        }
        Ok(())
    }

    /// Takes the names of this machine's mirrors out of text.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Shared by all servers of the run; others that builds talk to may join.
    pub fn shaper(&self) -> &Shaper {
        &self.shaper
    }

    /// The apt proxy, if a scenario needs it.
    pub fn apt(&self) -> Option<&AptProxy> {
        self.apt.as_ref()
    }

    /// Makes the files that scenarios have generated.
    pub fn weights(&self) -> &Arc<Weights> {
        &self.weights
    }

    /// The registry, if a scenario needs it.
    pub fn registry(&self) -> Option<&Registry> {
        self.registry.as_ref()
    }
}

impl Supply {
    /// The store of a kind, if a scenario fetches from one.
    pub fn store(&self, kind: StoreKind) -> Option<&Store> {
        self.stores.get(&kind)
    }

    /// An empty volume.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn volume(&self) -> Result<Volume> {
        Volume::make(&self.cache)
    }
}
