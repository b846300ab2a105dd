//! What an operator's tools ask of a runtime about users and their links.

use std::sync::Arc;

use astrid_host_context::{Audit, Op, Principal};
use astrid_host_identity::{DisplayName, Identities, Link, StoreError, User, UserId};

use super::{Runtime, events};
use crate::{CapsuleError, Code};

/// An operator added a user.
static ADD: Op = Op::new("identity", "operator-add-user", Audit::Record);
/// An operator deleted a user.
static DELETE: Op = Op::new("identity", "operator-delete-user", Audit::Record);

/// Users read at a time.
const PAGE: usize = 256;

/// A user of the host with everything that is linked to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedUser {
    /// The user.
    pub user: User,
    /// Its accounts, oldest first.
    pub links: Vec<Link>,
}

impl Runtime {
    /// The users of this host with their links, by id.
    ///
    /// # Errors
    /// The identity store does not answer.
    pub async fn users(&self) -> Result<Vec<LinkedUser>, CapsuleError> {
        let identities = self.identities();
        let (mut users, mut after) = (Vec::new(), None);
        loop {
            let page = identities.users(after, PAGE).await.map_err(CapsuleError::host)?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|user| user.id);
            for user in page {
                let links = identities.links(user.id).await.map_err(CapsuleError::host)?;
                // One that was deleted meanwhile is none any more.
                users.extend(links.map(|links| LinkedUser { user, links }));
            }
            if is_last {
                return Ok(users);
            }
        }
    }

    /// Adds a user whose accounts speak for `principal`: the way to link accounts to principals that an operator
    /// made, which no capsule can do by itself. Whoever creates users through a capsule gets a principal of their
    /// own.
    ///
    /// # Errors
    /// A name is not valid, the principal has a user, or the identity store does not answer.
    pub async fn add_user(
        &self,
        principal: &str,
        display_name: Option<&str>,
    ) -> Result<UserId, CapsuleError> {
        let principal = Principal::parse(principal).map_err(CapsuleError::host)?;
        let name = display_name.map(DisplayName::parse).transpose().map_err(CapsuleError::host)?;
        let added = self.identities().register(principal.clone(), name).await;
        let id = added.map_err(|error| match error {
            StoreError::PrincipalTaken => CapsuleError::host(format!(
                "principal '{principal}' cannot have another user; allowed: one for each principal but anonymous"
            )),
            error => CapsuleError::host(error),
        })?;
        let facts = vec![("user", id.to_string()), ("of", principal.to_string())];
        events::record(&self.0.services, &self.0.owner, &ADD, facts);
        Ok(id)
    }

    /// Removes a user with its links, and says how many these were. The next message of its accounts finds nobody.
    /// What its principal has, stays.
    ///
    /// # Errors
    /// [`Code::NotFound`] without such a user; the id is no UUID, or the identity store does not answer.
    pub async fn delete_user(&self, id: &str) -> Result<u64, CapsuleError> {
        let id = UserId::parse(id).map_err(CapsuleError::host)?;
        let links = self.identities().delete(id).await.map_err(|error| match error {
            StoreError::NoUser => CapsuleError::new(Code::NotFound, format!("there is no user {id}")),
            error => CapsuleError::host(error),
        })?;
        let facts = vec![("user", id.to_string()), ("links", links.to_string())];
        events::record(&self.0.services, &self.0.owner, &DELETE, facts);
        Ok(links)
    }

    /// The users of this host, for tools of one's own.
    #[must_use]
    pub fn identities(&self) -> &Arc<Identities> {
        &self.0.users.identities
    }
}
