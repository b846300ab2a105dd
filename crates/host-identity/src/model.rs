//! What a store holds: users, and the accounts that are theirs.

use astrid_host_context::{CapsuleId, InvalidText, Platform, PlatformUser, Principal};

use crate::{DisplayName, Method, Stamp, UserId};

/// An account on an outside platform.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account {
    /// The platform, normalised.
    pub platform: Platform,
    /// The account there, as it was given.
    pub user: PlatformUser,
}

impl Account {
    /// Checks both parts, the platform first.
    ///
    /// # Errors
    /// What is wrong with the first that is not well formed.
    pub fn parse(platform: &str, user: &str) -> Result<Self, InvalidText> {
        Ok(Self { platform: Platform::parse(platform)?, user: PlatformUser::parse(user)? })
    }
}

/// A user of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The principal that its accounts speak for, which no other user has.
    pub principal: Principal,
    /// What people call it.
    pub display_name: Option<DisplayName>,
}

/// Who made a link. Neither is known of one that an operator made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Maker {
    /// For whom the capsule was called.
    pub principal: Option<Principal>,
    /// Through which capsule.
    pub capsule: Option<CapsuleId>,
}

/// An account that belongs to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The account.
    pub account: Account,
    /// Whose it is.
    pub user: UserId,
    /// Since when.
    pub linked_at: Stamp,
    /// How that was proven.
    pub method: Method,
    /// Who made the link.
    pub made_by: Maker,
}

/// An account's link with the user it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The link.
    pub link: Link,
    /// The user.
    pub user: User,
}

/// The order of the contract: by time, then platform, then account.
pub fn sort(links: &mut [Link]) {
    links.sort_by(|a, b| (a.linked_at, &a.account).cmp(&(b.linked_at, &b.account)));
}
