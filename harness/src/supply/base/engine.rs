//! Bringing a base image into an engine.

use std::fmt;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Error, Result, bail};
use bollard::Docker;
use bollard::models::ImageInspect;
use bollard::query_parameters::{
    CreateImageOptionsBuilder, ImportImageOptionsBuilder, RemoveImageOptions, TagImageOptionsBuilder,
};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::io::AsyncReadExt as _;

use super::archive::Written;
use super::definition::{pinned, repository};
use super::stand_in::{self, StandIn};
use super::{Base, Recipe, update};
use crate::cache::Cache;
use crate::debian::Archive;
use crate::engine;
use crate::record::BaseInfo;

/// Where base images come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BaseChoice {
    /// The registry if it answers, else the stand-in; decided once for a run.
    #[default]
    Auto,
    /// The registry.
    Registry,
    /// The stand-in.
    Local,
}

impl FromStr for BaseChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "registry" => Ok(Self::Registry),
            "local" => Ok(Self::Local),
            _ => Err(format!("`{text}` is not a source of base images: write auto, registry or local")),
        }
    }
}

impl fmt::Display for BaseChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Registry => "registry",
            Self::Local => "local",
        })
    }
}

/// A base image that is in the engine, unpacked.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedBase {
    /// For the record.
    pub info: BaseInfo,
    /// The tag under which builds find it. Its registry is a closed port of loopback, so that
    /// BuildKit's look-ups fail at once instead of waiting for a name server.
    pub tag: String,
    /// The digests of its layers' tars, lowest first: what an image shares with it is not unique to it.
    pub diff_ids: Vec<String>,
    origin: Origin,
}

/// Where a base can be brought in from once more.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    /// A repository with a digest.
    Registry(String),
    /// A stand-in in the cache.
    Local(StandIn),
}

impl ResolvedBase {
    /// What the reference stands for in a build.
    pub fn named_context(&self) -> String {
        format!("docker-image://{}", self.tag)
    }

    /// What the reference stands for in a build after the update `update`.
    pub(crate) fn updated_context(&self, update: &str) -> String {
        format!("docker-image://{}", self.updated_tag(update))
    }

    /// Brings the update `update` in, unless it is there: the same one whenever it is asked for. `dir` takes
    /// its archive in the meantime.
    ///
    /// # Errors
    /// If the engine cannot give the base away or take the update in.
    pub(crate) async fn update(&self, docker: &Docker, dir: &Path, update: &str) -> Result<()> {
        let tag = self.updated_tag(update);
        if docker.inspect_image(&tag).await.is_ok() {
            return Ok(());
        }
        let saved = match &self.origin {
            Origin::Local(stand_in) => stand_in.archive.clone(),
            Origin::Registry(_) => {
                let to = dir.join("saved.tar");
                let mut file = BufWriter::new(File::create(&to)?);
                engine::save(docker, &self.tag, &mut file).await?;
                to
            }
        };
        let to = dir.join("updated.tar");
        let (file, named, nonce) = (to.clone(), tag.clone(), update.to_owned());
        let written = tokio::task::spawn_blocking(move || update::write(&saved, &named, &nonce, &file))
            .await?
            .with_context(|| format!("cannot make an update of the base image {}", self.info.reference))?;
        load(docker, &to).await?;
        tokio::fs::remove_file(&to).await?;
        if !is(&docker.inspect_image(&tag).await?, &written) {
            bail!("the engine holds another image than the update under {tag}: remove it and run again");
        }
        Ok(())
    }

    fn updated_tag(&self, update: &str) -> String {
        format!("{UPDATED}{}-{update}", plain(&self.info.reference))
    }

    /// Brings it into an engine that may have lost it.
    ///
    /// # Errors
    /// If the engine cannot pull or load it.
    pub(crate) async fn restore(&self, docker: &Docker) -> Result<()> {
        if docker.inspect_image(&self.tag).await.is_ok() {
            return Ok(());
        }
        match &self.origin {
            Origin::Registry(pinned) => pull(docker, pinned, &self.tag).await,
            Origin::Local(stand_in) => load(docker, &stand_in.archive).await,
        }
    }
}

/// What the names of updated base images begin with in the engine.
pub const UPDATED: &str = "localhost:1/updated/";

fn tag_of(reference: &str) -> String {
    format!("{}{}", engine::BASES, plain(reference))
}

