//! The in-process [`Quota`]: one counter per (principal, capsule, resource).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::lock::locked;
use crate::{CapsuleId, Permit, Principal, Quota, QuotaExceeded, Resource, Subject};

type Account = (Option<Principal>, CapsuleId, &'static str);

/// Counts what is held and refuses what would pass the limit.
///
/// Limits are the resources' defaults unless [`Budgets::with_limit`] set another for all subjects. An
/// account exists only while something is held, so memory follows use.
#[derive(Debug, Clone, Default)]
pub struct Budgets {
    held: Arc<Mutex<HashMap<Account, u64>>>,
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
        locked(&self.held).get(&account(subject, resource)).copied().unwrap_or(0)
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
        let account = account(subject, resource);
        let mut held = locked(&self.held);
        let now = held.get(&account).copied().unwrap_or(0);
        let next = now.checked_add(amount).filter(|next| *next <= limit).ok_or(QuotaExceeded {
            resource: resource.name,
            limit,
            requested: amount,
        })?;
        held.insert(account.clone(), next);
        drop(held);
        Ok(Permit::new(Share { held: self.held.clone(), account, amount }))
    }
}

fn account(subject: &Subject<'_>, resource: &'static Resource) -> Account {
    (subject.principal.cloned(), subject.capsule.clone(), resource.name)
}

struct Share {
    held: Arc<Mutex<HashMap<Account, u64>>>,
    account: Account,
    amount: u64,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = locked(&self.held);
        if let Some(now) = held.get_mut(&self.account) {
            *now = now.saturating_sub(self.amount);
            if *now == 0 {
                held.remove(&self.account);
            }
        }
    }
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
        assert!(locked(&budgets.held).is_empty());
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
