//! What subjects hold, counted under whatever names a quota counts by.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use crate::lock::locked;
use crate::{Permit, QuotaExceeded, Resource};

/// Amounts by account, each given back when its [`Permit`] is dropped. An account exists only while
/// something is held, so memory follows use. A clone is the same accounts.
#[derive(Debug)]
pub struct Held<A>(Arc<Mutex<HashMap<A, u64>>>);

impl<A> Clone for Held<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A> Default for Held<A> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<A: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static> Held<A> {
    /// What an account holds now.
    #[must_use]
    pub fn of(&self, account: &A) -> u64 {
        locked(&self.0).get(account).copied().unwrap_or(0)
    }

    /// Accounts with something held.
    #[must_use]
    pub fn accounts(&self) -> usize {
        locked(&self.0).len()
    }

    /// Takes `amount` of `resource`, if the account then holds at most `limit`.
    ///
    /// # Errors
    /// It would hold more; nothing was taken.
    pub fn take(
        &self,
        account: A,
        amount: u64,
        resource: &'static Resource,
        limit: u64,
    ) -> Result<Permit, QuotaExceeded> {
        let mut held = locked(&self.0);
        let now = held.get(&account).copied().unwrap_or(0);
        let next = now.checked_add(amount).filter(|next| *next <= limit);
        let next = next.ok_or(QuotaExceeded { resource: resource.name, limit, requested: amount })?;
        if next > 0 {
            held.insert(account.clone(), next);
        }
        drop(held);
        Ok(Permit::new(Share { held: self.clone(), account, amount }))
    }
}

struct Share<A: Eq + Hash> {
    held: Held<A>,
    account: A,
    amount: u64,
}

impl<A: Eq + Hash> Drop for Share<A> {
    fn drop(&mut self) {
        let mut held = locked(&self.held.0);
        if let Some(now) = held.get_mut(&self.account) {
            *now = now.saturating_sub(self.amount);
            if *now == 0 {
                held.remove(&self.account);
            }
        }
    }
}
