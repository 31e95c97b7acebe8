//! The rules that `[[fixes]]` must keep.

use super::document::{Document, shown};
use super::wire::WireFix;
use super::{Fix, Pair, Source};
use crate::error::BadInput;

/// What a fix takes away is in the optimized Dockerfile.
pub(super) fn check(
    file: &Document,
    variants: &Pair<Source>,
    written: Vec<WireFix>,
) -> Result<Vec<Fix>, BadInput> {
    if written.is_empty() {
        return Ok(Vec::new());
    }
    let path = &variants.optimized.dockerfile;
    let dockerfile = Document::read(path.clone(), "it is there but not readable")?;
    let mut fixes = Vec::new();
    for WireFix { name, replace, cause } in written {
        if let Some(text) = replace.keys().find(|text| !dockerfile.text().contains(text.get_ref().as_str())) {
            let say = format!("fix `{name}`: {} does not contain `{}`", shown(path), text.get_ref());
            return Err(file.bad(&text.span(), say));
        }
        let replace = replace.into_iter().map(|(text, without)| (text.into_inner(), without)).collect();
        let written_at = file.place(&cause.span());
        fixes.push(Fix { name, replace, cause: cause.into_inner(), written_at });
    }
    Ok(fixes)
}
