//! What one change does to the rows: all checks, the point of no return, then the rows.

use astrid_host_identity::{Account, Change, Commit, Link, StoreError, User, UserId};
use redb::{ReadableTable, Table};

use super::records::{Read, Records, failed};
use super::rows;
use super::thread::Engine;

/// The one table, to be changed.
pub(super) type Rows<'t> = Table<'t, &'static [u8], &'static [u8]>;

impl Engine {
    /// Decides on a change and changes the rows; how many links it made or removed.
    pub(super) fn apply(
        &self,
        table: &mut Rows<'_>,
        change: Change,
        commit: &Commit,
    ) -> Result<u64, StoreError> {
        match change {
            Change::Link { account, user, method, made_by, limit } => {
                let records = self.records(table);
                records.user(user)?.strict("a user")?.ok_or(StoreError::NoUser)?;
                if records.link(&account)?.strict("a link")?.is_some() {
                    return Err(StoreError::AlreadyLinked);
                }
                if records.count_of(user)? >= limit {
                    return Err(StoreError::TooManyLinks(limit));
                }
                let linked_at = commit.begin()?;
                let link = Link { account, user, linked_at, method, made_by };
                let row = rows::link(&link.account);
                put(table, &row, &self.seal.link(&row, &link))?;
                put(table, &rows::of_user(user, linked_at, &link.account), &[])?;
                Ok(1)
            }
            Change::Unlink { account, owner } => {
                let link = self.records(table).link(&account)?.strict("a link")?.ok_or(StoreError::NoLink)?;
                if link.user != owner {
                    return Err(StoreError::OtherOwner);
                }
                commit.begin()?;
                remove(table, &rows::link(&account))?;
                remove(table, &rows::of_user(owner, link.linked_at, &account))?;
                Ok(1)
            }
            Change::CreateUser(user) => self.create(table, &user, commit),
            Change::DeleteUser(id) => self.delete(table, id, commit),
        }
    }

    fn create(&self, table: &mut Rows<'_>, user: &User, commit: &Commit) -> Result<u64, StoreError> {
        let (row, principal) = (rows::user(user.id), rows::principal(&user.principal));
        let taken = self.records(table).who_has(&principal)?.is_some();
        if taken || table.get(&*row).map_err(failed)?.is_some() {
            return Err(StoreError::PrincipalTaken);
        }
        commit.begin()?;
        put(table, &row, &self.seal.user(&row, user))?;
        put(table, &principal, &rows::id_bytes(user.id))?;
        Ok(0)
    }

    /// Takes whatever the user's record says, so that one that cannot be trusted can be got rid of, with the links
    /// that the index has of it.
    fn delete(&self, table: &mut Rows<'_>, id: UserId, commit: &Commit) -> Result<u64, StoreError> {
        let row = rows::user(id);
        let (principals, accounts) = {
            let records = self.records(table);
            if let Read::Nothing = records.user(id)? {
                return Err(StoreError::NoUser);
            }
            (principals_of(&records, id)?, indexed(&records, id)?)
        };
        commit.begin()?;
        remove(table, &row)?;
        for principal in principals {
            remove(table, &principal)?;
        }
        let mut removed = 0;
        for (index, account) in accounts {
            remove(table, &index)?;
            let theirs = match self.records(table).link(&account)? {
                Read::Good(link) => link.user == id,
                Read::Foreign => true,
                Read::Nothing => false,
            };
            if theirs {
                remove(table, &rows::link(&account))?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// The rows of principals that this user has: one.
fn principals_of<R>(records: &Records<'_, R>, id: UserId) -> Result<Vec<Vec<u8>>, StoreError>
where
    R: ReadableTable<&'static [u8], &'static [u8]>,
{
    if let Read::Good(user) = records.user(id)? {
        return Ok(vec![rows::principal(&user.principal)]);
    }
    let mut found = Vec::new();
    records.walk(&[rows::PRINCIPALS], &[], |row, value| {
        if rows::id_of(value) == Some(id) {
            found.push(row.to_vec());
        }
        Ok(std::ops::ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// The rows of the index of this user's links.
fn indexed<R>(records: &Records<'_, R>, id: UserId) -> Result<Vec<(Vec<u8>, Account)>, StoreError>
where
    R: ReadableTable<&'static [u8], &'static [u8]>,
{
    let mut found = Vec::new();
    records.walk(&rows::by_user(id), &[], |row, _| {
        found.extend(rows::of_user_parts(row).map(|(_, _, account)| (row.to_vec(), account)));
        Ok(std::ops::ControlFlow::Continue(()))
    })?;
    Ok(found)
}

pub(super) fn put(table: &mut Rows<'_>, row: &[u8], value: &[u8]) -> Result<(), StoreError> {
    table.insert(row, value).map(drop).map_err(failed)
}

pub(super) fn remove(table: &mut Rows<'_>, row: &[u8]) -> Result<(), StoreError> {
    table.remove(row).map(drop).map_err(failed)
}
