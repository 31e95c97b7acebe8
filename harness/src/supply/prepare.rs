//! Before a run: everything that its builds consume is fetched, made or started.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Error, Result, anyhow};
use bollard::Docker;

use super::base::Resolver;
use super::machine::{MachineDebian, MachinePip};
use super::{
    AptProxy, Bases, Index, Needs, Options, Redactor, Registry, ResolvedBase, Shaper, Shelf, Store, Supply,
    Weights, redact, shelf, store,
};
use crate::cache::Cache;
use crate::debian::Source;
use crate::scenario::StoreKind;

/// Told, in a few words, what takes time.
type Progress<'a> = &'a (dyn Fn(&str) + Send + Sync);

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
        let mut failures = Failures::default();
        let debian = MachineDebian::open(cache).await;
        let pip = MachinePip::find().await;
        let shaper = Shaper::new(options.link);
        let weights = Arc::new(Weights::open(cache)?);

        let mut resolver =
            Resolver::new(docker, cache, debian.archive.as_ref().ok(), options.base, progress)?;
        let bases = bases(&mut resolver, known, needs, &mut failures).await;
        let mut shelves = BTreeMap::new();
        for need in needs {
            match shelf::stock(cache, need, &pip, debian.archive.as_ref().ok(), progress).await {
                Ok(shelf) => drop(shelves.insert(need.scenario.clone(), shelf)),
                Err(error) => failures.add(need, error),
            }
            if let Err(error) = generate(&weights, need, progress).await {
                failures.add(need, error);
            }
        }
        Ok(Self {
            cache: cache.clone(),
            index: index(needs, shelves, &shaper).await?,
            apt: apt(cache, needs, &debian, &shaper, &mut failures, progress).await?,
            registry: registry(cache, needs, &debian, &shaper, &mut failures, progress).await,
            stores: stores(cache, needs, &weights, &shaper, &mut failures, progress).await?,
            redactor: redactor(debian.sources.as_deref().unwrap_or_default(), &pip.settings),
            needs: needs.iter().map(|need| (need.scenario.clone(), need.clone())).collect(),
            failures: failures.first,
            bases,
            weights,
            shaper,
        })
    }
}

/// What could not be had: the first reason for each scenario that needs it.
#[derive(Default)]
struct Failures {
    first: BTreeMap<String, Error>,
}

impl Failures {
    fn add(&mut self, need: &Needs, error: Error) {
        self.first.entry(need.scenario.clone()).or_insert(error);
    }

    /// Something that several scenarios need.
    fn add_all<'a>(&mut self, needs: impl Iterator<Item = &'a Needs>, error: &str) {
        for need in needs {
            self.add(need, anyhow!("{error}"));
        }
    }
}

/// Each base image that a scenario starts from, brought into the engine once.
async fn bases(
    resolver: &mut Resolver<'_>,
    known: &Bases,
    needs: &[Needs],
    failures: &mut Failures,
) -> BTreeMap<String, ResolvedBase> {
    let mut resolved: BTreeMap<&str, Result<ResolvedBase, String>> = BTreeMap::new();
    for need in needs {
        for reference in &need.bases {
            let base = match known.get(reference) {
                Ok(base) => base,
                Err(error) => {
                    failures.add(need, error.into());
                    continue;
                }
            };
            if !resolved.contains_key(reference.as_str()) {
                let found = resolver.resolve(&base).await.map_err(|error| format!("{error:#}"));
                resolved.insert(reference, found);
            }
            if let Some(Err(error)) = resolved.get(reference.as_str()) {
                failures.add(need, anyhow!("{error}"));
            }
        }
    }
    resolved.into_iter().filter_map(|(reference, base)| Some((reference.to_owned(), base.ok()?))).collect()
}

/// The weights that a scenario has generated, made if they are not in the cache.
async fn generate(weights: &Arc<Weights>, need: &Needs, progress: Progress<'_>) -> Result<()> {
    for (path, bytes) in &need.generated {
        progress(&format!("making {} MB of weights for {}", bytes / 1_000_000, need.scenario));
        let (weights, path, bytes) = (Arc::clone(weights), path.clone(), *bytes);
        tokio::task::spawn_blocking(move || weights.first(&path, bytes)).await??;
    }
    Ok(())
}

async fn index(needs: &[Needs], shelves: BTreeMap<String, Shelf>, shaper: &Shaper) -> Result<Option<Index>> {
    if needs.iter().all(|need| need.locks.is_empty()) {
        return Ok(None);
    }
    Ok(Some(Index::start(shelves, shaper.clone()).await?))
}

async fn apt(
    cache: &Cache,
    needs: &[Needs],
    debian: &MachineDebian,
    shaper: &Shaper,
    failures: &mut Failures,
    progress: Progress<'_>,
) -> Result<Option<AptProxy>> {
    let wanted = || needs.iter().filter(|need| need.apt);
    let sources = match &debian.sources {
        Ok(sources) if wanted().next().is_some() => sources,
        Ok(_) => return Ok(None),
        Err(error) => {
            failures.add_all(wanted(), error);
            return Ok(None);
        }
    };
    progress("fixing the state of the package archive");
    let proxy = AptProxy::start(cache, sources, shaper.clone()).await?;
    proxy.snapshot(sources).await;
    Ok(Some(proxy))
}

async fn registry(
    cache: &Cache,
    needs: &[Needs],
    debian: &MachineDebian,
    shaper: &Shaper,
    failures: &mut Failures,
    progress: Progress<'_>,
) -> Option<Registry> {
    let wanted = || needs.iter().filter(|need| need.registry);
    wanted().next()?;
    progress("starting a registry");
    match debian.registry(cache, shaper).await {
        Ok(registry) => Some(registry),
        Err(error) => {
            failures.add_all(wanted(), &format!("{error:#}"));
            None
        }
    }
}

/// A store of each kind that a scenario fetches from, with the files of all that do.
async fn stores(
    cache: &Cache,
    needs: &[Needs],
    weights: &Arc<Weights>,
    shaper: &Shaper,
    failures: &mut Failures,
    progress: Progress<'_>,
) -> Result<BTreeMap<StoreKind, Store>> {
    let mut stores = BTreeMap::new();
    for kind in needs.iter().filter_map(|need| need.store).collect::<BTreeSet<_>>() {
        progress(&format!("starting {kind}"));
        let wanted = || needs.iter().filter(move |need| need.store == Some(kind));
        let held: Vec<Needs> = wanted().cloned().collect();
        let weights = Arc::clone(weights);
        let holdings = tokio::task::spawn_blocking(move || {
            let of =
                |need: &Needs| Ok((need.scenario.clone(), store::holdings_of(&weights, &need.generated)?));
            held.iter().map(of).collect::<Result<store::Holdings>>()
        });
        let started = match holdings.await? {
            Ok(holdings) => Store::start(kind, cache, holdings, shaper.clone()).await,
            Err(error) => Err(error),
        };
        match started {
            Ok(store) => drop(stores.insert(kind, store)),
            Err(error) => failures.add_all(wanted(), &format!("{error:#}")),
        }
    }
    Ok(stores)
}

/// Takes the hosts of apt's sources, of pip's settings and of the environment out of text.
fn redactor(sources: &[Source], pip_settings: &str) -> Redactor {
    let mut hosts = redact::of_sources(sources);
    hosts.extend(redact::of_settings(pip_settings));
    hosts.extend(redact::of_settings(&redact::environment()));
    Redactor::new(&hosts)
}
