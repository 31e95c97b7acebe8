//! Files that a layer holds and the image does not show: everybody pulls them, nobody sees them.

use std::collections::{HashMap, HashSet};

use super::instruction::instructions;
use super::merge::Tree;
use super::{Entry, EntryKind, Image, OciError};

/// A regular file in a layer of which no name is left in the image.
///
/// Hard links are one file, which is wasted once none of its names shows it. What a layer writes twice under
/// one name is its own affair: only what a *later* layer hides is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WastedFile {
    /// Where it lies, from the root, without a leading slash.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Whether a whiteout hid it, and nothing was laid in its place.
    pub deleted: bool,
    /// The layer that holds it, from 1.
    pub layer: u32,
    /// The instruction that made that layer, by the image's history; empty where that does not tell.
    pub made_by: String,
    /// The instruction whose layer hid the file.
    pub hidden_by: String,
}

/// One file: its layer, and its member there.
type File = (usize, *const Entry);

/// The wasted files of `image`, the largest first.
///
/// # Errors
/// The layers cannot be merged.
pub fn wasted(image: &Image) -> Result<Vec<WastedFile>, OciError> {
    let mut tree = Tree::default();
    // Of a file with several names, what became of the last one counts.
    let mut hidden: HashMap<File, (&Entry, usize, bool)> = HashMap::new();
    for (place, layer) in image.layers.iter().enumerate() {
        tree.lay(place, layer)?;
        for removed in tree.removed() {
            let Some(entry) = removed.node.entry else { continue };
            if removed.node.layer < place && matches!(entry.kind, EntryKind::File { .. }) {
                let deleted = removed.deleted && tree.get(&removed.path).is_none();
                hidden.insert((removed.node.layer, std::ptr::from_ref(entry)), (entry, place, deleted));
            }
        }
    }
    let shown: HashSet<File> =
        tree.iter().filter_map(|(_, node)| Some((node.layer, std::ptr::from_ref(node.entry?)))).collect();
    let instructions = instructions(&image.config, image.layers.len());
    let instruction = |place: usize| instructions.get(place).cloned().unwrap_or_default();
    let mut files: Vec<WastedFile> = hidden
        .into_iter()
        .filter(|(file, _)| !shown.contains(file))
        .map(|((layer, _), (entry, by, deleted))| WastedFile {
            path: String::from_utf8_lossy(&entry.path).into_owned(),
            bytes: if let EntryKind::File { size, .. } = entry.kind { size } else { 0 },
            deleted,
            layer: u32::try_from(layer + 1).unwrap_or(u32::MAX),
            made_by: instruction(layer),
            hidden_by: instruction(by),
        })
        .collect();
    files.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.path.cmp(&b.path)).then(a.layer.cmp(&b.layer)));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::sizes;
    use crate::oci::testing::{TarBuilder, image};

    fn tar() -> TarBuilder {
        TarBuilder::new()
    }

    /// Path, bytes, layer, and whether it was deleted.
    fn found(tars: &[&TarBuilder]) -> Vec<(String, u64, u32, bool)> {
        let files = wasted(&image(tars)).unwrap();
        files.into_iter().map(|file| (file.path, file.bytes, file.layer, file.deleted)).collect()
    }

    fn file(path: &str, bytes: u64, layer: u32, deleted: bool) -> (String, u64, u32, bool) {
        (path.to_owned(), bytes, layer, deleted)
    }

    #[test]
    fn every_way_to_hide_a_file() {
        let base = tar().dir("d").file("d/a", &[1; 10]).file("d/b", &[1; 20]).file("c", &[1; 30]);
        #[expect(clippy::type_complexity, reason = "a table of cases is read as it is written")]
        let table: &[(&str, TarBuilder, &[(String, u64, u32, bool)])] = &[
            ("a new file", tar().file("c", b"new"), &[file("c", 30, 1, false)]),
            ("the same file again", tar().file("c", &[1; 30]), &[file("c", 30, 1, false)]),
            ("a folder in its place", tar().dir("c"), &[file("c", 30, 1, false)]),
            ("a folder that no member names", tar().file("c/x", b"x"), &[file("c", 30, 1, false)]),
            ("a whiteout", tar().whiteout("c"), &[file("c", 30, 1, true)]),
            (
                "a whiteout of its folder",
                tar().whiteout("d"),
                &[file("d/b", 20, 1, true), file("d/a", 10, 1, true)],
            ),
            (
                "an opaque folder, with one of the files written anew",
                tar().dir("d").opaque("d").file("d/a", b"new"),
                &[file("d/b", 20, 1, true), file("d/a", 10, 1, false)],
            ),
            (
                "a file in place of its folder",
                tar().file("d", b"new"),
                &[file("d/b", 20, 1, false), file("d/a", 10, 1, false)],
            ),
            ("a folder again hides nothing", tar().dir("d"), &[]),
        ];
        for (what, top, expected) in table {
            assert_eq!(found(&[&base, top]), *expected, "{what}");
        }
    }

    #[test]
    fn a_hard_link_keeps_a_file_until_its_last_name_is_gone() {
        let base = tar().file("a", &[1; 10]).hardlink("b", "a");
        let (one, other) = (tar().whiteout("a"), tar().whiteout("b"));
        assert_eq!(found(&[&base, &one]), []);
        assert_eq!(found(&[&base, &one, &other]), [file("a", 10, 1, true)], "once, for both names");
    }

    #[test]
    fn a_layer_that_is_there_twice_is_wasted_once() {
        let layer = tar().file("a", &[1; 10]);
        assert_eq!(found(&[&layer, &layer]), [file("a", 10, 1, false)]);
    }

    #[test]
    fn with_what_is_shown_it_makes_up_all_files_of_all_layers() {
        let image = image(&[
            &tar().dir("d").file("d/a", &[1; 1000]).file("b", &[2; 200]).hardlink("c", "b"),
            &tar().file("d/a", &[3; 70]).whiteout("b"),
            &tar().opaque("d").whiteout("c").file("e", &[4; 5]),
        ]);
        let wasted: u64 = wasted(&image).unwrap().iter().map(|file| file.bytes).sum();
        assert_eq!(wasted, 1270);
        assert_eq!(sizes(&image, &[]).unwrap().rootfs_bytes, 5);
    }
}
