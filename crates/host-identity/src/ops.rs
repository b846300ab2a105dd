//! The five functions. Each asks the gate first, then looks at its arguments, then at the rate, then at the store.

use std::sync::Arc;

use astrid_host_context::{Entry, Resource};

use crate::calling::{Asked, Calling};
use crate::op_table::{CREATE_USER, LINK, LIST_LINKS, MAY_ADMIN, MAY_LINK, MAY_RESOLVE, RESOLVE, UNLINK};
use crate::slug::candidates;
use crate::{
    Account, Change, DisplayName, Error, Found, IdentityCtxView, Link, Maker, Method, StoreError, User,
    UserId,
};

/// Links of one user. The contract's figure: more accounts than anybody has, few enough to list.
pub static LINKS_PER_USER: Resource = Resource { name: "identity.links-per-user", default: 256 };

/// Ids that are tried for a new user; each comes with two principals, the second of which nobody has by chance.
const TRIES: usize = 4;

impl IdentityCtxView<'_> {
    /// The user that an account belongs to, with the link.
    ///
    /// # Errors
    /// In this order: the capability `resolve`, a malformed argument, the rate, the store, no link.
    pub async fn resolve(&mut self, platform: &str, account: &str) -> Result<Arc<Found>, Error> {
        let entry = self.host.enter(&RESOLVE);
        let call = Calling::new(self.ctx, &entry);
        let asked = Asked { account: Some((platform, account)), ..Asked::default() };
        entry
            .run(async {
                call.permitted(MAY_RESOLVE, &asked)?;
                let account = Account::parse(platform, account)?;
                call.identities().rates.read(&entry)?;
                let found = call.identities().find(&account).await?.ok_or(Error::NotLinked)?;
                call.fact("user", || found.user.id.to_string());
                Ok(found)
            })
            .await
    }

    /// Links an account to a user.
    ///
    /// # Errors
    /// In this order: the capability `link`, a malformed argument, the rate, no such user, a protected user, the
    /// audit sink, an account that is linked already, [`LINKS_PER_USER`]; the store at any point.
    pub async fn link(
        &mut self,
        platform: &str,
        account: &str,
        user: &str,
        method: &str,
    ) -> Result<(), Error> {
        let entry = self.host.enter(&LINK);
        let call = Calling::new(self.ctx, &entry);
        let asked = Asked { account: Some((platform, account)), user: Some(user), method: Some(method) };
        // Whether a link is made must not be in doubt, so nothing is interrupted but what comes before.
        entry
            .run_to_end(async {
                call.permitted(MAY_LINK, &asked)?;
                let account = Account::parse(platform, account)?;
                let (user, method) = (UserId::parse(user)?, Method::parse(method)?);
                call.identities().rates.write(&entry)?;
                call.may_change(&call.user(user).await?.principal).await?;
                let limit = entry.limit(&LINKS_PER_USER);
                call.change(Change::Link { account, user, method, made_by: maker(&entry), limit }).await?;
                Ok(())
            })
            .await
    }

    /// Removes a link.
    ///
    /// # Errors
    /// In this order: the capability `link`, a malformed argument, the rate, no link, a protected owner, the
    /// audit sink; the store at any point.
    pub async fn unlink(&mut self, platform: &str, account: &str) -> Result<(), Error> {
        let entry = self.host.enter(&UNLINK);
        let call = Calling::new(self.ctx, &entry);
        let asked = Asked { account: Some((platform, account)), ..Asked::default() };
        entry
            .run_to_end(async {
                call.permitted(MAY_LINK, &asked)?;
                let account = Account::parse(platform, account)?;
                call.identities().rates.write(&entry)?;
                loop {
                    let (owner, user) = call.owner(&account).await?;
                    if let Some(user) = user {
                        call.may_change(&user.principal).await?;
                    }
                    match call.change(Change::Unlink { account: account.clone(), owner }).await {
                        // Somebody moved the account meanwhile, so the rule has to be asked about another user.
                        Err(Error::Store(StoreError::OtherOwner)) => {}
                        done => {
                            call.fact("user", || owner.to_string());
                            return done.map(drop);
                        }
                    }
                }
            })
            .await
    }

    /// Creates a user without any authority, and reserves a principal for it.
    ///
    /// # Errors
    /// In this order: the capability `admin`, a malformed name, the rate, the audit sink; the store at any point.
    pub async fn create_user(&mut self, display_name: Option<&str>) -> Result<UserId, Error> {
        let entry = self.host.enter(&CREATE_USER);
        let call = Calling::new(self.ctx, &entry);
        entry
            .run_to_end(async {
                call.permitted(MAY_ADMIN, &Asked::default())?;
                let display_name = display_name.map(DisplayName::parse).transpose()?;
                call.identities().rates.write(&entry)?;
                for id in std::iter::repeat_with(UserId::mint).take(TRIES) {
                    for principal in candidates(display_name.as_ref(), id) {
                        if call.is_taken(&principal).await? {
                            continue;
                        }
                        let user = User { id, principal, display_name: display_name.clone() };
                        match call.change(Change::CreateUser(user)).await {
                            Err(Error::Store(StoreError::PrincipalTaken)) => {}
                            done => {
                                call.fact("user", || id.to_string());
                                return done.map(|_| id);
                            }
                        }
                    }
                }
                Err(Error::NoPrincipal)
            })
            .await
    }

    /// A user's links, oldest first.
    ///
    /// # Errors
    /// In this order: the capability `link`, a malformed id, the rate, no such user; the store at any point.
    pub async fn list_links(&mut self, user: &str) -> Result<Vec<Link>, Error> {
        let entry = self.host.enter(&LIST_LINKS);
        let call = Calling::new(self.ctx, &entry);
        let asked = Asked { user: Some(user), ..Asked::default() };
        entry
            .run(async {
                call.permitted(MAY_LINK, &asked)?;
                let user = UserId::parse(user)?;
                call.identities().rates.read(&entry)?;
                let links = call.identities().links(user).await?.ok_or(StoreError::NoUser)?;
                call.fact("links", || links.len().to_string());
                Ok(links)
            })
            .await
    }
}

fn maker(entry: &Entry) -> Maker {
    let call = entry.call();
    Maker { principal: call.principal().cloned(), capsule: Some(call.capsule().clone()) }
}