/// A reference as it may stand in a tag: neither a digest nor a port may.
fn plain(reference: &str) -> String {
    match pinned(reference) {
        Some((name, digest)) => format!("{}:{}", name.replace(':', "-"), digest.replace(':', "-")),
        None => reference.to_owned(),
    }
}

/// A registry that says nothing for this long is not there.
const REGISTRY_PATIENCE: Duration = Duration::from_secs(5);

/// Brings base images into one engine.
pub(crate) struct Resolver<'a> {
    docker: &'a Docker,
    room: PathBuf,
    archive: Option<&'a Arc<Archive>>,
    asked: BaseChoice,
    /// What was asked for; once the first base has answered an `auto`, what that came to.
    choice: BaseChoice,
    progress: &'a (dyn Fn(&str) + Send + Sync),
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(
        docker: &'a Docker,
        cache: &Cache,
        archive: Option<&'a Arc<Archive>>,
        choice: BaseChoice,
        progress: &'a (dyn Fn(&str) + Send + Sync),
    ) -> Result<Self> {
        Ok(Self { docker, room: cache.room("bases")?, archive, asked: choice, choice, progress })
    }

    /// Brings `base` in. With [`BaseChoice::Auto`] the first base that a registry could have decides for
    /// those after it; what is in no registry is a stand-in all the same. Nothing stands in for what a Dockerfile
    /// names by a digest, whatever was chosen.
    pub(crate) async fn resolve(&mut self, base: &Base) -> Result<ResolvedBase> {
        if base.registry.as_deref() == Some(&*base.reference)
            && base.local.is_none()
            && let Some((repository, digest)) = pinned(&base.reference)
        {
            return self.pull(base, repository, digest).await;
        }
        let remedy = "check the network, or use the stand-in (--base local)";
        match (self.choice, &base.registry, &base.local) {
            (BaseChoice::Registry, None, Some(recipe)) if self.asked == BaseChoice::Auto => {
                self.stand_in(base, recipe).await
            }
            (BaseChoice::Registry, None, _) => {
                bail!("{} is in no registry: use the stand-in (--base local)", base.reference)
            }
            (BaseChoice::Local, _, None) => {
                bail!("there is no stand-in for {}: use the registry (--base registry)", base.reference)
            }
            (BaseChoice::Registry, Some(name), _) => {
                let digest = self
                    .registry_digest(name)
                    .await
                    .with_context(|| format!("no registry answers for {name}: {remedy}"))?;
                self.pull(base, repository(name), &digest).await
            }
            (BaseChoice::Auto, Some(name), local) => match (self.registry_digest(name).await, local) {
                (Ok(digest), _) => {
                    self.choice = BaseChoice::Registry;
                    self.pull(base, repository(name), &digest).await
                }
                (Err(_), Some(recipe)) => {
                    self.choice = BaseChoice::Local;
                    (self.progress)(
                        "no registry answers: base images are stand-ins from the distribution's packages",
                    );
                    self.stand_in(base, recipe).await
                }
                (Err(error), None) => {
                    Err(error.context(format!("no registry answers for {name}: check the network")))
                }
            },
            (BaseChoice::Auto | BaseChoice::Local, _, Some(recipe)) => self.stand_in(base, recipe).await,
            (BaseChoice::Auto, None, None) => bail!("{} has no source", base.reference),
        }
    }

    /// The digest that a tag has now, asked through the engine.
    async fn registry_digest(&self, name: &str) -> Result<String> {
        let asked = self.docker.inspect_registry_image(name, engine::credentials_of_image(name));
        let found = tokio::time::timeout(REGISTRY_PATIENCE, asked)
            .await
            .with_context(|| format!("it said nothing for {} s", REGISTRY_PATIENCE.as_secs()))??;
        found.descriptor.digest.context("the registry names no digest")
    }

    async fn pull(&self, base: &Base, repository: &str, digest: &str) -> Result<ResolvedBase> {
        (self.progress)(&format!("pulling {}", base.reference));
        let pinned = format!("{repository}@{digest}");
        let tag = tag_of(&base.reference);
        pull(self.docker, &pinned, &tag).await?;
        let image = self.docker.inspect_image(&tag).await?;
        resolved(base, digest, Origin::Registry(pinned), &image)
    }

    async fn stand_in(&self, base: &Base, recipe: &Recipe) -> Result<ResolvedBase> {
        let tag = tag_of(&base.reference);
        let found = match stand_in::find(&self.room, base, recipe)? {
            Some(found) => found,
            None => {
                (self.progress)(&format!("making the stand-in for {} from packages", base.reference));
                let archive = self.archive.cloned().context(
                    "a stand-in is made from Debian's packages, and there is no apt-get here: run on Debian, or where \
                     a registry answers (--base registry)",
                )?;
                let (room, base, recipe, tag) =
                    (self.room.clone(), base.clone(), recipe.clone(), tag.clone());
                tokio::task::spawn_blocking(move || stand_in::make(&room, &base, &recipe, &tag, &archive))
                    .await??
            }
        };
        let image = match self.docker.inspect_image(&tag).await {
            Ok(image) if is(&image, &found.written()) => image,
            _ => {
                (self.progress)(&format!("loading the stand-in for {}", base.reference));
                load(self.docker, &found.archive).await?;
                let image = self.docker.inspect_image(&tag).await?;
                if !is(&image, &found.written()) {
                    bail!(
                        "the engine holds another image than the stand-in under {tag}: remove it and run again"
                    );
                }
                image
            }
        };
        let digest = found.digests.manifest.clone();
        resolved(base, &digest, Origin::Local(found), &image)
    }
}

