//! What the engine has in its image store.

use std::io::Write;

use anyhow::{Context as _, Result, ensure};
use bollard::Docker;
use bollard::errors::Error;
use bollard::models::ImageInspect;
use bollard::query_parameters::{
    CreateImageOptionsBuilder, PushImageOptionsBuilder, RemoveImageOptionsBuilder, TagImageOptionsBuilder,
};
use tokio_stream::StreamExt as _;

use super::Engine;

/// Writes the image called `name` to `into`, as `docker save` does.
///
/// # Errors
/// There is no such image, the engine does not answer, or `into` cannot be written.
pub async fn save(docker: &Docker, name: &str, into: &mut impl Write) -> Result<()> {
    // Asked first: some engines answer with an empty archive.
    docker.inspect_image(name).await.with_context(|| format!("looking for the image {name}"))?;
    let mut archive = docker.export_image(name);
    while let Some(piece) = archive.next().await {
        into.write_all(&piece.with_context(|| format!("saving the image {name}"))?)?;
    }
    Ok(into.flush()?)
}

impl Engine {
    /// The digests of the layer tars of the image called `name`, the lowest first.
    ///
    /// # Errors
    /// There is no such image, or the engine does not answer.
    pub async fn diff_ids(&self, name: &str) -> Result<Vec<String>> {
        let layers = self.inspect(name).await?.root_fs;
        Ok(layers.and_then(|layers| layers.layers).unwrap_or_default())
    }

    /// What the engine calls the image that has the name `name` now: the digest of its configuration or manifest.
    ///
    /// # Errors
    /// There is no such image, or the engine does not answer.
    pub async fn image_id(&self, name: &str) -> Result<String> {
        self.inspect(name).await?.id.context("the engine gave no image id")
    }

    async fn inspect(&self, name: &str) -> Result<ImageInspect> {
        let image = self.docker().inspect_image(name).await;
        image.with_context(|| format!("looking at the image {name}"))
    }

    /// Gives the image called `name` a second name, `NAME-before`, until the next such call or until the images
    /// that begin with `name` are removed; nothing where there is none. When a build takes the name away from the
    /// only image that has it, the engine may collect that image's layers while the build unpacks on top of them
    /// (seen: `parent snapshot … does not exist`).
    ///
    /// # Errors
    /// The engine refuses.
    pub async fn keep_before(&self, name: &str) -> Result<()> {
        let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
        self.give_name(name, repository, &format!("{tag}-before"))
            .await
            .with_context(|| format!("keeping {name}"))
            .map(drop)
    }

    /// Gives the image called `name`, if there is one, a second name; whether there is one. What had that name
    /// before is removed first: the engine would keep it as an image without a name, which nobody finds again.
    async fn give_name(&self, name: &str, repository: &str, tag: &str) -> Result<bool, Error> {
        let found = |answer: Result<(), Error>| match answer {
            Ok(()) => Ok(true),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
            Err(error) => Err(error),
        };
        let forced = RemoveImageOptionsBuilder::default().force(true).build();
        found(
            self.docker().remove_image(&format!("{repository}:{tag}"), Some(forced), None).await.map(drop),
        )?;
        let second = TagImageOptionsBuilder::default().repo(repository).tag(tag).build();
        found(self.docker().tag_image(name, Some(second)).await)
    }

    /// Pulls the image called `name` (`HOST/REPOSITORY:TAG`) and unpacks it.
    ///
    /// # Errors
    /// There is no such image, or the registry or the engine refuses.
    pub async fn pull(&self, name: &str) -> Result<()> {
        let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
        let options = CreateImageOptionsBuilder::default().from_image(repository).tag(tag).build();
        let mut said = self.docker().create_image(Some(options), None, None);
        let mut pulled = Ok(());
        while let Some(line) = said.next().await {
            match line.map(|line| line.error_detail.and_then(|detail| detail.message)) {
                Ok(None) => {}
                Ok(Some(message)) => pulled = Err(anyhow::anyhow!(message)),
                Err(error) => pulled = Err(error.into()),
            }
        }
        pulled.with_context(|| format!("pulling {name}"))
    }

    /// Pushes the image called `name` (`REPOSITORY:TAG`) under the same name to the registry at `host`. It keeps
    /// that second name until the next push or until the run's images are removed, for the reason that
    /// [`keep_before`](Self::keep_before) has.
    ///
    /// # Errors
    /// There is no such image, or the registry or the engine refuses.
    pub async fn push(&self, name: &str, host: &str) -> Result<()> {
        let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
        let there = format!("{host}/{repository}");
        let named = self.give_name(name, &there, tag).await;
        ensure!(
            named.with_context(|| format!("naming {name} to push it"))?,
            "there is no image {name} to push"
        );
        let options = PushImageOptionsBuilder::default().tag(tag).build();
        let mut said = self.docker().push_image(&there, Some(options), None);
        let mut pushed = Ok(());
        while let Some(line) = said.next().await {
            // The stream goes on after an error: the engine says it in a line, not in its status.
            let failed = line.map(|line| line.error_detail.and_then(|detail| detail.message));
            match failed {
                Ok(None) => {}
                Ok(Some(message)) => pushed = Err(anyhow::anyhow!(message)),
                Err(error) => pushed = Err(error.into()),
            }
        }
        pushed.with_context(|| format!("pushing {name} to {host}"))
    }
}
