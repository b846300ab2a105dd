//! What is read from the rows, with every record's tag checked.

use std::ops::ControlFlow;

use astrid_host_identity::{Account, Link, StoreError, User, UserId};
use redb::ReadableTable;

use super::record::Seal;
use super::reports::Reports;
use super::rows;

/// What a row was found to be.
pub(super) enum Read<T> {
    /// It is not there.
    Nothing,
    /// It is what this host wrote.
    Good(T),
    /// It is not. Reported.
    Foreign,
}

impl<T> Read<T> {
    /// For those who must not pass over a record that cannot be trusted.
    pub(super) fn strict(self, what: &str) -> Result<Option<T>, StoreError> {
        match self {
            Self::Nothing => Ok(None),
            Self::Good(found) => Ok(Some(found)),
            Self::Foreign => Err(StoreError::Corrupt(what.to_owned())),
        }
    }
}

/// The rows as of one moment.
pub(super) struct Records<'a, R> {
    pub(super) rows: &'a R,
    pub(super) seal: &'a Seal,
    pub(super) reports: &'a Reports,
}

impl<R: ReadableTable<&'static [u8], &'static [u8]>> Records<'_, R> {
    pub(super) fn link(&self, account: &Account) -> Result<Read<Link>, StoreError> {
        let row = rows::link(account);
        let Some(found) = self.rows.get(&*row).map_err(failed)? else { return Ok(Read::Nothing) };
        let link = self.seal.open_link(&row, found.value(), account.clone());
        Ok(self.judged("link", &row, link))
    }

    pub(super) fn user(&self, id: UserId) -> Result<Read<User>, StoreError> {
        let row = rows::user(id);
        let Some(found) = self.rows.get(&*row).map_err(failed)? else { return Ok(Read::Nothing) };
        Ok(self.judged("user", &row, self.seal.open_user(&row, found.value(), id)))
    }

    /// Whoever has a principal, or had it when its record was still what this host wrote.
    pub(super) fn who_has(&self, principal: &[u8]) -> Result<Option<UserId>, StoreError> {
        Ok(self.rows.get(principal).map_err(failed)?.and_then(|found| rows::id_of(found.value())))
    }

    /// A user's links as the index has them, those that cannot be trusted left out.
    pub(super) fn links_of(&self, id: UserId) -> Result<Vec<Link>, StoreError> {
        let mut links = Vec::new();
        for account in self.accounts_of(id)? {
            if let Read::Good(link) = self.link(&account)?
                && link.user == id
            {
                links.push(link);
            }
        }
        Ok(links)
    }

    /// How many links the index has of a user.
    pub(super) fn count_of(&self, id: UserId) -> Result<u64, StoreError> {
        let mut count = 0;
        self.walk(&rows::by_user(id), &[], |_, _| {
            count += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(count)
    }

    pub(super) fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<User>, StoreError> {
        let mut users = Vec::new();
        // The next row that can exist after a row is that row and a zero byte.
        let from = after.map_or(Vec::new(), |id| [&*rows::user(id), &[0]].concat());
        self.walk(&[rows::USERS], &from, |row, value| {
            if users.len() >= limit {
                return Ok(ControlFlow::Break(()));
            }
            let user = rows::listed(row).and_then(|id| self.seal.open_user(row, value, id));
            match user {
                Some(user) => users.push(user),
                None => self.reports.foreign("user", row),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(users)
    }

    fn accounts_of(&self, id: UserId) -> Result<Vec<Account>, StoreError> {
        let mut accounts = Vec::new();
        self.walk(&rows::by_user(id), &[], |row, _| {
            accounts.extend(rows::of_user_parts(row).map(|(_, _, account)| account));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(accounts)
    }

    /// Shows every row that begins with `prefix` in their order, from `from` on.
    pub(super) fn walk(
        &self,
        prefix: &[u8],
        from: &[u8],
        mut show: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        for row in self.rows.range(prefix.max(from)..).map_err(failed)? {
            let (row, value) = row.map_err(failed)?;
            if !row.value().starts_with(prefix) || show(row.value(), value.value())?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn judged<T>(&self, kind: &'static str, row: &[u8], found: Option<T>) -> Read<T> {
        match found {
            Some(found) => Read::Good(found),
            None => {
                self.reports.foreign(kind, row);
                Read::Foreign
            }
        }
    }
}

/// The engine's errors in the trait's terms.
pub(super) fn failed(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Io(error) => StoreError::Io(error.to_string()),
        other => StoreError::Closed(other.to_string()),
    }
}
