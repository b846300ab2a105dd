//! Allowances in memory, found by whose they are.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::{Allowance, Holder};

/// An allowance with the uses it has left.
#[derive(Debug)]
pub(crate) struct Kept {
    allowance: Allowance,
    left: Option<AtomicU64>,
}

impl Kept {
    pub(crate) fn new(allowance: Allowance) -> Arc<Self> {
        let left = allowance.uses.map(AtomicU64::new);
        Arc::new(Self { allowance, left })
    }

    /// As it is now.
    pub(crate) fn allowance(&self) -> Allowance {
        let uses = self.left.as_ref().map(|left| left.load(Ordering::Acquire));
        Allowance { uses, ..self.allowance.clone() }
    }

    pub(crate) fn of(&self) -> &Allowance {
        &self.allowance
    }

    pub(crate) fn is_limited(&self) -> bool {
        self.left.is_some()
    }

    /// Whether it counts no more, whatever is asked.
    pub(crate) fn is_over(&self, now: SystemTime) -> bool {
        let used_up = self.left.as_ref().is_some_and(|left| left.load(Ordering::Acquire) == 0);
        used_up || self.allowance.is_over(now)
    }

    /// Uses it once, if it covers the resource and counts: two callers never have one use both.
    fn take(&self, resource: &str, now: SystemTime) -> bool {
        if self.allowance.is_over(now) || !self.allowance.pattern.covers(resource) {
            return false;
        }
        let Some(left) = &self.left else { return true };
        left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok()
    }
}

/// The first that covers the resource; one that may be used without end is taken before one that is used up.
pub(crate) fn take<'a>(
    of: impl Iterator<Item = &'a Arc<Kept>> + Clone,
    resource: &str,
) -> Option<&'a Arc<Kept>> {
    let now = SystemTime::now();
    let unlimited = of.clone().find(|kept| !kept.is_limited() && kept.take(resource, now));
    unlimited.or_else(|| of.into_iter().find(|kept| kept.is_limited() && kept.take(resource, now)))
}

/// All consent for good, as it is at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index(HashMap<Holder, Vec<Arc<Kept>>>);

impl Index {
    pub(crate) fn of(allowances: Vec<Allowance>) -> Self {
        let mut index = Self::default();
        allowances.into_iter().for_each(|allowance| index.put(allowance));
        index
    }

    pub(crate) fn take(&self, holder: &Holder, resource: &str) -> Option<&Arc<Kept>> {
        take(self.0.get(holder)?.iter(), resource)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Kept>> {
        self.0.values().flatten()
    }

    /// In place of one that says the same.
    pub(crate) fn put(&mut self, allowance: Allowance) {
        let of = self.0.entry(allowance.holder.clone()).or_default();
        of.retain(|kept| !kept.of().is_again(&allowance));
        of.push(Kept::new(allowance));
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&Kept) -> bool) {
        for of in self.0.values_mut() {
            of.retain(|kept| keep(kept));
        }
        self.0.retain(|_, of| !of.is_empty());
    }
}
