//! A set of directories, each standing for itself and everything below.

use std::collections::HashSet;

/// Nodes as `/`-separated names; the root is the empty text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subtrees {
    whole: bool,
    nodes: HashSet<Box<str>>,
}

impl Subtrees {
    pub(crate) fn insert(&mut self, node: &str) {
        match node {
            "" => self.whole = true,
            node => drop(self.nodes.insert(node.into())),
        }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Looks the path's ancestors up, so that many entries cost no more than few.
    pub(crate) fn cover(&self, path: &str) -> bool {
        if self.whole || self.nodes.is_empty() {
            return self.whole;
        }
        let ancestors = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        ancestors.chain([path]).any(|node| self.nodes.contains(node))
    }

    /// Every node, the root as the empty text, ascending.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &str> {
        let mut nodes: Vec<&str> = self.nodes.iter().map(AsRef::as_ref).collect();
        nodes.sort_unstable();
        self.whole.then_some("").into_iter().chain(nodes)
    }
}
