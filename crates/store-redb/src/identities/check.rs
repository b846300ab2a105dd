//! At every opening: indexes that say what the records say, and no links to users who are gone.

use std::ops::ControlFlow;

use astrid_host_identity::StoreError;
use redb::ReadableTable;

use super::change::{put, remove};
use super::records::{Read, Records};
use super::rows;
use super::thread::Engine;

/// Rows to be written and rows to be removed; none of either in a store that nobody touched.
#[derive(Debug, Default, PartialEq, Eq)]
struct Repairs {
    put: Vec<(Vec<u8>, Vec<u8>)>,
    remove: Vec<Vec<u8>>,
}

impl Engine {
    /// Walks all rows once. Records that this host did not write stay, are reported, and keep their place in the
    /// indexes, so that what they held is not given to anybody else. Says how many rows were written or removed.
    pub(super) fn check(&self) -> Result<u64, StoreError> {
        let repairs = self.read(|records| {
            let mut repairs = Repairs::default();
            links(records, &mut repairs)?;
            by_user(records, &mut repairs)?;
            users(records, &mut repairs)?;
            principals(records, &mut repairs)?;
            Ok(repairs)
        })?;
        if repairs == Repairs::default() {
            return Ok(0);
        }
        tracing::warn!(
            target: "astrid.identity",
            written = repairs.put.len(),
            removed = repairs.remove.len(),
            "the identity store's indexes did not agree with its records and were made anew"
        );
        self.write(|table| {
            repairs.remove.iter().try_for_each(|row| remove(table, row))?;
            repairs.put.iter().try_for_each(|(row, value)| put(table, row, value))
        })?;
        Ok(u64::try_from(repairs.remove.len() + repairs.put.len()).unwrap_or(u64::MAX))
    }
}

type Table<'a, R> = Records<'a, R>;

fn links<R>(records: &Table<'_, R>, repairs: &mut Repairs) -> Result<(), StoreError>
where
    R: ReadableTable<&'static [u8], &'static [u8]>,
{
    records.walk(&[rows::LINKS], &[], |row, value| {
        let link = rows::linked(row).and_then(|account| records.seal.open_link(row, value, account));
        let Some(link) = link else {
            records.reports.foreign("link", row);
            return Ok(ControlFlow::Continue(()));
        };
        let index = rows::of_user(link.user, link.linked_at, &link.account);
        if let Read::Nothing = records.user(link.user)? {
            repairs.remove.push(row.to_vec());
        } else if records.rows.get(&*index).map_err(super::records::failed)?.is_none() {
            repairs.put.push((index, Vec::new()));
        }
        Ok(ControlFlow::Continue(()))
    })
}

fn by_user<R>(records: &Table<'_, R>, repairs: &mut Repairs) -> Result<(), StoreError>
where
    R: ReadableTable<&'static [u8], &'static [u8]>,
{
    records.walk(&[rows::BY_USER], &[], |row, _| {
        let counts = match rows::of_user_parts(row) {
            None => false,
            Some((id, at, account)) => match records.link(&account)? {
                Read::Nothing => false,
                Read::Foreign => true,
                Read::Good(link) => {
                    let gone = matches!(records.user(id)?, Read::Nothing);
                    link.user == id && link.linked_at == at && !gone
                }
            },
        };
        if !counts {
            repairs.remove.push(row.to_vec());
        }
        Ok(ControlFlow::Continue(()))
    })
}

fn users<R>(records: &Table<'_, R>, repairs: &mut Repairs) -> Result<(), StoreError>
where
    R: ReadableTable<&'static [u8], &'static [u8]>,
{
    records.walk(&[rows::USERS], &[], |row, value| {
        let user = rows::listed(row).and_then(|id| records.seal.open_user(row, value, id));
        let Some(user) = user else {
            records.reports.foreign("user", row);
            return Ok(ControlFlow::Continue(()));
        };
        let index = rows::principal(&user.principal);
        match records.who_has(&index)? {
            Some(id) if id == user.id => {}
            // Whoever is the rightful one keeps it; a second record of one principal is nothing this host writes.
            Some(other) if has(records, other, &user.principal)? => records.reports.foreign("user", row),
            _ => repairs.put.push((index, rows::id_bytes(user.id).to_vec())),
        }
        Ok(ControlFlow::Continue(()))
    })
}

fn principals<R>(records: &Table<'_, R>, repairs: &mut Repairs) -> Result<(), StoreError>
where
    R: ReadableTable<&'static [u8], &'static [u8]>,
{
    records.walk(&[rows::PRINCIPALS], &[], |row, value| {
        let counts = match rows::id_of(value).map(|id| records.user(id)).transpose()? {
            None | Some(Read::Nothing) => false,
            Some(Read::Foreign) => true,
            Some(Read::Good(user)) => rows::principal(&user.principal) == row,
        };
        if !counts {
            repairs.remove.push(row.to_vec());
        }
        Ok(ControlFlow::Continue(()))
    })
}

fn has<R>(
    records: &Table<'_, R>,
    id: astrid_host_identity::UserId,
    principal: &astrid_host_context::Principal,
) -> Result<bool, StoreError>
where
    R: ReadableTable<&'static [u8], &'static [u8]>,
{
    Ok(matches!(records.user(id)?, Read::Good(user) if user.principal == *principal))
}
