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
        let path = shown(&variants.get(variant).dockerfile);
        let say = if stages::shipped(dockerfile)
            .is_some_and(|name| name.eq_ignore_ascii_case(stage.get_ref()))
        {
            format!(
                "`development.{variant}`: `{}` is the stage of {path} that is shipped, and would agree with itself: \
                 name one before it",
                stage.get_ref()
            )
        } else {
            let there = match names.as_slice() {
                [] => "no stage before its last has a name".to_owned(),
                names => format!("before its last there are {}", names.join(", ")),
            };
            format!(
                "`development.{variant}`: {path} has no stage `{}` ({there}): add `FROM … AS {0}`, or name another",
                stage.get_ref()
            )
        };
        return Err(file.bad(&stage.span(), say));
    }
    Ok(Pair { naive: written.naive.into_inner(), optimized: written.optimized.into_inner() })
}
