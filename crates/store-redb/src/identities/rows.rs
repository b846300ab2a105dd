//! Row keys. Every part but the last has a length that the key tells, so no text can be taken for two.

use astrid_host_context::{Principal, Uuid};
use astrid_host_identity::{Account, Stamp, UserId};

pub(super) const LINKS: u8 = b'L';
pub(super) const USERS: u8 = b'U';
pub(super) const BY_USER: u8 = b'R';
pub(super) const PRINCIPALS: u8 = b'S';

/// A link.
pub(super) fn link(account: &Account) -> Vec<u8> {
    let mut row = vec![LINKS];
    put_account(&mut row, account);
    row
}

/// A user.
pub(super) fn user(id: UserId) -> Vec<u8> {
    let mut row = vec![USERS];
    row.extend(id_bytes(id));
    row
}

/// What the rows of a user's links begin with.
pub(super) fn by_user(id: UserId) -> Vec<u8> {
    let mut row = vec![BY_USER];
    row.extend(id_bytes(id));
    row
}

/// One of a user's links.
pub(super) fn of_user(id: UserId, at: Stamp, account: &Account) -> Vec<u8> {
    let mut row = by_user(id);
    row.extend(at.as_millis().to_be_bytes());
    put_account(&mut row, account);
    row
}

/// Who has a principal.
pub(super) fn principal(name: &Principal) -> Vec<u8> {
    let mut row = vec![PRINCIPALS];
    row.extend(name.as_str().as_bytes());
    row
}

pub(super) fn id_bytes(id: UserId) -> [u8; 16] {
    id.uuid().as_u128().to_be_bytes()
}

pub(super) fn id_of(bytes: &[u8]) -> Option<UserId> {
    let bytes = bytes.try_into().ok()?;
    Some(UserId::of(Uuid::from_u128(u128::from_be_bytes(bytes))))
}

/// The account of an `L` row.
pub(super) fn linked(row: &[u8]) -> Option<Account> {
    account(row.strip_prefix(&[LINKS])?)
}

/// The parts of an `R` row.
pub(super) fn of_user_parts(row: &[u8]) -> Option<(UserId, Stamp, Account)> {
    let (id, rest) = row.strip_prefix(&[BY_USER])?.split_first_chunk::<16>()?;
    let (at, rest) = rest.split_first_chunk::<8>()?;
    Some((id_of(id)?, Stamp::from_millis(u64::from_be_bytes(*at)), account(rest)?))
}

/// The user of a `U` row.
pub(super) fn listed(row: &[u8]) -> Option<UserId> {
    id_of(row.strip_prefix(&[USERS])?)
}

fn put_account(row: &mut Vec<u8>, account: &Account) {
    let platform = account.platform.as_str().as_bytes();
    // At most 64 bytes, by the grammar.
    row.extend(u16::try_from(platform.len()).unwrap_or(u16::MAX).to_be_bytes());
    row.extend(platform);
    row.extend(account.user.as_str().as_bytes());
}

fn account(bytes: &[u8]) -> Option<Account> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (platform, user) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    Account::parse(std::str::from_utf8(platform).ok()?, std::str::from_utf8(user).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gives_back_what_it_was_made_of() {
        let (id, at) = (UserId::mint(), Stamp::from_millis(1_767_323_045_678));
        for (platform, user) in [("a", "b/c"), ("a.b", "c"), ("x", "é \u{1f980}|L"), (&*"p".repeat(64), "1")]
        {
            let account = Account::parse(platform, user).unwrap();
            assert_eq!(linked(&link(&account)), Some(account.clone()));
            assert_eq!(of_user_parts(&of_user(id, at, &account)), Some((id, at, account)));
        }
        assert_eq!(listed(&super::user(id)), Some(id));
    }

    #[test]
    fn a_row_that_is_cut_or_of_another_family_is_none() {
        let row = link(&Account::parse("chat", "a").unwrap());
        for end in 0..row.len() {
            assert_eq!(linked(&row[..end]), None);
        }
        assert_eq!((of_user_parts(&row), listed(&row), linked(b"U")), (None, None, None));
    }
}
