//! What lies in the images beside what they show: files that nobody sees, planted secrets that anybody can read.

use std::fmt::Write as _;

use super::markdown::plain;
use crate::metrics::{ScenarioRecords, Unit};
use crate::record::{Hidden, LayerSize, Leak, LeakPlace, Wasted};
use crate::scenario::Variant;

/// Files that are listed of an image: the largest. `wasted.csv` has more, and `wasted_bytes` is the sum of all.
const FILES: usize = 5;

/// The layers of both images that are not the base's, with the instructions that made them; nothing of an older run.
pub(super) fn layers(rows: &ScenarioRecords<'_>) -> String {
    let mut listed = String::new();
    for variant in Variant::BOTH {
        let mut layers: Vec<&LayerSize> =
            of_first_block(&rows.layers, variant, |row| (row.variant, row.block));
        layers.sort_by_key(|row| row.layer);
        for layer in layers.iter().filter(|row| !row.in_base) {
            let bytes = |bytes: u64| Unit::Bytes.format(bytes as f64);
            let _ = writeln!(
                listed,
                "| {variant} | {} | {} | {} | {} | {} |",
                layer.layer,
                plain(&short(&layer.made_by)),
                bytes(layer.compressed_bytes),
                bytes(layer.tar_bytes),
                bytes(layer.wasted_bytes),
            );
        }
    }
    if listed.is_empty() {
        return listed;
    }
    format!(
        "### Layers\n\n\
         What each instruction adds to the base image, in the first block: as a node pulls it, as its tar, and how much \
         of that a later layer hides.\n\n\
         | | layer | written by | compressed | tar | hidden |\n|---|---:|---|---:|---:|---:|\n{listed}\n"
    )
}

/// The largest files that a later layer overwrote or deleted, with the instructions that made and hid them.
pub(super) fn wasted(rows: &ScenarioRecords<'_>) -> String {
    let mut listed = String::new();
    for variant in Variant::BOTH {
        let mut files: Vec<&Wasted> = of_first_block(&rows.wasted, variant, |row| (row.variant, row.block));
        files.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.path.cmp(&b.path)));
        for file in files.iter().take(FILES) {
            let _ = writeln!(
                listed,
                "| {variant} | {} | {} | {} | {} by {} |",
                Unit::Bytes.format(file.bytes as f64),
                plain(&file.path),
                plain(&short(&file.made_by)),
                match file.how {
                    Hidden::Overwritten => "overwritten",
                    Hidden::Deleted => "deleted",
                },
                plain(&short(&file.hidden_by)),
            );
        }
    }
    if listed.is_empty() {
        return listed;
    }
    format!(
        "### Wasted bytes\n\n\
         Files that a layer holds and the image does not show: a later layer overwrote or deleted them, and every \
         node pulls them all the same. The {FILES} largest of each image; `wasted_bytes` is the sum of all.\n\n\
         | | bytes | file | written by | hidden |\n|---|---:|---|---|---|\n{listed}\n"
    )
}

/// Where the planted secrets were found.
pub(super) fn leaks(rows: &ScenarioRecords<'_>) -> String {
    let mut listed = String::new();
    for variant in Variant::BOTH {
        for leak in of_first_block(&rows.leaks, variant, |row: &Leak| (row.variant, row.block)) {
            let _ = writeln!(
                listed,
                "| {variant} | {} | {} | {} |",
                plain(&leak.canary),
                match leak.place {
                    LeakPlace::Layer => "a layer",
                    LeakPlace::Config => "the configuration",
                    LeakPlace::History => "the history",
                    LeakPlace::Provenance => "the provenance",
                    LeakPlace::CacheExport => "an exported cache",
                },
                plain(&leak.found_at),
            );
        }
    }
    if listed.is_empty() {
        return listed;
    }
    format!(
        "### Where planted secrets were found\n\n\
         Each is a value that exists nowhere else, so that a find is proof. Whoever has the image, its provenance or \
         its cache can read them; a file that a later layer deletes is among them.\n\n\
         | | secret | found in | where |\n|---|---|---|---|\n{listed}\n"
    )
}

/// The beginning of an instruction: enough to find it by in the Dockerfile.
fn short(instruction: &str) -> String {
    const LETTERS: usize = 60;
    match instruction.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", instruction[..end].trim_end()),
        None => instruction.to_owned(),
    }
}

/// The rows of one variant in the first block that has any: the others repeat it, or the metrics say so.
fn of_first_block<'r, T>(
    rows: &[&'r T],
    variant: Variant,
    place: impl Fn(&T) -> (Variant, u32),
) -> Vec<&'r T> {
    let of_variant = || rows.iter().copied().filter(|row| place(row).0 == variant);
    let first = of_variant().map(|row| place(row).1).min();
    of_variant().filter(|row| Some(place(row).1) == first).collect()
}
