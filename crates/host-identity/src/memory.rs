//! A store that ends with the process: for tests, and for kernels that keep users elsewhere.

use std::collections::BTreeMap;
use std::future::ready;

use parking_lot::Mutex;

use crate::{Account, Answer, Change, Commit, Found, IdentityStore, Link, StoreError, User, UserId, sort};

/// Users and links in memory.
#[derive(Debug, Default)]
pub struct MemoryIdentities(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// By the number of their id, which is the order they are listed in.
    users: BTreeMap<u128, User>,
    links: BTreeMap<Account, Link>,
}

impl MemoryIdentities {
    /// Nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl State {
    fn user(&self, id: UserId) -> Option<&User> {
        self.users.get(&id.uuid().as_u128())
    }

    fn links_of(&self, id: UserId) -> impl Iterator<Item = &Link> {
        self.links.values().filter(move |link| link.user == id)
    }

    fn change(&mut self, change: Change, commit: &Commit) -> Result<u64, StoreError> {
        match change {
            Change::Link { account, user, method, made_by, limit } => {
                self.user(user).ok_or(StoreError::NoUser)?;
                if self.links.contains_key(&account) {
                    return Err(StoreError::AlreadyLinked);
                }
                if u64::try_from(self.links_of(user).count()).is_ok_and(|count| count >= limit) {
                    return Err(StoreError::TooManyLinks(limit));
                }
                let linked_at = commit.begin()?;
                self.links.insert(account.clone(), Link { account, user, linked_at, method, made_by });
                Ok(1)
            }
            Change::Unlink { account, owner } => {
                let link = self.links.get(&account).ok_or(StoreError::NoLink)?;
                if link.user != owner {
                    return Err(StoreError::OtherOwner);
                }
                commit.begin()?;
                self.links.remove(&account);
                Ok(1)
            }
            Change::CreateUser(user) => {
                if self.users.values().any(|other| other.principal == user.principal || other.id == user.id) {
                    return Err(StoreError::PrincipalTaken);
                }
                commit.begin()?;
                self.users.insert(user.id.uuid().as_u128(), user);
                Ok(0)
            }
            Change::DeleteUser(id) => {
                self.user(id).ok_or(StoreError::NoUser)?;
                commit.begin()?;
                let before = self.links.len();
                self.links.retain(|_, link| link.user != id);
                self.users.remove(&id.uuid().as_u128());
                Ok(u64::try_from(before - self.links.len()).unwrap_or(u64::MAX))
            }
        }
    }
}

impl IdentityStore for MemoryIdentities {
    fn find<'a>(&'a self, account: &'a Account) -> Answer<'a, Option<Found>> {
        let state = self.0.lock();
        let found = state.links.get(account).and_then(|link| {
            state.user(link.user).map(|user| Found { link: link.clone(), user: user.clone() })
        });
        Box::pin(ready(Ok(found)))
    }

    fn link<'a>(&'a self, account: &'a Account) -> Answer<'a, Option<Link>> {
        Box::pin(ready(Ok(self.0.lock().links.get(account).cloned())))
    }

    fn user(&self, id: UserId) -> Answer<'_, Option<User>> {
        Box::pin(ready(Ok(self.0.lock().user(id).cloned())))
    }

    fn links(&self, id: UserId) -> Answer<'_, Option<Vec<Link>>> {
        let state = self.0.lock();
        let links = state.user(id).map(|_| {
            let mut links: Vec<_> = state.links_of(id).cloned().collect();
            sort(&mut links);
            links
        });
        Box::pin(ready(Ok(links)))
    }

    fn users(&self, after: Option<UserId>, limit: usize) -> Answer<'_, Vec<User>> {
        let state = self.0.lock();
        let after = after.map(|id| id.uuid().as_u128());
        let page = state.users.iter().filter(|(id, _)| after.is_none_or(|after| **id > after));
        let page = page.take(limit).map(|(_, user)| user.clone()).collect();
        Box::pin(ready(Ok(page)))
    }

    fn change(&self, change: Change, commit: Commit) -> Answer<'_, u64> {
        Box::pin(async move { self.0.lock().change(change, &commit) })
    }
}
