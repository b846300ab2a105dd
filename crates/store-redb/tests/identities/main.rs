//! `RedbIdentities` in one program: the suite of all identity stores, files that are damaged, and processes that are
//! killed.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set up must fail")]

mod contract;
mod crash;
mod damage;

use std::sync::Arc;
use std::time::SystemTime;

use astrid_host_identity::{Account, Change, Clock, Commit, Maker, Method, User, UserId};

const KEY: [u8; 32] = [9; 32];

fn commit() -> Commit {
    let clock: Clock = Arc::new(SystemTime::now);
    Commit::new(&clock)
}

fn account(id: &str) -> Account {
    Account::parse("chat", id).unwrap()
}

fn user(principal: &str) -> User {
    User { id: UserId::mint(), principal: principal.parse().unwrap(), display_name: None }
}

fn link(account: Account, user: UserId, method: &str) -> Change {
    let (method, made_by) = (Method::parse(method).unwrap(), Maker::default());
    Change::Link { account, user, method, made_by, limit: 10_000 }
}
