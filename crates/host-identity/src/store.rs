//! What keeps users and links.

use std::future::Future;
use std::pin::Pin;

use crate::{Account, Commit, Found, Link, Maker, Method, User, UserId};

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It was not opened, or was closed.
    #[error("the identity store is closed: {0}")]
    Closed(String),
    /// The disk said no. What it was about to change may have been changed.
    #[error("the identity store failed: {0}")]
    Io(String),
    /// A record is not what this host wrote. Names none of its contents.
    #[error("the identity store holds a record that this host did not write: {0}")]
    Corrupt(String),
    /// It did not answer in time, and what it was asked to change will not be changed.
    #[error("the identity store did not answer in time")]
    TooSlow,
    /// It did not answer in time, and had begun to commit.
    #[error("the identity store did not answer in time; whether the change is made is not known")]
    InDoubt,
    /// Nobody wants the change any more, and it was not made.
    #[error("the change was withdrawn")]
    Withdrawn,
    /// There is no such user.
    #[error("there is no such user")]
    NoUser,
    /// The account is not linked.
    #[error("the account is not linked")]
    NoLink,
    /// The account is linked, whoever to.
    #[error("the account is linked already")]
    AlreadyLinked,
    /// The account belongs to another user than the one who was asked about.
    #[error("the account belongs to another user by now")]
    OtherOwner,
    /// The user has as many links as it may.
    #[error("the user has {0} links; allowed: {0}")]
    TooManyLinks(u64),
    /// Another user has this principal.
    #[error("another user has this principal")]
    PrincipalTaken,
}

/// What [`IdentityStore`] answers.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// One change, whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Links an account, unless it is linked: in this order [`StoreError::NoUser`],
    /// [`StoreError::AlreadyLinked`], [`StoreError::TooManyLinks`].
    Link {
        /// Which account.
        account: Account,
        /// To whom.
        user: UserId,
        /// How that was proven.
        method: Method,
        /// Who does it.
        made_by: Maker,
        /// Most links the user may have then.
        limit: u64,
    },
    /// Removes a link that is still this user's, else [`StoreError::NoLink`] or [`StoreError::OtherOwner`].
    Unlink {
        /// Which account.
        account: Account,
        /// Whose it is taken to be.
        owner: UserId,
    },
    /// Adds a user, unless another has its principal.
    CreateUser(User),
    /// Removes a user with all its links and frees its principal, else [`StoreError::NoUser`].
    DeleteUser(UserId),
}

/// Users and links. One namespace that no other host interface reaches.
///
/// The crate calls it from tasks of its own and waits at most [`STORE_BUDGET`](crate::STORE_BUDGET); an
/// implementation never blocks a runtime worker. `astrid_host_testkit::contract::identity` is the suite that
/// every implementation passes.
pub trait IdentityStore: Send + Sync {
    /// An account's link and the user it leads to. `None` also where one of the two records is not what this
    /// host wrote, which the store reports.
    fn find<'a>(&'a self, account: &'a Account) -> Answer<'a, Option<Found>>;

    /// An account's link; one that cannot be trusted is [`StoreError::Corrupt`].
    fn link<'a>(&'a self, account: &'a Account) -> Answer<'a, Option<Link>>;

    /// A user; one that cannot be trusted is [`StoreError::Corrupt`].
    fn user(&self, id: UserId) -> Answer<'_, Option<User>>;

    /// A user's links in the order of [`sort`](crate::sort); `None` without such a user. Leaves out records
    /// that are not what this host wrote, which the store reports.
    fn links(&self, id: UserId) -> Answer<'_, Option<Vec<Link>>>;

    /// Users by id, `limit` at most, after the one given.
    fn users(&self, after: Option<UserId>, limit: usize) -> Answer<'_, Vec<User>>;

    /// Makes a change that is durable when this returns, and says how many links it made or removed. Calls
    /// [`Commit::begin`] once everything is checked and nothing can be seen yet, and makes no change if that
    /// fails. Changes are made one after the other.
    fn change(&self, change: Change, commit: Commit) -> Answer<'_, u64>;
}
