//! Items that nobody holds, from cold to warm.

use std::collections::VecDeque;

use astrid_host_context::Principal;

/// An item with whom it serves; `None` is the tag of calls without a principal.
pub(super) type Tagged<T> = (Option<Principal>, T);

/// Front is cold, back is warm.
pub(super) struct Idle<T> {
    items: VecDeque<Tagged<T>>,
}

impl<T> Default for Idle<T> {
    fn default() -> Self {
        Self { items: VecDeque::new() }
    }
}

impl<T> Idle<T> {
    /// The warmest item last used by `tag`.
    pub(super) fn take_for(&mut self, tag: Option<&Principal>) -> Option<Tagged<T>> {
        let at = self.items.iter().rposition(|(of, _)| of.as_ref() == tag)?;
        self.items.remove(at)
    }

    pub(super) fn put(&mut self, item: Tagged<T>) {
        self.items.push_back(item);
    }

    /// Takes out everything last used by `tag`. The caller drops it outside the lock.
    pub(super) fn take_all(&mut self, tag: &Principal) -> Vec<Tagged<T>> {
        let items = std::mem::take(&mut self.items);
        let (of_tag, others) = items.into_iter().partition(|(of, _)| of.as_ref() == Some(tag));
        self.items = others;
        VecDeque::into(of_tag)
    }

    /// Takes out the coldest until `keep` are left. The caller drops them outside the lock.
    pub(super) fn trim_cold(&mut self, keep: usize) -> Vec<Tagged<T>> {
        let surplus = self.items.len().saturating_sub(keep);
        self.items.drain(..surplus).collect()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }
}
