//! The rules that `[development]` must keep.

use super::dockerfile::Dockerfile;
use super::document::{Document, shown};
use super::wire::WirePair;
use super::{Pair, Source, Variant, stages};
use crate::error::BadInput;

/// Each names a stage of its Dockerfile that is not the one that is shipped.
pub(super) fn check(
    file: &Document,
    variants: &Pair<Source>,
    dockerfiles: &[Dockerfile],
    written: WirePair,
) -> Result<Pair<String>, BadInput> {
    for (variant, dockerfile) in Variant::BOTH.into_iter().zip(dockerfiles) {
        let stage = written.side(variant);
        let names = stages::named(dockerfile);
        if names.iter().any(|name| name.eq_ignore_ascii_case(stage.get_ref())) {
            continue;
        }
        let there = match names.as_slice() {
            [] => "there is none with a name".to_owned(),
            names => format!("there are {}", names.join(", ")),
        };
        let say = format!(
            "`development.{variant}`: {} has no stage `{}` before its last one, which is shipped ({there}): add \
             `FROM … AS {1}`, or name another",
            shown(&variants.get(variant).dockerfile),
            stage.get_ref()
        );
        return Err(file.bad(&stage.span(), say));
    }
    Ok(Pair { naive: written.naive.into_inner(), optimized: written.optimized.into_inner() })
}
