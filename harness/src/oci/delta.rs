//! What a node that has an image must pull to have the next one.

use std::collections::HashSet;

use super::{EntryKind, Image, OciError, merge};

/// What the new image adds for a node that has the previous one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delta {
    /// Layers that the node lacks.
    pub new_layers: u32,
    /// Their compressed bytes: what the pull moves.
    pub new_compressed_bytes: u64,
    /// Bytes (uncompressed) of regular files in them that the previous image had at the same path with
    /// the same content: moved again only because their layer has a new digest.
    pub same_content_bytes: u64,
}

/// From `previous` to `new`. Layers are told apart by the digest of their blob, as a pull does.
///
/// # Errors
/// The layers of `previous` cannot be merged.
pub fn delta(previous: &Image, new: &Image) -> Result<Delta, OciError> {
    let mut known: HashSet<_> = previous.layers.iter().map(|layer| layer.digest).collect();
    let before = merge(&previous.layers)?;
    let mut delta = Delta { new_layers: 0, new_compressed_bytes: 0, same_content_bytes: 0 };
    for layer in new.layers.iter().filter(|layer| known.insert(layer.digest)) {
        delta.new_layers += 1;
        delta.new_compressed_bytes += layer.compressed_bytes;
        // Of two members with one path the later holds.
        let mut seen = HashSet::new();
        for entry in layer.entries.iter().rev().filter(|entry| seen.insert(&entry.path)) {
            let EntryKind::File { size, .. } = entry.kind else { continue };
            let was = before.get(&entry.path).and_then(|node| node.entry);
            if was.is_some_and(|was| was.kind == entry.kind) {
                delta.same_content_bytes = delta.same_content_bytes.saturating_add(size);
            }
        }
    }
    Ok(delta)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::testing::{TarBuilder, image};

    fn deps(source: &[u8]) -> TarBuilder {
        TarBuilder::new().dir("lib").file("lib/torch", &[7; 90_000]).file("main.py", source)
    }

    #[test]
    fn an_equal_image_needs_nothing() {
        let one = image(&[&deps(b"1")]);
        let expected = Delta { new_layers: 0, new_compressed_bytes: 0, same_content_bytes: 0 };
        assert_eq!(delta(&one, &one).unwrap(), expected);
    }

    #[test]
    fn a_changed_line_moves_the_whole_layer_again() {
        let (before, after) = (image(&[&deps(b"1")]), image(&[&deps(b"2")]));
        let delta = delta(&before, &after).unwrap();
        assert_eq!(delta.new_layers, 1);
        assert_eq!(delta.new_compressed_bytes, after.layers[0].compressed_bytes);
        assert_eq!(delta.same_content_bytes, 90_000, "all but main.py is unchanged");
    }

    #[test]
    fn layers_apart_move_the_changed_one_alone() {
        let deps = TarBuilder::new().file("lib/torch", &[7; 90_000]);
        let source = |text: &[u8]| TarBuilder::new().file("main.py", text);
        let (before, after) = (image(&[&deps, &source(b"1")]), image(&[&deps, &source(b"2")]));
        let delta = delta(&before, &after).unwrap();
        assert_eq!((delta.new_layers, delta.same_content_bytes), (1, 0));
        assert_eq!(delta.new_compressed_bytes, after.layers[1].compressed_bytes);
    }

    #[test]
    fn content_that_lay_elsewhere_or_was_hidden_is_new() {
        let before = image(&[
            &TarBuilder::new().file("a", &[7; 50]).file("b", &[8; 60]),
            &TarBuilder::new().whiteout("b"),
        ]);
        let after = image(&[&TarBuilder::new().file("c", &[7; 50]).file("b", &[8; 60])]);
        assert_eq!(delta(&before, &after).unwrap().same_content_bytes, 0);
    }

    #[test]
    fn a_member_that_is_overwritten_in_its_layer_does_not_count() {
        let before = image(&[&TarBuilder::new().file("a", &[7; 50])]);
        let after = image(&[&TarBuilder::new().file("a", &[7; 50]).file("a", &[9; 50])]);
        assert_eq!(delta(&before, &after).unwrap().same_content_bytes, 0);
    }

    #[test]
    fn a_new_name_of_an_old_directory_is_followed() {
        let usr_merged =
            TarBuilder::new().dir("usr/lib").symlink("lib", "usr/lib").file("usr/lib/x", &[7; 50]);
        let after = image(&[&usr_merged, &TarBuilder::new().file("lib/x", &[7; 50])]);
        assert_eq!(delta(&image(&[&usr_merged]), &after).unwrap().same_content_bytes, 50);
    }
}
