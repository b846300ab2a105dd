//! Items that nobody holds, from cold to warm.

use std::collections::VecDeque;

use astrid_host_context::Principal;

/// Front is cold, back is warm.
pub(super) struct Idle<T> {
    items: VecDeque<(Option<Principal>, T)>,
}

impl<T> Default for Idle<T> {
    fn default() -> Self {
        Self { items: VecDeque::new() }
    }
}

impl<T> Idle<T> {
    /// The warmest item last used by `tag`. Items enter only through a lease and so always carry a
    /// tag; `None` is the tag of calls without a principal.
    pub(super) fn take_for(&mut self, tag: Option<&Principal>) -> Option<T> {
        let at = self.items.iter().rposition(|(of, _)| of.as_ref() == tag)?;
        self.items.remove(at).map(|(_, item)| item)
    }

    pub(super) fn put(&mut self, tag: Option<Principal>, item: T) {
        self.items.push_back((tag, item));
    }

    /// Takes out everything last used by `tag`. The caller drops it outside the lock.
    pub(super) fn take_all(&mut self, tag: &Principal) -> Vec<T> {
        let items = std::mem::take(&mut self.items);
        let (of_tag, others) = items.into_iter().partition(|(of, _)| of.as_ref() == Some(tag));
        self.items = others;
        VecDeque::into_iter(of_tag).map(|(_, item)| item).collect()
    }

    /// Takes out the coldest until `keep` are left. The caller drops them outside the lock.
    pub(super) fn trim_cold(&mut self, keep: usize) -> Vec<T> {
        let surplus = self.items.len().saturating_sub(keep);
        self.items.drain(..surplus).map(|(_, item)| item).collect()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }
}
