//! The rules that generated files and mounts must keep.

use std::collections::BTreeMap;

use toml::Spanned;

use super::document::Document;
use super::edit::is_relative;
use super::wire::{WireGenerated, WireMounts, WireSharded};
use super::{Around, Edit, Pair, Source, Variant};
use crate::error::BadInput;

/// The fewest bytes of a generated file: a header and some rows.
const LEAST: u64 = 65_536;

/// Weights that no context holds, and that an edit may make anew only where there are any.
pub(super) fn check(
    file: &Document,
    variants: &Pair<Source>,
    edits: &BTreeMap<String, Edit>,
    written: &BTreeMap<Spanned<String>, Spanned<WireGenerated>>,
) -> Result<BTreeMap<String, u64>, BadInput> {
    let mut generated = BTreeMap::new();
    for (path, bytes) in written {
        let name = path.get_ref();
        if !is_relative(name) {
            let say = format!(
                "generated file `{name}` must be a path within the context, such as weights/model.safetensors"
            );
            return Err(file.bad(&path.span(), say));
        }
        if Variant::BOTH.iter().any(|variant| variants.get(*variant).context.join(name).exists()) {
            let say = format!("generated file `{name}` is in a context already: remove it, or name another");
            return Err(file.bad(&path.span(), say));
        }
        let files = match bytes.get_ref() {
            WireGenerated::Whole(bytes) => vec![(name.clone(), *bytes)],
            WireGenerated::Sharded(WireSharded { shards: 0, .. }) => {
                return Err(file.bad(
                    &bytes.span(),
                    format!("generated file `{name}` has no shards: name at least one"),
                ));
            }
            WireGenerated::Sharded(sharded) => shards(name, sharded),
        };
        if files.iter().any(|(_, bytes)| *bytes < LEAST) {
            let say = format!("generated file `{name}` needs at least {LEAST} bytes");
            return Err(file.bad(&bytes.span(), say));
        }
        generated.extend(files);
    }
    let anew = edits.values().find(|edit| edit.around == Some(Around::Generated));
    if let (Some(edit), true) = (anew, generated.is_empty()) {
        let say = format!(
            "edit `{}` makes generated files anew, and the profile has none: name them under `generated`",
            edit.name
        );
        return Err(file.bad(&(0..0), say));
    }
    Ok(generated)
}

/// `model.safetensors` in three shards: `model-00001-of-00003.safetensors` and so on, as model repositories name them.
fn shards(name: &str, sharded: &WireSharded) -> Vec<(String, u64)> {
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) => (stem, format!(".{extension}")),
        None => (name, String::new()),
    };
    let of = sharded.shards;
    let shard = |number| (format!("{stem}-{number:05}-of-{of:05}{extension}"), sharded.shard_bytes);
    (1..=of).map(shard).collect()
}

/// A mount leads from an absolute path in the container to a file that the variant's context has.
pub(super) fn mounts(
    file: &Document,
    variants: &Pair<Source>,
    generated: &BTreeMap<String, u64>,
    written: WireMounts,
) -> Result<Pair<BTreeMap<String, String>>, BadInput> {
    let side = |variant: Variant, written: BTreeMap<Spanned<String>, Spanned<String>>| {
        let mut mounts = BTreeMap::new();
        for (target, path) in written {
            if !target.get_ref().starts_with('/') {
                let say = format!("mount `{}` must be an absolute path, as in \"/models\"", target.get_ref());
                return Err(file.bad(&target.span(), say));
            }
            let name = path.get_ref();
            let folder = format!("{name}/");
            let made = generated.keys().any(|made| made == name || made.starts_with(&folder));
            let there = made || variants.get(variant).context.join(name).exists();
            if !is_relative(name) || !there {
                let say = format!("mount `{name}` is neither in the {variant} context nor generated");
                return Err(file.bad(&path.span(), say));
            }
            mounts.insert(target.into_inner(), path.into_inner());
        }
        Ok(mounts)
    };
    Ok(Pair {
        naive: side(Variant::Naive, written.naive)?,
        optimized: side(Variant::Optimized, written.optimized)?,
    })
}
