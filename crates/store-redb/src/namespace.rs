//! The namespaces in use: their names and their places in the queue.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use astrid_host_context::Scope;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

/// Queue space of one namespace in KiB. Two groups' worth, so that the writer always finds the next
/// group ready and one flooding guest holds no more than this in memory.
pub(crate) const QUEUE_KIB: usize = 8 << 10;

/// What one mutation takes of it at least, which bounds a queue to 512 small ones.
const MIN_KIB: usize = 16;

/// One namespace while somebody uses it.
#[derive(Debug)]
pub(crate) struct Namespace {
    /// `{principal}:capsule:{id}`; never holds the byte 0.
    pub(crate) name: Box<[u8]>,
    /// Queue space, in KiB.
    pub(crate) space: Arc<Semaphore>,
}

/// Finds the one [`Namespace`] of a scope, and forgets those that nobody uses.
#[derive(Debug, Default)]
pub(crate) struct Namespaces(Mutex<HashMap<Box<[u8]>, Weak<Namespace>>>);

impl Namespaces {
    pub(crate) fn of(&self, scope: &Scope) -> Arc<Namespace> {
        self.named(name_of(scope))
    }

    pub(crate) fn named(&self, name: Box<[u8]>) -> Arc<Namespace> {
        let mut known = self.0.lock();
        if let Some(namespace) = known.get(&name).and_then(Weak::upgrade) {
            return namespace;
        }
        // Amortised: the map doubles before it is swept again.
        if known.len() == known.capacity() {
            known.retain(|_, namespace| namespace.strong_count() > 0);
        }
        let namespace =
            Arc::new(Namespace { name: name.clone(), space: Arc::new(Semaphore::new(QUEUE_KIB)) });
        known.insert(name, Arc::downgrade(&namespace));
        namespace
    }
}

/// The spelling of the contract. A scope without principal has a name that no principal can spell,
/// for kernels that store for one after all; host-kv itself never does.
pub(crate) fn name_of(scope: &Scope) -> Box<[u8]> {
    let principal = scope.principal.as_ref().map_or("", |principal| principal.as_str());
    format!("{principal}:capsule:{}", scope.capsule).into_bytes().into_boxed_slice()
}

/// The queue space that a mutation of this many payload bytes takes, in KiB.
pub(crate) fn space_for(payload: usize) -> u32 {
    let kib = payload.div_ceil(1024).clamp(MIN_KIB, QUEUE_KIB);
    u32::try_from(kib).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use astrid_host_context::{CapsuleId, Principal};

    #[test]
    fn a_namespace_in_use_is_one_object_and_an_unused_one_is_forgotten() {
        let scope = Scope {
            principal: Some(Principal::parse("al").unwrap()),
            capsule: CapsuleId::parse("a").unwrap(),
        };
        let namespaces = Namespaces::default();
        let first = namespaces.of(&scope);
        assert_eq!(&*first.name, b"al:capsule:a");
        assert!(Arc::ptr_eq(&first, &namespaces.of(&scope)));
        drop(first);
        for n in 0..1000 {
            namespaces.named(format!("p{n}:capsule:a").into_bytes().into());
        }
        assert!(namespaces.0.lock().len() < 64);
    }
}
