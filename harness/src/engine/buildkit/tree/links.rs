//! The paths that `COPY` names, with what their symbolic links lead to.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use super::pattern::{Patterns, clean};
use super::{ContextError, Tree};

/// The patterns that cover `paths` (which may hold wildcards) and every link on the way; `None` if that
/// is the whole tree.
///
/// # Errors
/// A link or a directory cannot be read.
pub(super) fn resolve(tree: &Tree, paths: &[String]) -> Result<Option<Vec<String>>, ContextError> {
    let mut resolver = Resolver { tree, resolved: BTreeSet::new() };
    for path in paths {
        if clean(path).starts_with("..") {
            // Nothing outside the context is looked at: the pattern stays, and matches nothing.
            resolver.resolved.insert(clean(path));
        } else {
            resolver.add(path)?;
        }
    }
    let mut kept: Vec<String> = Vec::new();
    for path in resolver.resolved {
        if path == "." {
            return Ok(None);
        }
        let below =
            |above: &String| path.strip_prefix(above.as_str()).is_some_and(|rest| rest.starts_with('/'));
        if !kept.last().is_some_and(below) {
            kept.push(path);
        }
    }
    Ok(Some(kept))
}

struct Resolver<'a> {
    tree: &'a Tree,
    resolved: BTreeSet<String>,
}

impl Resolver<'_> {
    fn add(&mut self, path: &str) -> Result<(), ContextError> {
        let path = inside(path);
        let mut current = String::new();
        let mut rest = path.as_str();
        loop {
            let (part, behind) = rest.split_once('/').unwrap_or((rest, ""));
            current = if current.is_empty() { part.to_owned() } else { format!("{current}/{part}") };
            let targets = self.links(&current)?;
            rest = behind;
            if !rest.is_empty() && targets.is_empty() {
                continue;
            }
            // Also what ends a circle of links.
            if self.resolved.insert(current) {
                for target in targets {
                    self.add(&format!("{target}/{rest}"))?;
                }
            }
            return Ok(());
        }
    }

    /// Where the links that `path` means (its last part may be a wildcard) lead to.
    fn links(&self, path: &str) -> Result<Vec<String>, ContextError> {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        if !has_wildcard(name) {
            return Ok(self.link(dir, path)?.into_iter().collect());
        }
        let Ok(pattern) = Patterns::new(&[name]) else { return Ok(Vec::new()) };
        let Ok(children) = self.tree.children(dir) else { return Ok(Vec::new()) };
        let mut targets = Vec::new();
        for name in children.iter().filter_map(|child| OsStr::to_str(&child.name)) {
            if pattern.matches(name, &[]).is_ok_and(|found| found.matched) {
                let path = if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") };
                targets.extend(self.link(dir, &path)?);
            }
        }
        Ok(targets)
    }

    /// Where the link at `path` (in `dir`) leads to, as a path from the root of the tree, which no link leaves.
    fn link(&self, dir: &str, path: &str) -> Result<Option<String>, ContextError> {
        if path == "." {
            return Ok(None);
        }
        match self.tree.link_target(path)? {
            Some(target) if target.starts_with('/') => Ok(Some(inside(&target))),
            Some(target) => Ok(Some(inside(&format!("{dir}/{target}")))),
            None => Ok(None),
        }
    }
}

/// `path` seen from the root of the tree, which `..` does not leave; `.` for the root itself.
fn inside(path: &str) -> String {
    let cleaned = clean(&format!("/{path}"));
    if cleaned == "/" { ".".to_owned() } else { cleaned[1..].to_owned() }
}

fn has_wildcard(name: &str) -> bool {
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}
