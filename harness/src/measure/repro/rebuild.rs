//! One clean build, its image in a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tempfile::{NamedTempFile, TempDir};

use super::Repro;
use super::variation::Variation;
use crate::diff::{self, Difference};
use crate::engine::Engine;
use crate::engine::buildkit::Export;
use crate::measure::build::request;
use crate::measure::context::BlockContext;
use crate::oci::Stored;
use crate::scenario::{Axis, Fix, Scenario, Variant};

/// An image that was built, as an OCI archive.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) digest: String,
    pub(super) archive: NamedTempFile,
}

/// What is built.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) variant: Variant,
    /// What of its fixes is left out.
    pub(super) without: Option<&'s Fix>,
}

/// Builds without any cache, as `variation` has it; or says why there is no image. Nothing of the build is kept in
/// the engine but that it has built before.
///
/// # Errors
/// The engine went away, or the archive cannot be written.
pub(super) async fn rebuild(
    repro: &Repro<'_>,
    engine: &Engine,
    subject: Subject<'_>,
    variation: &Variation,
) -> Result<Result<Built, String>> {
    let Subject { scenario, variant, without } = subject;
    let bench = repro.bench(engine);
    // Unique to the build: no cache mount of another one is found.
    let key = format!("{:032x}", rand::random::<u128>());
    let context = BlockContext::cold(&bench, scenario, variant, key)?;
    let mut request = request(&bench, scenario, variant, &context, Export::Nothing);
    request.no_cache = true;
    request.progress = Some(Arc::clone(&repro.progress));
    let passed =
        *scenario.source_date_epoch.get(variant) && without.is_none_or(|fix| !fix.replace.is_empty());
    let epoch = passed.then_some(repro.epoch);
    match epoch {
        Some(epoch) => request.build_args.insert("SOURCE_DATE_EPOCH".to_owned(), epoch.to_string()),
        None => request.build_args.remove("SOURCE_DATE_EPOCH"),
    };
    let elsewhere = TempDir::new_in(repro.scratch)?;
    let mut dockerfile = std::fs::read_to_string(&request.dockerfile)?;
    if let Some(fix) = without {
        dockerfile =
            fix.replace.iter().fold(dockerfile, |whole, (text, without)| whole.replace(text, without));
        request.dockerfile = beside(&request.dockerfile, elsewhere.path(), &dockerfile)?;
    }
    variation.apply(&mut request, &dockerfile, elsewhere.path(), repro.epoch)?;
    let archive = NamedTempFile::new_in(repro.scratch)?;
    request.export =
        Export::Oci { rewrite_timestamp: epoch.is_some(), sink: Box::new(archive.as_file().try_clone()?) };

    repro.supply.set_moved_on(&scenario.name, variation.has(Axis::Upstream));
    let limited = variation.has(Axis::Cpus).then(|| OneCpu::of(engine)).transpose()?;
    let result = engine.build(request).await;
    if let Some(limited) = limited {
        limited.end()?;
    }
    repro.supply.set_moved_on(&scenario.name, false);
    engine.forget_builds().await?;
    match result {
        Ok(outcome) => {
            let digest = outcome.exporter.get("containerimage.digest");
            let digest = digest.context("the engine gave no digest")?.clone();
            Ok(Ok(Built { digest, archive }))
        }
        Err(error) if error.ends_the_run() => Err(error.into()),
        Err(error) => Ok(Err(repro.shown(scenario, &error.to_string()))),
    }
}

/// An engine whose builds have one processor; all of them again when it is dropped, as where the build is cancelled.
struct OneCpu<'e>(&'e Engine);

impl<'e> OneCpu<'e> {
    fn of(engine: &'e Engine) -> Result<Self> {
        // Before the limit: one that was set half goes, too.
        let limited = Self(engine);
        engine.limit_cpus(Some(1))?;
        Ok(limited)
    }

    fn end(self) -> Result<()> {
        self.0.limit_cpus(None)
    }
}

impl Drop for OneCpu<'_> {
    fn drop(&mut self) {
        // Where it cannot be taken off, whoever uses the engine next does so, or says why not.
        let _ = self.0.limit_cpus(None);
    }
}

/// Another text of a Dockerfile, in `dir`, with the ignore file that lies beside the original.
fn beside(original: &Path, dir: &Path, text: &str) -> Result<PathBuf> {
    let name = original.file_name().context("a Dockerfile has a name")?;
    let changed = dir.join(name);
    std::fs::write(&changed, text)?;
    let ignore = |dockerfile: &Path| {
        let mut name = dockerfile.as_os_str().to_owned();
        name.push(".dockerignore");
        PathBuf::from(name)
    };
    if ignore(original).exists() {
        std::fs::copy(ignore(original), ignore(&changed))?;
    }
    Ok(changed)
}

/// In what two images differ; nothing where they are one.
///
/// # Errors
/// An archive is damaged or has more unlike entries than can be compared in bounded memory.
pub(super) async fn differences(a: &Built, b: &Built) -> Result<Vec<Difference>> {
    match a.digest == b.digest {
        true => Ok(Vec::new()),
        false => compared(a.archive.path(), b.archive.path()).await,
    }
}

/// The same of two archives.
pub(super) async fn compared(a: &Path, b: &Path) -> Result<Vec<Difference>> {
    let (a, b) = (a.to_owned(), b.to_owned());
    let open = |path: &Path| Stored::open(path).with_context(|| path.display().to_string());
    let comparing = tokio::task::spawn_blocking(move || {
        let comparison = diff::compare(&open(&a)?, &open(&b)?)?;
        Ok::<_, anyhow::Error>(comparison.differences)
    });
    comparing.await.context("comparing panicked")?
}
