//! The four sizes of an image. "Image size" alone means any of them, and they differ by a factor.

use std::collections::HashSet;

use super::{Digest, EntryKind, Image, OciError, merge};

/// How large an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// What a registry stores and a pull moves: the layers' blobs, equal ones once, since both know
    /// blobs by digest. Manifest and configuration are left out.
    pub compressed_bytes: u64,
    /// Sum of the layers' tars, headers and padding included.
    pub layer_bytes: u64,
    /// Regular files of the merged tree, hard links once. A length is counted as it is, not in disk
    /// blocks, which depend on the file system.
    pub rootfs_bytes: u64,
    /// Sum of the tars of layers that the base does not have.
    pub unique_bytes: u64,
    /// How many layers.
    pub layers: u32,
}

/// The sizes of `image`, whose base has the layers `base_diff_ids`.
///
/// Take those from an export of the base made as the image's was: BuildKit 0.13 rewrites the times in the
/// base's layers too, and then none of them has the diff id that the engine's own store knows.
///
/// # Errors
/// The layers cannot be merged.
pub fn sizes(image: &Image, base_diff_ids: &[Digest]) -> Result<Sizes, OciError> {
    let mut seen = HashSet::new();
    let compressed = image.layers.iter().filter(|layer| seen.insert(layer.digest));
    let unique = image.layers.iter().filter(|layer| !base_diff_ids.contains(&layer.diff_id));
    Ok(Sizes {
        compressed_bytes: compressed.map(|layer| layer.compressed_bytes).sum(),
        layer_bytes: image.layers.iter().map(|layer| layer.tar_bytes).sum(),
        rootfs_bytes: rootfs_bytes(image)?,
        unique_bytes: unique.map(|layer| layer.tar_bytes).sum(),
        layers: u32::try_from(image.layers.len()).unwrap_or(u32::MAX),
    })
}

fn rootfs_bytes(image: &Image) -> Result<u64, OciError> {
    let tree = merge(&image.layers)?;
    let mut seen = HashSet::new();
    let mut bytes = 0_u64;
    for (_, node) in tree.iter() {
        let Some(entry) = node.entry else { continue };
        if let EntryKind::File { size, .. } = entry.kind
            && seen.insert((node.layer, std::ptr::from_ref(entry)))
        {
            bytes = bytes.saturating_add(size);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::testing::{TarBuilder, image};

    #[test]
    fn tells_the_four_sizes_apart() {
        let base = TarBuilder::new().file("a", &[1; 1000]).file("gone", &[2; 500]);
        let top = TarBuilder::new()
            .whiteout("gone")
            .file("a", &[3; 300])
            .hardlink("b", "a")
            .symlink("c", "a")
            .dir("d");
        let image = image(&[&base, &top]);
        let sizes = sizes(&image, &[image.layers[0].diff_id]).unwrap();
        assert_eq!(sizes.layers, 2);
        assert_eq!(
            sizes.rootfs_bytes, 300,
            "replaced and hidden files are gone, the hard link is no second file"
        );
        assert_eq!(sizes.layer_bytes, (base.bytes().len() + top.bytes().len()) as u64);
        assert_eq!(sizes.unique_bytes, top.bytes().len() as u64);
        assert_eq!(sizes.compressed_bytes, image.layers.iter().map(|l| l.compressed_bytes).sum::<u64>());
    }

    #[test]
    fn a_layer_that_is_there_twice_is_stored_once() {
        let empty = TarBuilder::new();
        let other = TarBuilder::new().file("a", b"x");
        let twice = image(&[&empty, &other, &empty]);
        let once = image(&[&empty, &other]);
        let (twice, once) = (sizes(&twice, &[]).unwrap(), sizes(&once, &[]).unwrap());
        assert_eq!(twice.compressed_bytes, once.compressed_bytes);
        assert_eq!(twice.layers, 3);
        assert!(twice.layer_bytes > once.layer_bytes);
    }
}
