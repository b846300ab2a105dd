//! Items that nobody holds, from cold to warm.

use std::collections::VecDeque;

use astrid_host_context::Principal;
use tokio::time::Instant;

/// Front is cold, back is warm.
pub(super) struct Idle<T> {
    items: VecDeque<Kept<T>>,
}

struct Kept<T> {
    tag: Option<Principal>,
    since: Instant,
    item: T,
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
        let at = self.items.iter().rposition(|kept| kept.tag.as_ref() == tag)?;
        self.items.remove(at).map(|kept| kept.item)
    }

    pub(super) fn put(&mut self, tag: Option<Principal>, item: T) {
        self.items.push_back(Kept { tag, since: Instant::now(), item });
    }

    /// Takes out everything last used by `tag`. The caller drops it outside the lock.
    pub(super) fn take_all(&mut self, tag: &Principal) -> Vec<T> {
        self.take_where(|kept| kept.tag.as_ref() == Some(tag), usize::MAX)
    }

    /// Takes out the coldest that may go until `keep` are left, or no other may. The caller drops them
    /// outside the lock.
    pub(super) fn trim_cold(&mut self, keep: usize, pinned: impl Fn(&T) -> bool) -> Vec<T> {
        let surplus = self.items.len().saturating_sub(keep);
        self.take_where(|kept| !pinned(&kept.item), surplus)
    }

    /// Takes out what nobody used since then and may go. The caller drops it outside the lock.
    pub(super) fn take_unused_since(&mut self, then: Instant, pinned: impl Fn(&T) -> bool) -> Vec<T> {
        self.take_where(|kept| kept.since <= then && !pinned(&kept.item), usize::MAX)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    fn take_where(&mut self, goes: impl Fn(&Kept<T>) -> bool, most: usize) -> Vec<T> {
        let (mut taken, mut stay) = (Vec::new(), VecDeque::with_capacity(self.items.len()));
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