/// Pulls an image by digest and tags it. The name by which it was pulled goes again, unless the engine had the image
/// by it before: nobody would remove it from an engine of the user's, and it would keep the image for ever.
async fn pull(docker: &Docker, pinned: &str, tag: &str) -> Result<()> {
    let was_there = docker.inspect_image(pinned).await.is_ok();
    let options = CreateImageOptionsBuilder::new().from_image(pinned).build();
    docker
        .create_image(Some(options), None, engine::credentials_of_image(pinned))
        .map_err(Error::from)
        // The engine says in a line, not in its status, what goes wrong once it has begun to answer.
        .try_for_each(|line| async {
            line.error_detail.and_then(|detail| detail.message).map_or(Ok(()), |why| bail!(why))
        })
        .await
        .with_context(|| {
            format!(
                "cannot pull {pinned}: if it is private, log in (`docker login`) as the user who runs this"
            )
        })?;
    let (to, with) = tag.rsplit_once(':').context("a reference has a tag")?;
    let options = TagImageOptionsBuilder::new().repo(to).tag(with).build();
    docker.tag_image(pinned, Some(options)).await?;
    if !was_there {
        let removed = docker.remove_image(pinned, None::<RemoveImageOptions>, None).await;
        removed.with_context(|| format!("cannot remove the name {pinned}"))?;
    }
    Ok(())
}

/// Loads an archive, which brings its tag with it.
async fn load(docker: &Docker, archive: &Path) -> Result<()> {
    let file = tokio::fs::File::open(archive).await?;
    let chunks = stream::try_unfold(file, |mut file| async move {
        let mut chunk = Vec::with_capacity(1 << 20);
        let read = (&mut file).take(1 << 20).read_to_end(&mut chunk).await?;
        Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(chunk), file)))
    });
    let options = ImportImageOptionsBuilder::new().quiet(true).build();
    let mut answers = docker.import_image_stream(options, chunks, None).boxed();
    while let Some(answer) = answers.next().await {
        let answer = answer.context("the engine does not load a base image")?;
        if let Some(error) = answer.error_detail.and_then(|detail| detail.message) {
            bail!("the engine does not load a base image: {error}");
        }
    }
    Ok(())
}

/// Whether the engine's image is the one that was written. Its id is the manifest's digest where the engine
/// keeps content, and the configuration's where it does not.
fn is(image: &ImageInspect, written: &Written) -> bool {
    let id = image.id.as_deref().unwrap_or_default();
    id == written.manifest || id == written.config
}

fn resolved(base: &Base, digest: &str, origin: Origin, image: &ImageInspect) -> Result<ResolvedBase> {
    let diff_ids = image.root_fs.as_ref().and_then(|fs| fs.layers.clone()).unwrap_or_default();
    if diff_ids.is_empty() {
        bail!("the engine does not say which layers {} has", base.reference);
    }
    let (kind, made_of) = match (&origin, &base.local) {
        (Origin::Local(_), Some(recipe)) => ("local", recipe.made_of.clone()),
        _ => ("registry", String::new()),
    };
    let info = BaseInfo {
        reference: base.reference.clone(),
        kind: kind.to_owned(),
        digest: digest.to_owned(),
        made_of,
    };
    Ok(ResolvedBase { info, tag: tag_of(&base.reference), diff_ids, origin })
}
