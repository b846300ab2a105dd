//! Pages read ahead of whoever walks through a listing, so that most of a walk asks no other thread.
//!
//! A page that is kept is only ever given out while nothing changed in its namespace, so it is what a
//! read of the rows would say at that moment.

use std::collections::VecDeque;

use astrid_host_kv::{Cursor, Page, Prefix};
use parking_lot::Mutex;

/// Pages that one read of a walk takes in: four hops of five are saved, and a walk that ends early has
/// read what costs less than its own hop.
const PAGES: usize = 5;
/// Keys of one read, whatever its page: a largest page goes alone.
const KEYS: usize = 1024;
/// Walks that are remembered at once; of 256 KiB each at most.
const WALKS: usize = 16;

/// The keys of one prefix that follow `from`, as of one moment.
#[derive(Debug)]
pub(crate) struct Stretch {
    namespace: Box<[u8]>,
    prefix: String,
    seen: u64,
    from: String,
    keys: Vec<String>,
    more: bool,
}

/// What was read ahead, the latest last.
#[derive(Debug, Default)]
pub(crate) struct Ahead(Mutex<VecDeque<Stretch>>);

impl Stretch {
    /// How many keys to read where a page of `limit` is asked for.
    pub(crate) fn length(limit: usize) -> usize {
        limit.saturating_mul(PAGES).min(KEYS).max(limit)
    }

    /// The page after `after`, if all of it is in here.
    fn page(&self, after: &str, limit: usize) -> Option<Page> {
        if after < self.from.as_str() {
            return None;
        }
        let start = self.keys.partition_point(|key| key.as_str() <= after);
        let rest = self.keys.get(start..)?;
        if rest.len() < limit.saturating_add(1) && self.more {
            return None;
        }
        Some(Page { keys: rest.iter().take(limit).cloned().collect(), more: rest.len() > limit })
    }
}

impl Ahead {
    /// A page that was read ahead and still is true: nothing changed since `seen`.
    pub(crate) fn page(
        &self,
        namespace: &[u8],
        seen: u64,
        prefix: &Prefix,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Option<Page> {
        let after = after?.as_str();
        let mut walks = self.0.lock();
        walks.retain(|walk| walk.seen == seen || *walk.namespace != *namespace);
        let of_walk =
            |walk: &&Stretch| *walk.namespace == *namespace && walk.prefix.as_str() == prefix.as_str();
        walks.iter().filter(of_walk).find_map(|walk| walk.page(after, limit))
    }

    /// Keeps a stretch that was read after `seen` was, and gives its first page.
    pub(crate) fn keep(
        &self,
        namespace: Box<[u8]>,
        seen: u64,
        prefix: &str,
        from: &str,
        stretch: Page,
        limit: usize,
    ) -> Page {
        let Page { keys, more } = stretch;
        let first =
            Page { keys: keys.iter().take(limit).cloned().collect(), more: more || keys.len() > limit };
        if keys.len() > limit {
            let (prefix, from) = (prefix.to_owned(), from.to_owned());
            let walk = Stretch { namespace, prefix, seen, from, keys, more };
            let mut walks = self.0.lock();
            // A walk goes on where its last stretch ended, which nobody needs any more.
            walks.retain(|old| old.namespace != walk.namespace || old.prefix != walk.prefix);
            if walks.len() == WALKS {
                walks.pop_front();
            }
            walks.push_back(walk);
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMESPACE: &[u8] = b"alice:capsule:a";

    fn page(ahead: &Ahead, seen: u64, after: &str, limit: usize) -> Option<(Vec<String>, bool)> {
        let (prefix, after) = (Prefix::parse("k").unwrap(), Cursor::parse(after).unwrap());
        ahead.page(NAMESPACE, seen, &prefix, Some(&after), limit).map(|page| (page.keys, page.more))
    }

    fn kept(more: bool) -> Ahead {
        let keys: Vec<_> = ["k1", "k2", "k3", "k4", "k5"].map(str::to_owned).into();
        let ahead = Ahead::default();
        let first = ahead.keep(NAMESPACE.into(), 7, "k", "k0", Page { keys, more }, 2);
        assert_eq!((first.keys, first.more), (vec!["k1".to_owned(), "k2".to_owned()], true));
        ahead
    }

    #[test]
    fn a_page_is_given_only_where_all_of_it_and_what_follows_is_known() {
        let of = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        let ahead = kept(true);
        assert_eq!(page(&ahead, 7, "k2", 2), Some((of(&["k3", "k4"]), true)));
        assert_eq!(page(&ahead, 7, "k25", 2), Some((of(&["k3", "k4"]), true)), "a key need not exist");
        assert_eq!(page(&ahead, 7, "k3", 2), None, "whether another follows k5 is not known");
        assert_eq!(page(&ahead, 7, "k", 2), None, "before what was read");
        let ahead = kept(false);
        assert_eq!(page(&ahead, 7, "k3", 2), Some((of(&["k4", "k5"]), false)));
        assert_eq!(page(&ahead, 7, "z", 2), Some((of(&[]), false)));
    }

    #[test]
    fn a_change_makes_what_was_read_before_it_worthless() {
        let ahead = kept(true);
        assert_eq!(page(&ahead, 8, "k2", 2), None);
        assert_eq!(page(&ahead, 7, "k2", 2), None, "and it is gone");
    }

    #[test]
    fn only_so_many_walks_are_remembered() {
        let ahead = Ahead::default();
        for n in 0..100 {
            let keys = vec!["k1".to_owned(), "k2".to_owned()];
            ahead.keep(format!("p{n}").into_bytes().into(), 0, "k", "k0", Page { keys, more: true }, 1);
        }
        assert_eq!(ahead.0.lock().len(), WALKS);
    }
}
