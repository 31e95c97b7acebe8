//! The order in which a tree is sent: every directory before what it holds, names by their bytes.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::vec;

use super::filter::{Decision, Inherited};
use super::node::{Child, Content};
use super::{ContextError, Filter, Node, Tree};

/// What is sent of one path.
#[derive(Debug)]
pub struct Entry {
    /// Relative, slash-separated.
    pub path: String,
    pub(crate) node: Node,
    /// The path sent before that is the same file under another name.
    pub(crate) hard_link: Option<String>,
}

/// Walks a tree; ends after its first error.
pub struct Walk<'a> {
    tree: &'a Tree,
    filter: &'a Filter,
    started: bool,
    stack: Vec<Dir>,
    /// Sent next: the directories above a kept path are sent only once something in them is.
    ready: VecDeque<Entry>,
    seen: HashMap<(u64, u64), String>,
}

struct Dir {
    path: String,
    sent: bool,
    inherited: Inherited,
    children: vec::IntoIter<Child>,
}

impl<'a> Walk<'a> {
    /// Walks what `filter` keeps of `tree`.
    pub fn new(tree: &'a Tree, filter: &'a Filter) -> Self {
        Self { tree, filter, started: false, stack: Vec::new(), ready: VecDeque::new(), seen: HashMap::new() }
    }

    /// Looks at paths until one is ready to be sent; `Ok(false)` at the end.
    fn advance(&mut self) -> Result<bool, ContextError> {
        if !self.started {
            self.started = true;
            self.enter(String::new(), true, Inherited::default())?;
        }
        while let Some(dir) = self.stack.last_mut() {
            let Some(child) = dir.children.next() else {
                self.stack.pop();
                continue;
            };
            let name = child.name.to_string_lossy();
            let path =
                if dir.path.is_empty() { name.clone().into_owned() } else { format!("{}/{name}", dir.path) };
            let (keep, inherited) = match self.filter.decide(&path, child.is_dir, &dir.inherited)? {
                Decision::Prune => continue,
                Decision::Keep(inherited) => (true, inherited),
                Decision::Descend(inherited) => (false, inherited),
            };
            if child.name.to_str().is_none() && (keep || child.is_dir) {
                return Err(ContextError(format!(
                    "{}: its name is not UTF-8",
                    self.tree.on_disk(&path).display()
                )));
            }
            if keep {
                self.send_parents()?;
                self.send(path.clone())?;
            }
            if child.is_dir {
                self.enter(path, keep, inherited)?;
            }
            if keep {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn enter(&mut self, path: String, sent: bool, inherited: Inherited) -> Result<(), ContextError> {
        let children = match self.tree.children(&path) {
            Ok(children) => children.into_iter(),
            // Nothing in it was named, only something below it might have been.
            Err(error) if !sent && error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
            Err(error) => return Err(ContextError::io(&self.tree.on_disk(&path), &error)),
        };
        self.stack.push(Dir { path, sent, inherited, children });
        Ok(())
    }

    fn send_parents(&mut self) -> Result<(), ContextError> {
        for i in 0..self.stack.len() {
            if !self.stack[i].sent {
                self.stack[i].sent = true;
                let path = self.stack[i].path.clone();
                self.send(path)?;
            }
        }
        Ok(())
    }

    fn send(&mut self, path: String) -> Result<(), ContextError> {
        let Some(node) = self.tree.node(&path)? else {
            return Err(ContextError(format!(
                "{}: vanished while the context was read",
                self.tree.on_disk(&path).display()
            )));
        };
        let mut hard_link = None;
        if let Content::Disk { shared: Some(inode), .. } = node.content {
            match self.seen.get(&inode) {
                Some(first) => hard_link = Some(first.clone()),
                None => drop(self.seen.insert(inode, path.clone())),
            }
        }
        self.ready.push_back(Entry { path, node, hard_link });
        Ok(())
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<Entry, ContextError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() {
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.stack.clear();
                    return Some(Err(error));
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }
}
