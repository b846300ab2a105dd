//! Items that nobody holds, from cold to warm.

use std::collections::VecDeque;

use astrid_host_context::Principal;
use tokio::time::Instant;

/// An item with whom it serves; `None` is the tag of calls without a principal. Boxed, because every call's
/// future carries one.
pub(super) type Tagged<T> = Box<(Option<Principal>, T)>;

/// Front is cold, back is warm.
pub(super) struct Idle<T> {
    items: VecDeque<Kept<T>>,
}

struct Kept<T> {
    item: Tagged<T>,
    /// When it came back, where that is asked for.
    since: Option<Instant>,
}

impl<T> Default for Idle<T> {
    fn default() -> Self {
        Self { items: VecDeque::new() }
    }
}

impl<T> Idle<T> {
    /// The warmest item last used by `tag`.
    pub(super) fn take_for(&mut self, tag: Option<&Principal>) -> Option<Tagged<T>> {
        let is_of = |kept: &Kept<T>| kept.item.0.as_ref() == tag;
        if self.items.back().is_some_and(is_of) {
            // Most calls find their principal's last instance on top.
            return self.items.pop_back().map(|kept| kept.item);
        }
        let at = self.items.iter().rposition(is_of)?;
        self.items.remove(at).map(|kept| kept.item)
    }

    pub(super) fn put(&mut self, item: Tagged<T>, since: Option<Instant>) {
        self.items.push_back(Kept { item, since });
    }

    /// Takes out everything last used by `tag`. The caller drops it outside the lock.
    pub(super) fn take_all(&mut self, tag: &Principal) -> Vec<Tagged<T>> {
        self.take_where(|kept| kept.item.0.as_ref() == Some(tag), usize::MAX)
    }

    /// Takes out the coldest that may go until `keep` are left, or no other may. The caller drops them
    /// outside the lock.
    pub(super) fn trim_cold(&mut self, keep: usize, pinned: impl Fn(&T) -> bool) -> Vec<Tagged<T>> {
        let surplus = self.items.len().saturating_sub(keep);
        self.take_where(|kept| !pinned(&kept.item.1), surplus)
    }

    /// Takes out what nobody used since then and may go. The caller drops it outside the lock.
    pub(super) fn take_unused_since(&mut self, then: Instant, pinned: impl Fn(&T) -> bool) -> Vec<Tagged<T>> {
        let unused = |kept: &Kept<T>| kept.since.is_some_and(|since| since <= then);
        self.take_where(|kept| unused(kept) && !pinned(&kept.item.1), usize::MAX)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    fn take_where(&mut self, goes: impl Fn(&Kept<T>) -> bool, most: usize) -> Vec<Tagged<T>> {
        let mut taken = Vec::new();
        if most == 0 {
            return taken;
        }
        let mut stay = VecDeque::with_capacity(self.items.len());
        for kept in self.items.drain(..) {
            if taken.len() < most && goes(&kept) {
                taken.push(kept.item);
            } else {
                stay.push_back(kept);
            }
        }
        self.items = stay;
        taken
    }
}
