//! What the engine has in its image store.

use anyhow::{Context as _, Result};

use super::Engine;

impl Engine {
    /// The digests of the layer tars of the image called `name`, the lowest first.
    ///
    /// # Errors
    /// There is no such image, or the engine does not answer.
    pub async fn diff_ids(&self, name: &str) -> Result<Vec<String>> {
        let image = self
            .docker()
            .inspect_image(name)
            .await
            .with_context(|| format!("looking at the image {name}"))?;
        Ok(image.root_fs.and_then(|layers| layers.layers).unwrap_or_default())
    }
}
