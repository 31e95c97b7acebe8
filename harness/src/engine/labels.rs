//! What a run leaves in an engine, and removing it.

use std::collections::HashMap;

use anyhow::Result;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveImageOptionsBuilder,
};

use super::Engine;

/// The label on every container of ours; its value is the run's id.
pub const LABEL: &str = "dev.tare.run";

/// Every image of ours is named below this.
const REPOSITORY: &str = "tare.local";

/// The name under which a run keeps an image in an engine: `tare.local/RUN/NAME`.
pub fn image_name(run: &str, name: &str) -> String {
    format!("{REPOSITORY}/{run}/{name}")
}

impl Engine {
    /// Removes the containers labelled with the run and the images named after it.
    ///
    /// # Errors
    /// If the engine refuses.
    pub async fn remove_labelled(&self, run: &str) -> Result<()> {
        let docker = self.docker();
        let ours = HashMap::from([("label", vec![format!("{LABEL}={run}")])]);
        let list = ListContainersOptionsBuilder::default().all(true).filters(&ours).build();
        for container in docker.list_containers(Some(list)).await? {
            let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
            docker.remove_container(&container.id.unwrap_or_default(), Some(options)).await?;
        }
        self.remove_images(&image_name(run, "")).await
    }

    /// Removes the names that begin with `prefix`, and with its last name an image. Other names of the
    /// same image stay.
    ///
    /// # Errors
    /// If the engine refuses.
    pub async fn remove_images(&self, prefix: &str) -> Result<()> {
        let list = ListImagesOptionsBuilder::default().all(true).build();
        let images = self.docker().list_images(Some(list)).await?;
        for name in images.iter().flat_map(|image| &image.repo_tags).filter(|name| name.starts_with(prefix)) {
            let options = RemoveImageOptionsBuilder::default().force(true).build();
            self.docker().remove_image(name, Some(options), None).await?;
        }
        Ok(())
    }

    /// Removes from an engine of the user's the build cache that came into being while builds of ours
    /// ran; nothing older, and nothing that is in use. A managed engine is wiped whole instead.
    ///
    /// # Errors
    /// If the engine refuses.
    pub async fn forget_builds(&self) -> Result<()> {
        if self.is_managed() {
            return Ok(());
        }
        let windows = self.builds.lock().map(|builds| builds.clone()).unwrap_or_default();
        self.buildkit().forget_created_within(&windows).await
    }
}
