//! The in-process [`Quota`]: one counter per (principal, capsule, resource).

use std::collections::HashMap;
use std::sync::Arc;

use crate::{CapsuleId, Held, Permit, Principal, Quota, QuotaExceeded, Resource, Subject};

type Account = (Option<Principal>, CapsuleId, &'static str);

/// Counts what is held and refuses what would pass the limit.
///
/// Limits are the resources' defaults unless [`Budgets::with_limit`] set another for all subjects. An
/// account exists only while something is held, so memory follows use.
#[derive(Debug, Clone, Default)]
pub struct Budgets {
    held: Held<Account>,
    limits: Arc<HashMap<&'static str, u64>>,
}

impl Budgets {
    /// Default limits everywhere.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the limit of one resource for every subject.
    #[must_use]
    pub fn with_limit(mut self, resource: &'static Resource, limit: u64) -> Self {
        Arc::make_mut(&mut self.limits).insert(resource.name, limit);
        self
    }

    /// What `subject` holds of `resource` now.
    #[must_use]
    pub fn held(&self, subject: &Subject<'_>, resource: &'static Resource) -> u64 {
        self.held.of(&account(subject, resource))
    }
}

impl Quota for Budgets {
    fn limit(&self, _: &Subject<'_>, resource: &'static Resource) -> u64 {
        self.limits.get(resource.name).copied().unwrap_or(resource.default)
    }

    fn acquire(
        &self,
        subject: &Subject<'_>,
        resource: &'static Resource,
        amount: u64,
    ) -> Result<Permit, QuotaExceeded> {
        let limit = self.limit(subject, resource);
        self.held.take(account(subject, resource), amount, resource, limit)
    }
}

fn account(subject: &Subject<'_>, resource: &'static Resource) -> Account {
    (subject.principal.cloned(), subject.capsule.clone(), resource.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    static SLOTS: Resource = Resource { name: "test.slots", default: 2 };

    #[test]
    fn a_permit_gives_its_share_back_when_dropped() {
        let capsule = CapsuleId::parse("c").unwrap();
        let who = Subject { principal: None, capsule: &capsule };
        let budgets = Budgets::new();
        let both = budgets.acquire(&who, &SLOTS, 2).unwrap();
        assert_eq!(budgets.acquire(&who, &SLOTS, 1).unwrap_err().limit, 2);
        drop(both);
        assert_eq!(budgets.held(&who, &SLOTS), 0);
        assert_eq!(budgets.held.accounts(), 0);
        let _one = budgets.acquire(&who, &SLOTS, 1).unwrap();
    }

    #[test]
    fn principals_of_one_capsule_have_separate_accounts() {
        let capsule = CapsuleId::parse("c").unwrap();
        let (alice, bob) = (Principal::parse("alice").unwrap(), Principal::parse("bob").unwrap());
        let budgets = Budgets::new().with_limit(&SLOTS, 1);
        let of = |p| Subject { principal: Some(p), capsule: &capsule };
        let _alice = budgets.acquire(&of(&alice), &SLOTS, 1).unwrap();
        assert!(budgets.acquire(&of(&alice), &SLOTS, 1).is_err());
        assert!(budgets.acquire(&of(&bob), &SLOTS, 1).is_ok());
        assert!(budgets.acquire(&of(&bob), &SLOTS, u64::MAX).is_err());
    }
}
