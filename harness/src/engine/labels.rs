//! What a run leaves in an engine, and removing it.

use std::collections::HashMap;

use anyhow::Result;
use bollard::Docker;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveImageOptionsBuilder,
};

use super::{Address, Engine, client};

/// The label on every container of ours; its value is the run's id.
pub const LABEL: &str = "dev.tare.run";

/// Every image that a run makes is named below this.
const REPOSITORY: &str = "tare.local";

/// Every base image of ours, and every update of one, is named below this.
pub const BASES: &str = "localhost:1/";

/// The name under which a run keeps an image in an engine: `tare.local/RUN/NAME`.
pub fn image_name(run: &str, name: &str) -> String {
    format!("{REPOSITORY}/{run}/{name}")
}

/// How much was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Containers.
    pub containers: usize,
    /// Names of images.
    pub images: usize,
}

impl Engine {
    /// Removes the containers labelled with the run and the images named after it.
    ///
    /// # Errors
    /// If the engine refuses.
    pub async fn remove_labelled(&self, run: &str) -> Result<Removed> {
        let containers = remove_containers(self.docker(), &format!("{LABEL}={run}")).await?;
        let images = remove_images(self.docker(), &image_name(run, "")).await?;
        Ok(Removed { containers, images })
    }

    /// Removes the image names that begin with `prefix`, and with its last name an image. Other names of
    /// the same image stay.
    ///
    /// # Errors
    /// If the engine refuses.
    pub async fn remove_images(&self, prefix: &str) -> Result<usize> {
        remove_images(self.docker(), prefix).await
    }

    /// Removes the build cache of our builds. From an engine of the user's that is what came into being
    /// while builds of ours ran; nothing older, and nothing that is in use.
    ///
    /// # Errors
    /// If the engine refuses.
    pub async fn forget_builds(&self) -> Result<()> {
        if self.is_managed() {
            return self.buildkit().forget_all().await;
        }
        let windows = self.builds.lock().map(|builds| builds.clone()).unwrap_or_default();
        self.buildkit().forget_created_within(&windows).await
    }
}

/// Removes what killed runs left in the engine at `address`, of whichever run.
///
/// # Errors
/// If there is no engine, or it refuses.
pub async fn remove_all(address: &Address) -> Result<Removed> {
    let docker = client(address).await?;
    let containers = remove_containers(&docker, LABEL).await?;
    let images = remove_images(&docker, &format!("{REPOSITORY}/")).await?;
    let bases = remove_images(&docker, BASES).await?;
    Ok(Removed { containers, images: images + bases })
}

async fn remove_containers(docker: &Docker, label: &str) -> Result<usize> {
    let ours = HashMap::from([("label", vec![label])]);
    let list = ListContainersOptionsBuilder::default().all(true).filters(&ours).build();
    let found = docker.list_containers(Some(list)).await?;
    for container in &found {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        docker.remove_container(container.id.as_deref().unwrap_or_default(), Some(options)).await?;
    }
    Ok(found.len())
}

async fn remove_images(docker: &Docker, prefix: &str) -> Result<usize> {
    let list = ListImagesOptionsBuilder::default().all(true).build();
    let images = docker.list_images(Some(list)).await?;
    // A push that was cut short leaves the name that the image has in our registry.
    let ours = |name: &str| {
        let pushed = name.strip_prefix("127.0.0.1:").and_then(|rest| rest.split_once('/'));
        pushed.map_or(name, |(_, name)| name).starts_with(prefix)
    };
    let names = images.iter().flat_map(|image| &image.repo_tags).filter(|name| ours(name));
    let mut removed = 0;
    for name in names {
        let options = RemoveImageOptionsBuilder::default().force(true).build();
        docker.remove_image(name, Some(options), None).await?;
        removed += 1;
    }
    Ok(removed)
}
