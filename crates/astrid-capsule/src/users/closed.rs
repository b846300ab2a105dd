//! In the place of a store that does not open.

use std::future::ready;

use astrid_host_identity::{
    Account, Answer, Change, Commit, Found, IdentityStore, Link, StoreError, User, UserId,
};

/// Answers everything with why.
pub(super) struct Closed(pub(super) String);

impl Closed {
    fn refuse<T: Send + 'static>(&self) -> Answer<'_, T> {
        Box::pin(ready(Err(StoreError::Closed(self.0.clone()))))
    }
}

impl IdentityStore for Closed {
    fn find<'a>(&'a self, _: &'a Account) -> Answer<'a, Option<Found>> {
        self.refuse()
    }

    fn link<'a>(&'a self, _: &'a Account) -> Answer<'a, Option<Link>> {
        self.refuse()
    }

    fn user(&self, _: UserId) -> Answer<'_, Option<User>> {
        self.refuse()
    }

    fn links(&self, _: UserId) -> Answer<'_, Option<Vec<Link>>> {
        self.refuse()
    }

    fn users(&self, _: Option<UserId>, _: usize) -> Answer<'_, Vec<User>> {
        self.refuse()
    }

    fn change(&self, _: Change, _: Commit) -> Answer<'_, u64> {
        self.refuse()
    }
}
