//! Which part of a tree BuildKit wants.

use super::pattern::{Matched, Patterns};
use super::{ContextError, Tree, links};

/// What to send: all that the included patterns match (or everything), less what the excluded ones do.
#[derive(Debug, Default)]
pub struct Filter {
    include: Option<Patterns>,
    exclude: Option<Patterns>,
    /// Every included pattern is a plain path, so that whole directories can be passed over unread.
    plain_include: bool,
    /// The same of the exceptions to the excluded patterns.
    plain_exceptions: bool,
}

/// Which patterns matched a directory; what lies in it inherits them.
#[derive(Debug, Default, Clone)]
pub(super) struct Inherited {
    include: Vec<bool>,
    exclude: Vec<bool>,
}

/// What becomes of a path.
#[derive(Debug)]
pub(super) enum Decision {
    /// Sent.
    Keep(Inherited),
    /// Not sent, but something below it may be.
    Descend(Inherited),
    /// Not sent, nor anything below it.
    Prune,
}

impl Filter {
    /// A filter as BuildKit asks for it: `follow` are paths that `COPY` names; what their symbolic links
    /// lead to is included too.
    ///
    /// # Errors
    /// A pattern is malformed, or a link cannot be read.
    pub fn new(
        tree: &Tree,
        include: &[String],
        exclude: &[String],
        follow: &[String],
    ) -> Result<Self, ContextError> {
        let mut included = include.to_vec();
        if !follow.is_empty()
            && let Some(targets) = links::resolve(tree, follow)?
        {
            included.extend(targets);
        }
        let include = Some(Patterns::new(&included)?).filter(|patterns| !patterns.is_empty());
        let exclude = Some(Patterns::new(exclude)?).filter(|patterns| !patterns.is_empty());
        Ok(Self {
            plain_include: include.as_ref().is_some_and(|patterns| patterns.prefixes(false).all(is_plain)),
            plain_exceptions: exclude.as_ref().is_some_and(|patterns| patterns.prefixes(true).all(is_plain)),
            include,
            exclude,
        })
    }

    /// Decides on `path`, of whose directory `inherited` is known.
    ///
    /// # Errors
    /// A pattern that decides is malformed.
    pub(super) fn decide(
        &self,
        path: &str,
        is_dir: bool,
        inherited: &Inherited,
    ) -> Result<Decision, ContextError> {
        let mut keep = true;
        let include = match &self.include {
            Some(patterns) => {
                let Matched { matched, by } = patterns.matches(path, &inherited.include)?;
                if !matched {
                    if !is_dir || (self.plain_include && !leads_to(path, patterns.prefixes(false))) {
                        return Ok(Decision::Prune);
                    }
                    keep = false;
                }
                by
            }
            None => Vec::new(),
        };
        let exclude = match &self.exclude {
            Some(patterns) => {
                let Matched { matched, by } = patterns.matches(path, &inherited.exclude)?;
                if matched {
                    let below = patterns.has_exceptions()
                        && (!self.plain_exceptions || leads_to(path, patterns.prefixes(true)));
                    if !is_dir || !below {
                        return Ok(Decision::Prune);
                    }
                    keep = false;
                }
                by
            }
            None => Vec::new(),
        };
        let inherited = Inherited { include, exclude };
        Ok(if keep { Decision::Keep(inherited) } else { Decision::Descend(inherited) })
    }
}

fn is_plain(pattern: &str) -> bool {
    !pattern.contains(['*', '[', ']', '?', '^', '\\'])
}

/// Whether one of `patterns` is `dir` or lies below it.
fn leads_to<'a>(dir: &str, mut patterns: impl Iterator<Item = &'a str>) -> bool {
    patterns
        .any(|pattern| pattern.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}
