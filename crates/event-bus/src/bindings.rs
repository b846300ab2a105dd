//! The second routing index: interceptor bindings, matched by equal count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::admission::is_host_only;
use crate::interceptor::Binding;
use crate::trie::{Rule, Trie};
use crate::{Draft, Topic};

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
        if !draft.is_for_guests() || is_host_only(draft.topic()) {
            return found;
        }
        let private = draft.private_capsule();
        self.trie.read().visit(draft.topic().as_str(), |bound: &Bound| {
            let binding = &bound.binding;
            if binding.gate.is_open() && private.is_none_or(|only| *only == binding.capsule) {
                found.push(bound.clone());
            }
        });
        sort(&mut found);
        found
    }

    /// What `topic` is bound to, whoever would publish on it.
    pub(crate) fn bound_to(&self, topic: &Topic) -> Vec<Arc<Binding>> {
        let mut found = Vec::new();
        self.trie.read().visit(topic.as_str(), |bound: &Bound| {
            if bound.binding.gate.is_open() {
                found.push(bound.clone());
            }
        });
        sort(&mut found);
        found.into_iter().map(|bound| bound.binding).collect()
    }
}

/// The order of a chain: priority, capsule, action.
fn sort(found: &mut [Bound]) {
    found.sort_by(|a, b| a.binding.order().cmp(&b.binding.order()).then(a.number.cmp(&b.number)));
}
