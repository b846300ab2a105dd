//! What a row says: a tag, then JSON of a version.

use astrid_host_context::CapsuleId;
use astrid_host_identity::{Account, DisplayName, Link, Maker, Method, Stamp, User, UserId};
use serde::{Deserialize, Serialize};

/// The version that is written and read. A higher one is a record that this program did not write.
const VERSION: u32 = 1;
const TAG: usize = blake3::OUT_LEN;

/// The key of the tags.
pub(super) struct Seal([u8; blake3::KEY_LEN]);

#[derive(Serialize, Deserialize)]
struct StoredUser {
    v: u32,
    principal: String,
    display_name: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredLink {
    v: u32,
    user_id: String,
    /// Milliseconds after 1970.
    linked_at: u64,
    method: String,
    by_principal: Option<String>,
    by_capsule: Option<String>,
}

impl Seal {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(blake3::derive_key("astrid-store-redb 2026-11 tags of identity records", key))
    }

    pub(super) fn user(&self, row: &[u8], user: &User) -> Vec<u8> {
        let display_name = user.display_name.as_ref().map(|name| name.as_str().to_owned());
        self.sealed(row, &StoredUser { v: VERSION, principal: user.principal.to_string(), display_name })
    }

    pub(super) fn link(&self, row: &[u8], link: &Link) -> Vec<u8> {
        let stored = StoredLink {
            v: VERSION,
            user_id: link.user.to_string(),
            linked_at: link.linked_at.as_millis(),
            method: link.method.as_str().to_owned(),
            by_principal: link.made_by.principal.as_ref().map(ToString::to_string),
            by_capsule: link.made_by.capsule.as_ref().map(CapsuleId::to_string),
        };
        self.sealed(row, &stored)
    }

    /// The user of a row; `None` if it is not what this host wrote there.
    pub(super) fn open_user(&self, row: &[u8], value: &[u8], id: UserId) -> Option<User> {
        let stored: StoredUser = self.opened(row, value)?;
        let display_name = match stored.display_name {
            Some(name) => Some(DisplayName::parse(&name).ok()?),
            None => None,
        };
        (stored.v == VERSION).then_some(User { id, principal: stored.principal.parse().ok()?, display_name })
    }

    /// The link of a row; `None` if it is not what this host wrote there.
    pub(super) fn open_link(&self, row: &[u8], value: &[u8], account: Account) -> Option<Link> {
        let stored: StoredLink = self.opened(row, value)?;
        let made_by = Maker {
            principal: stored.by_principal.and_then(|name| name.parse().ok()),
            capsule: stored.by_capsule.and_then(|name| name.parse().ok()),
        };
        (stored.v == VERSION).then_some(Link {
            account,
            user: UserId::parse(&stored.user_id).ok()?,
            linked_at: Stamp::from_millis(stored.linked_at),
            method: Method::parse(&stored.method).ok()?,
            made_by,
        })
    }

    fn sealed(&self, row: &[u8], stored: &impl Serialize) -> Vec<u8> {
        // Nothing of what is stored cannot be written as JSON; if it were, the row would not open.
        let body = serde_json::to_vec(stored).unwrap_or_default();
        let mut value = self.tag(row, &body).as_bytes().to_vec();
        value.extend(body);
        value
    }

    fn opened<'v, T: Deserialize<'v>>(&self, row: &[u8], value: &'v [u8]) -> Option<T> {
        let (tag, body) = value.split_first_chunk::<TAG>()?;
        // Compared in constant time.
        if self.tag(row, body) != blake3::Hash::from_bytes(*tag) {
            return None;
        }
        serde_json::from_slice(body).ok()
    }

    /// Over the row's key too, so that a record cannot be put in another's place.
    fn tag(&self, row: &[u8], body: &[u8]) -> blake3::Hash {
        let length = u64::try_from(row.len()).unwrap_or(u64::MAX).to_le_bytes();
        blake3::Hasher::new_keyed(&self.0).update(&length).update(row).update(body).finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identities::rows;

    fn link() -> Link {
        Link {
            account: Account::parse("chat", "a").unwrap(),
            user: UserId::mint(),
            linked_at: Stamp::from_millis(5),
            method: Method::parse("token").unwrap(),
            made_by: Maker { principal: "bob".parse().ok(), capsule: "bridge".parse().ok() },
        }
    }

    #[test]
    fn a_record_opens_in_its_own_row_with_its_own_key_and_as_it_was_alone() {
        let (seal, link) = (Seal::new(&[1; 32]), link());
        let row = rows::link(&link.account);
        let value = seal.link(&row, &link);
        let open = |seal: &Seal, row: &[u8], value: &[u8]| seal.open_link(row, value, link.account.clone());
        assert_eq!(open(&seal, &row, &value), Some(link.clone()));
        assert_eq!(open(&Seal::new(&[2; 32]), &row, &value), None);
        let other = Account::parse("chat", "b").unwrap();
        assert_eq!(open(&seal, &rows::link(&other), &value), None);
        for at in 0..value.len() {
            let mut flipped = value.clone();
            flipped[at] ^= 1;
            assert_eq!(open(&seal, &row, &flipped), None, "byte {at}");
            assert_eq!(open(&seal, &row, &value[..at]), None);
        }
    }

    #[test]
    fn a_record_of_a_later_version_is_not_read_as_one_of_this() {
        let (seal, row) = (Seal::new(&[1; 32]), rows::user(UserId::mint()));
        let later = StoredUser { v: 2, principal: "ada".to_owned(), display_name: None };
        assert!(seal.open_user(&row, &seal.sealed(&row, &later), UserId::mint()).is_none());
    }
}
