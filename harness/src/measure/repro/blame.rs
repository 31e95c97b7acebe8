//! Which axis is to blame: what differs with it alone, and not without it.

use std::collections::HashSet;

use crate::diff::{Cause, Difference, Kind};

/// What of `found` is not to be had without what was varied, by what differs (`noise`) where it was not.
///
/// A path that differs by itself says nothing, nor does a cause that is at work by itself: chance may have put it
/// elsewhere. That is careful: an axis is rather not blamed than blamed wrongly.
pub(super) fn beyond<'a>(
    found: &'a [Difference],
    noise: &'a [Difference],
) -> impl Iterator<Item = &'a Difference> {
    found.iter().filter(|difference| {
        !difference.beside()
            && !noise.iter().any(|by_itself| {
                (&by_itself.path, by_itself.kind) == (&difference.path, difference.kind)
                    || by_itself.cause == difference.cause && difference.cause != Cause::Unknown
            })
    })
}

/// Adds those of `more` that are not among `all` yet.
pub(super) fn merge(all: &mut Vec<Difference>, more: Vec<Difference>) {
    let known: HashSet<_> = all.iter().map(key).collect();
    let fresh: Vec<Difference> =
        more.into_iter().filter(|difference| !known.contains(&key(difference))).collect();
    all.extend(fresh);
}

fn key(difference: &Difference) -> (&str, Kind, Cause) {
    (&difference.path, difference.kind, difference.cause)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn of(path: &str, cause: Cause) -> Difference {
        Difference {
            path: path.to_owned(),
            layer: Some(1),
            kind: Kind::Content,
            cause,
            a: String::new(),
            b: String::new(),
            bytes: 0,
            follows: BTreeSet::new(),
        }
    }

    #[test]
    fn what_differs_by_itself_is_held_against_no_axis() {
        let noise = [of("/log", Cause::Unknown), of("/a.pyc", Cause::PycMtime)];
        let blamed = |path, cause| beyond(&[of(path, cause)], &noise).count() == 1;
        assert!(!blamed("/log", Cause::Unknown));
        assert!(!blamed("/b.pyc", Cause::PycMtime), "chance may have put it elsewhere");
        assert!(blamed("/hostname", Cause::Unknown));
        assert!(blamed("/app", Cause::Umask));
    }

    #[test]
    fn merging_keeps_each_difference_once() {
        let mut all = vec![of("/a", Cause::Umask)];
        merge(&mut all, vec![of("/a", Cause::Umask), of("/a", Cause::Mtime), of("/b", Cause::Umask)]);
        assert_eq!(all.len(), 3);
    }
}
