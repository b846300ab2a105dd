//! The embedded backend of `astrid-host-identity`: users and links in one table of a database of their own.
//!
//! | row key | value |
//! |---|---|
//! | `L` length of the platform (u16), platform, account | [`record`]: a link |
//! | `U` id (16 bytes) | [`record`]: a user |
//! | `R` id, milliseconds (u64), then as in `L` | nothing: a user's links, oldest first |
//! | `S` principal | the id of the user that has it |
//! | `f` | format version |
//!
//! Numbers in keys are big-endian. `L` and `U` say what is so and bear a tag; `R` and `S` are made anew from them
//! at every opening where they differ ([`check`]).

mod change;
mod check;
mod record;
mod records;
mod reports;
mod rows;
#[cfg(test)]
mod tests;
mod thread;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use astrid_host_identity::{
    Account, Answer, Change, Commit, Found, IdentityStore, Link, StoreError, User, UserId, sort,
};

use crate::directory::{Directory, Holds, OpenError};
use record::Seal;
use records::Read;
use reports::Reports;
use thread::{Engine, Thread};

/// The engine's page cache in bytes: links of thousands of people, and no more than a store of small records needs.
const CACHE: usize = 8 << 20;

/// A persistent [`IdentityStore`] in a directory of its own. One thread asks the database, each change is one
/// transaction, and it is on disk before it is acknowledged.
///
/// Every record bears a keyed tag. One that was not written by whoever has the key is no link for a look-up and an
/// error for a change, and is reported once; [`RedbIdentities::foreign_records`] counts them. After a failed read
/// or write everything answers [`StoreError::Closed`] until the store is reopened. Dropping it lets the thread
/// finish what is queued in the background; [`RedbIdentities::close`] waits for that.
///
/// ```
/// use std::sync::Arc;
/// use std::time::SystemTime;
/// use astrid_host_identity::{Change, Clock, Commit, IdentityStore, User, UserId};
/// use astrid_store_redb::RedbIdentities;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("identity");
/// let store = RedbIdentities::open(&path, &[7; 32])?; // at start-up: it waits for the disk
/// let (id, clock): (_, Clock) = (UserId::mint(), Arc::new(SystemTime::now));
/// let user = User { id, principal: "ada".parse()?, display_name: None };
/// store.change(Change::CreateUser(user), Commit::new(&clock)).await?;
/// assert_eq!(store.user(id).await?.unwrap().principal.as_str(), "ada");
/// store.close().await;
/// # Ok(())
/// # }
/// ```
pub struct RedbIdentities {
    thread: Thread,
    reports: Arc<Reports>,
    repaired: u64,
}

impl RedbIdentities {
    /// Opens or creates the store in `path`, with mode 0700, for this process alone; makes its indexes agree with
    /// its records, and drops links whose users are gone. `key` is the host's secret for the tags, and is to lie
    /// elsewhere. Waits for the disk: call it at start-up or on a blocking thread.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: impl AsRef<Path>, key: &[u8; 32]) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let damaged =
            |error: StoreError| OpenError::Damaged { path: path.to_owned(), problem: error.to_string() };
        let database = Directory::open(path, Holds::Identities)?.database(CACHE)?;
        let reports = Arc::new(Reports::default());
        let engine = Engine::new(database, Seal::new(key), reports.clone());
        let repaired = engine.check().map_err(damaged)?;
        let io = |error| OpenError::Io { path: path.to_owned(), error };
        Ok(Self { thread: Thread::start(engine).map_err(io)?, reports, repaired })
    }

    /// Finishes what is queued, and lets the directory go. Calls after it fail.
    pub async fn close(&self) {
        self.thread.close().await;
    }

    /// Rows that the opening wrote or removed so that the indexes agree with the records: none, unless somebody
    /// changed the file.
    #[must_use]
    pub fn repaired_rows(&self) -> u64 {
        self.repaired
    }

    /// Records met since the opening that this host did not write; each counts once.
    #[must_use]
    pub fn foreign_records(&self) -> u64 {
        self.reports.count()
    }
}

impl IdentityStore for RedbIdentities {
    fn find<'a>(&'a self, account: &'a Account) -> Answer<'a, Option<Found>> {
        let account = account.clone();
        self.thread.call(move |engine| {
            engine.read(|records| {
                let Read::Good(link) = records.link(&account)? else { return Ok(None) };
                let Read::Good(user) = records.user(link.user)? else { return Ok(None) };
                Ok(Some(Found { link, user }))
            })
        })
    }

    fn link<'a>(&'a self, account: &'a Account) -> Answer<'a, Option<Link>> {
        let account = account.clone();
        self.thread.call(move |engine| engine.read(|records| records.link(&account)?.strict("a link")))
    }

    fn user(&self, id: UserId) -> Answer<'_, Option<User>> {
        self.thread.call(move |engine| engine.read(|records| records.user(id)?.strict("a user")))
    }

    fn links(&self, id: UserId) -> Answer<'_, Option<Vec<Link>>> {
        self.thread.call(move |engine| {
            engine.read(|records| {
                if records.user(id)?.strict("a user")?.is_none() {
                    return Ok(None);
                }
                let mut links = records.links_of(id)?;
                sort(&mut links);
                Ok(Some(links))
            })
        })
    }

    fn users(&self, after: Option<UserId>, limit: usize) -> Answer<'_, Vec<User>> {
        self.thread.call(move |engine| engine.read(|records| records.users(after, limit)))
    }

    fn change(&self, change: Change, commit: Commit) -> Answer<'_, u64> {
        self.thread.call(move |engine| engine.change(change, &commit))
    }
}

impl fmt::Debug for RedbIdentities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbIdentities")
            .field("foreign_records", &self.foreign_records())
            .finish_non_exhaustive()
    }
}
