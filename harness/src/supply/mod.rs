//! What builds consume: base images, a package index, an apt proxy, all on this machine and all the same
//! for every build of a run, so that a benchmark measures building and not the internet.

mod apt;
mod base;
mod index;
mod link;
mod mirror;
mod needs;
mod redact;
mod registry;
mod scratch;
mod server;
mod weights;
mod wheels;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Error, Result, anyhow};
use bollard::Docker;

use crate::cache::Cache;
use crate::debian::{Archive, Source};
use crate::record::BaseInfo;

pub use apt::AptProxy;
pub use base::{Base, BaseChoice, Bases, Recipe, ResolvedBase, UPDATED as UPDATED_BASES};
pub use index::{Index, Shelf};
pub use link::{Direction, Link, Shaper};
pub use needs::{Download, Needs, downloads_missing};
pub use redact::{Redactor, WORD as REDACTED};
pub use registry::{Moved, Node, Registry};
pub use weights::{Weights, WeightsFile};
pub use wheels::{IndexFile, Locked, Place, Wheels, fetch_locked, normalised, read as read_lock};

use base::Resolver;
use scratch::Scratch;
use wheels::Pip;

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
    weights: Arc<Weights>,
    redactor: Redactor,
    shaper: Shaper,
}

impl Supply {
    /// Fetches what is missing, brings the base images into the engine and starts the servers.
    ///
    /// What cannot be had costs the scenarios that need it, and these alone: see [`failure`](Self::failure).
    /// `progress` is told, in a few words, what takes time.
    ///
    /// # Errors
    /// If the cache cannot be written or nothing can be served on loopback.
    pub async fn prepare(
        cache: &Cache,
        known: &Bases,
        needs: &[Needs],
        options: Options,
        docker: &Docker,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Self> {
        let mut failures = BTreeMap::new();
        let debian = Debian::open(cache).await;
        let pip = PipOfMachine::find().await;
        let shaper = Shaper::new(options.link);
        let weights = Arc::new(Weights::open(cache)?);

        let archive = debian.archive.as_ref().ok();
        let mut resolver = Resolver::new(docker, cache, archive, options.base, progress)?;
        let mut bases: BTreeMap<String, Result<ResolvedBase, String>> = BTreeMap::new();
        let mut roots = BTreeMap::new();
        for need in needs {
            for reference in &need.bases {
                let known = match known.get(reference) {
                    Ok(known) => known,
                    Err(error) => {
                        failures.entry(need.scenario.clone()).or_insert(error.into());
                        continue;
                    }
                };
                if !bases.contains_key(reference) {
                    let resolved = resolver.resolve(known).await.map_err(|error| format!("{error:#}"));
                    bases.insert(reference.clone(), resolved);
                }
                if let Some(Err(error)) = bases.get(reference) {
                    failures.entry(need.scenario.clone()).or_insert_with(|| anyhow!("{error}"));
                }
            }
            match shelf(cache, need, &pip, archive, progress).await {
                Ok(shelf) => drop(roots.insert(need.scenario.clone(), shelf)),
                Err(error) => drop(failures.entry(need.scenario.clone()).or_insert(error)),
            }
            if let Err(error) = generate(&weights, need, progress).await {
                failures.entry(need.scenario.clone()).or_insert(error);
            }
            if need.apt
                && let Err(error) = &debian.sources
            {
                failures.entry(need.scenario.clone()).or_insert_with(|| anyhow!("{error}"));
            }
        }

        let index = if needs.iter().any(|need| !need.locks.is_empty()) {
            Some(Index::start(roots, shaper.clone()).await?)
        } else {
            None
        };
        let apt = match &debian.sources {
            Ok(sources) if needs.iter().any(|need| need.apt) => {
                progress("fixing the state of the package archive");
                let proxy = AptProxy::start(cache, sources, shaper.clone()).await?;
                proxy.snapshot(sources).await;
                Some(proxy)
            }
            _ => None,
        };
        let registry = if needs.iter().any(|need| need.registry) {
            progress("starting a registry");
            match debian.registry(cache, &shaper).await {
                Ok(registry) => Some(registry),
                Err(error) => {
                    for need in needs.iter().filter(|need| need.registry) {
                        failures.entry(need.scenario.clone()).or_insert_with(|| anyhow!("{error:#}"));
                    }
                    None
                }
            }
        } else {
            None
        };
        Ok(Self {
            cache: cache.clone(),
            needs: needs.iter().map(|need| (need.scenario.clone(), need.clone())).collect(),
            failures,
            bases: bases.into_iter().filter_map(|(name, base)| Some((name, base.ok()?))).collect(),
            index,
            apt,
            registry,
            weights,
            redactor: redactor(debian.sources.as_deref().unwrap_or_default(), &pip.settings),
            shaper,
        })
    }

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

    /// Brings the base images in again, into an engine that was wiped since.
    ///
    /// # Errors
    /// If the engine cannot pull or load one.
    pub async fn restore_bases(&self, docker: &Docker) -> Result<()> {
        for base in self.bases.values() {
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

/// Takes the hosts of apt's sources, of pip's settings and of the environment out of text.
fn redactor(sources: &[Source], pip_settings: &str) -> Redactor {
    let mut hosts = redact::of_sources(sources);
    hosts.extend(redact::of_settings(pip_settings));
    hosts.extend(redact::of_settings(&redact::environment()));
    Redactor::new(&hosts)
}

/// The distribution's archive, where this machine has one.
struct Debian {
    archive: Result<Arc<Archive>, String>,
    sources: Result<Vec<Source>, String>,
}

impl Debian {
    async fn open(cache: &Cache) -> Self {
        let cache = cache.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let archive = Archive::open(&cache.room("debian")?)?;
            let sources = archive.sources();
            Ok::<_, Error>((archive, sources))
        });
        match opened.await.map_err(Error::from).flatten() {
            Ok((archive, sources)) => Self {
                archive: Ok(Arc::new(archive)),
                sources: sources.map_err(|error| format!("{error:#}")),
            },
            Err(error) => Self { archive: Err(format!("{error:#}")), sources: Err(format!("{error:#}")) },
        }
    }

    async fn registry(&self, cache: &Cache, shaper: &Shaper) -> Result<Registry> {
        match &self.archive {
            Ok(archive) => Registry::start(cache, Arc::clone(archive), shaper.clone()).await,
            Err(error) => Err(anyhow!("{error}")),
        }
    }
}

/// The machine's own pip and its settings, where it has one.
struct PipOfMachine {
    pip: Option<Pip>,
    settings: String,
}

impl PipOfMachine {
    async fn find() -> Self {
        let found = tokio::task::spawn_blocking(|| {
            let pip = Pip::of_machine();
            let settings = pip.as_ref().map(Pip::settings).unwrap_or_default();
            Self { pip, settings }
        });
        found.await.unwrap_or(Self { pip: None, settings: String::new() })
    }
}

/// The weights that a scenario has generated, made if they are not in the cache.
async fn generate(
    weights: &Arc<Weights>,
    need: &Needs,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<()> {
    for (path, bytes) in &need.generated {
        progress(&format!("making {} MB of weights for {}", bytes / 1_000_000, need.scenario));
        let (weights, path, bytes) = (Arc::clone(weights), path.clone(), *bytes);
        tokio::task::spawn_blocking(move || weights.first(&path, bytes)).await??;
    }
    Ok(())
}

/// The files that a scenario locks, fetched if they are not in the cache.
async fn shelf(
    cache: &Cache,
    need: &Needs,
    pip: &PipOfMachine,
    archive: Option<&Arc<Archive>>,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<Shelf> {
    let wheels = Wheels::open(cache)?;
    let read = |locks: &[PathBuf]| -> Result<Vec<Locked>> {
        Ok(locks.iter().map(|lock| wheels::read(lock)).collect::<Result<Vec<_>>>()?.concat())
    };
    let (today, later) = (read(&need.locks)?, read(&need.later_locks)?);
    let locks = [today.clone(), later.clone()].concat();
    let missing = wheels.missing(&locks).len();
    if missing > 0 {
        progress(&format!("fetching {missing} package files for {}", need.scenario));
    }
    let (pip, archive) = (pip.pip.clone(), archive.cloned());
    let work = move || {
        let why = if missing == 0 {
            BTreeMap::new()
        } else {
            let pip = match (pip, archive) {
                (Some(pip), _) => pip,
                (None, Some(archive)) => Pip::of_archive(&archive)?,
                (None, None) => {
                    return Err(anyhow!("there is no pip here to fetch packages with: install pip"));
                }
            };
            wheels.fetch(&locks, &pip)?
        };
        let today = wheels.files(&today, &why)?;
        let mut later = wheels.files(&later, &why)?;
        // What both name is there already today.
        later.retain(|file| today.iter().all(|old| old.sha256 != file.sha256));
        Ok(Shelf { today, later })
    };
    tokio::task::spawn_blocking(work).await.context("fetching packages was cut short")?
}

/// Lower-case hex.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
