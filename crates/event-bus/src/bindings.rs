//! The second routing index: interceptor bindings, matched by equal count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::Draft;
use crate::admission::is_host_only;
use crate::interceptor::Binding;
use crate::trie::{Rule, Trie};

/// A binding with its creation number, which is also the order in which slots are reserved: one
/// order for all publishers, so that two that hold slots never wait for each other's.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    pub(crate) number: u64,
    pub(crate) binding: Arc<Binding>,
}

#[derive(Debug, Default)]
pub(crate) struct Bindings {
    trie: RwLock<Trie<Bound>>,
    /// Grows with every change, so that a publish notices that its reservations are out of date.
    epoch: AtomicU64,
}

impl Bindings {
    pub(crate) fn insert(&self, bound: Bound) {
        let mut trie = self.trie.write();
        let pattern = bound.binding.pattern.clone();
        trie.insert(pattern.as_str(), Rule::EqualCount, bound);
        self.advance();
    }

    pub(crate) fn remove(&self, bound: &Bound) {
        let mut trie = self.trie.write();
        trie.remove(bound.binding.pattern.as_str(), Rule::EqualCount, |b| b.number == bound.number);
        self.advance();
    }

    pub(crate) fn advance(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// What a publication is for, in the order of a chain: priority, capsule, action.
    pub(crate) fn find(&self, draft: &Draft) -> Vec<Bound> {
        let mut found = Vec::new();
        if is_host_only(draft.topic()) {
            return found;
        }
        let private = draft.private_capsule();
        self.trie.read().visit(draft.topic().as_str(), |bound: &Bound| {
            let binding = &bound.binding;
            if binding.gate.is_open() && private.is_none_or(|only| *only == binding.capsule) {
                found.push(bound.clone());
            }
        });
        found.sort_by(|a, b| {
            let key = |x: &Bound| (x.binding.priority, x.binding.capsule.clone(), x.binding.action.clone());
            key(a).cmp(&key(b)).then(a.number.cmp(&b.number))
        });
        found
    }
}
