//! Patterns with wildcards by segment, so that a publish walks its own topic and nothing else.

use std::collections::HashMap;

use crate::topic::MAX_HOST_SEGMENTS;

/// How the last `*` of a pattern is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// One or more segments.
    Subtree,
    /// Exactly one segment.
    EqualCount,
}

/// Items by pattern. A look-up visits at most 2^depth nodes, and with the guests' patterns, which
/// have no star but the last, one a segment.
#[derive(Debug)]
pub(crate) struct Trie<T> {
    root: Node<T>,
}

#[derive(Debug)]
struct Node<T> {
    named: HashMap<Box<str>, Node<T>>,
    star: Option<Box<Node<T>>>,
    ends: Vec<T>,
    below: Vec<T>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { named: HashMap::new(), star: None, ends: Vec::new(), below: Vec::new() }
    }
}

impl<T> Default for Trie<T> {
    fn default() -> Self {
        Self { root: Node::default() }
    }
}

impl<T> Trie<T> {
    pub(crate) fn insert(&mut self, pattern: &str, rule: Rule, item: T) {
        let mut node = &mut self.root;
        let mut segments = pattern.split('.').peekable();
        while let Some(segment) = segments.next() {
            if segment == "*" {
                if rule == Rule::Subtree && segments.peek().is_none() {
                    node.below.push(item);
                    return;
                }
                node = node.star.get_or_insert_default();
            } else {
                if !node.named.contains_key(segment) {
                    node.named.insert(segment.into(), Node::default());
                }
                let Some(child) = node.named.get_mut(segment) else { return };
                node = child;
            }
        }
        node.ends.push(item);
    }

    /// Removes the items of `pattern` that `which` picks, and the nodes that hold nothing any more.
    pub(crate) fn remove(&mut self, pattern: &str, rule: Rule, which: impl Fn(&T) -> bool) {
        let segments: Vec<&str> = pattern.split('.').collect();
        self.root.remove(&segments, rule, &which);
    }

    pub(crate) fn visit(&self, topic: &str, mut found: impl FnMut(&T)) {
        let mut depth = 0;
        if topic.split('.').all(|_| {
            depth += 1;
            depth <= MAX_HOST_SEGMENTS
        }) {
            self.root.visit(Some(topic), &mut found);
        }
    }

    /// Every item, in no order.
    pub(crate) fn each(&self, mut found: impl FnMut(&T)) {
        let mut open = vec![&self.root];
        while let Some(node) = open.pop() {
            node.ends.iter().chain(&node.below).for_each(&mut found);
            open.extend(node.named.values().chain(node.star.as_deref()));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.root.is_empty()
    }
}

impl<T> Node<T> {
    fn is_empty(&self) -> bool {
        self.named.is_empty() && self.star.is_none() && self.ends.is_empty() && self.below.is_empty()
    }

    fn visit(&self, rest: Option<&str>, found: &mut impl FnMut(&T)) {
        let Some(rest) = rest else {
            self.ends.iter().for_each(found);
            return;
        };
        self.below.iter().for_each(&mut *found);
        let (segment, rest) = match rest.split_once('.') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (rest, None),
        };
        if let Some(child) = self.named.get(segment) {
            child.visit(rest, found);
        }
        if let Some(star) = &self.star {
            star.visit(rest, found);
        }
    }

    fn remove(&mut self, segments: &[&str], rule: Rule, which: &impl Fn(&T) -> bool) {
        match segments {
            [] => self.ends.retain(|item| !which(item)),
            ["*"] if rule == Rule::Subtree => self.below.retain(|item| !which(item)),
            ["*", rest @ ..] => {
                if let Some(star) = &mut self.star {
                    star.remove(rest, rule, which);
                    if star.is_empty() {
                        self.star = None;
                    }
                }
            }
            [segment, rest @ ..] => {
                if let Some(child) = self.named.get_mut(*segment) {
                    child.remove(rest, rule, which);
                    if child.is_empty() {
                        self.named.remove(*segment);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_pattern_leaves_no_node_behind() {
        let mut trie = Trie::default();
        for (pattern, rule) in [("a.b.*", Rule::Subtree), ("a.*.c", Rule::EqualCount), ("a.b", Rule::Subtree)]
        {
            trie.insert(pattern, rule, 1);
            trie.insert(pattern, rule, 2);
        }
        for (pattern, rule) in [("a.b.*", Rule::Subtree), ("a.*.c", Rule::EqualCount), ("a.b", Rule::Subtree)]
        {
            trie.remove(pattern, rule, |n| *n == 1);
            assert!(!trie.is_empty());
            trie.remove(pattern, rule, |n| *n == 2);
        }
        assert!(trie.is_empty());
    }
}
