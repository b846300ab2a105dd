//! A tree that is only thought of, and what a path means in it.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;

use astrid_host_fs::{Fault, Text, VfsPath};

/// What stands at a path.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    File,
    Directory,
    Link(String),
}

/// Nodes by their components below the root.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree(BTreeMap<Vec<String>, Node>);

impl Tree {
    /// Adds a node if its parent is a directory and the place is free.
    pub(crate) fn add(&mut self, at: Vec<String>, node: Node) {
        let Some((_, parent)) = at.split_last() else { return };
        let fits = parent.is_empty() || matches!(self.0.get(parent), Some(Node::Directory));
        if fits && !self.0.contains_key(&at) {
            self.0.insert(at, node);
        }
    }

    /// Makes it real; parents come before what is in them.
    pub(crate) fn plant(&self, root: &Path) {
        for (at, node) in &self.0 {
            let path = root.join(at.join("/"));
            match node {
                Node::File => std::fs::write(path, "").unwrap(),
                Node::Directory => std::fs::create_dir(path).unwrap(),
                Node::Link(target) => symlink(target, path).unwrap(),
            }
        }
    }

    /// Where the path leads, links followed: components by name alone, so that no step can be raced.
    pub(crate) fn resolve(&self, path: &VfsPath) -> Result<String, Fault> {
        let mut at: Vec<String> = Vec::new();
        let mut left: Vec<String> = path.written().rev().map(str::to_owned).collect();
        let (mut links, mut wants_directory) = (0, path.wants_directory());
        while let Some(part) = left.pop() {
            if part == ".." {
                at.pop().ok_or(Fault::Escape)?;
                continue;
            }
            at.push(part);
            match self.0.get(&at).ok_or(Fault::NotFound)? {
                Node::Directory => {}
                Node::File if left.is_empty() && !wants_directory => return Ok(at.join("/")),
                Node::File => return Err(Fault::NotDirectory),
                Node::Link(target) => {
                    links += 1;
                    if links > 40 {
                        return Err(Fault::Unknown(Text::TooManyLinks));
                    }
                    if target.starts_with('/') {
                        return Err(Fault::Escape);
                    }
                    at.pop();
                    wants_directory |= left.is_empty() && target.ends_with('/');
                    let parts = target.split('/').rev().filter(|part| !matches!(*part, "" | "."));
                    left.extend(parts.map(str::to_owned));
                }
            }
        }
        Ok(at.join("/"))
    }
}
