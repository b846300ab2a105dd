//! One call: who asks, in how much time, and what its records say.

use astrid_host_context::{Action, Attribution, Entry, Platform, Principal, Target};
use tokio::time::{Instant, timeout_at};

use crate::identities::soon;
use crate::op_table::{CHANGING, MAY_ADMIN};
use crate::{Change, Commit, Error, Identities, IdentityCtx, LinkPolicy, Method, StoreError, User, UserId};

/// A call on its way through the checks.
pub(crate) struct Calling<'a> {
    ctx: &'a IdentityCtx,
    entry: &'a Entry,
    deadline: Instant,
}

impl<'a> Calling<'a> {
    pub(crate) fn new(ctx: &'a IdentityCtx, entry: &'a Entry) -> Self {
        Self { ctx, entry, deadline: soon() }
    }

    pub(crate) fn identities(&self) -> &'a Identities {
        &self.ctx.identities
    }

    /// Asks the gate, after the record was told what of the arguments may be in it.
    pub(crate) fn permitted(&self, action: Action, asked: &Asked<'_>) -> Result<(), Error> {
        let allowed = self.entry.allow(action, Target::None);
        self.entry.fact("level", || action.verb.to_owned());
        asked.describe(self);
        Ok(allowed?)
    }

    pub(crate) fn fact(&self, name: &'static str, value: impl FnOnce() -> String) {
        self.entry.fact(name, value);
    }

    /// The user's record, who must be there.
    pub(crate) async fn user(&self, id: UserId) -> Result<User, Error> {
        let read = self.identities().ask(self.deadline, move |store| async move { store.user(id).await });
        Ok(self.entry.race(read).await??.ok_or(StoreError::NoUser)?)
    }

    /// The owner of an account, and the owner's record if there is one.
    pub(crate) async fn owner(&self, account: &crate::Account) -> Result<(UserId, Option<User>), Error> {
        let account = account.clone();
        let read = self.identities().ask(self.deadline, move |store| async move {
            let link = store.link(&account).await?.ok_or(StoreError::NoLink)?;
            Ok((link.user, store.user(link.user).await?))
        });
        Ok(self.entry.race(read).await??)
    }

    /// Whether this call may change the links of whoever has this principal.
    pub(crate) async fn may_change(&self, whose: &Principal) -> Result<(), Error> {
        let directory = &self.identities().directory;
        if self.is_proven(whose) {
            return Ok(());
        }
        let applies = match directory.link_policy() {
            LinkPolicy::SamePrincipal => true,
            LinkPolicy::Capability => {
                let judged = timeout_at(self.deadline, directory.is_protected(whose));
                self.entry.race(judged).await?.map_err(|_elapsed| Error::Directory)?
            }
        };
        if !applies || self.entry.allow(MAY_ADMIN, Target::None).is_ok() {
            return Ok(());
        }
        self.fact("security", || "the user's links are protected".to_owned());
        let call = self.entry.call();
        tracing::warn!(
            target: "astrid.security",
            capsule = call.capsule().as_str(),
            principal = call.principal().map(Principal::as_str),
            function = self.entry.op().function,
            "a capsule was kept from changing the links of a protected user; \
             [capabilities] identity = [\"admin\"] would let it",
        );
        Err(Error::Protected)
    }

    /// Whether the call is made for this principal and the host itself established that. A call that nobody's
    /// message caused is made for the capsule's owner, who knows nothing of it.
    fn is_proven(&self, whose: &Principal) -> bool {
        let call = self.entry.call();
        let proven = call.caller().map(|caller| &caller.provenance.attribution);
        call.principal() == Some(whose)
            && matches!(proven, Some(Attribution::Verified(who)) if who == whose)
            && !whose.is_anonymous()
    }

    pub(crate) async fn is_taken(&self, name: &Principal) -> Result<bool, Error> {
        let judged = timeout_at(self.deadline, self.identities().directory.is_taken(name));
        self.entry.race(judged).await?.map_err(|_elapsed| Error::Directory)
    }

    /// Makes a change that can be made up to the moment it is, with a record on disk before.
    pub(crate) async fn change(&self, change: Change) -> Result<u64, Error> {
        self.announce(&change).await?;
        let commit = Commit::new(&self.identities().clock);
        let mut making = std::pin::pin!(self.identities().change(change, commit.clone(), self.deadline));
        self.entry.call().admit()?;
        match self.entry.race(&mut making).await {
            Ok(made) => Ok(made?),
            Err(refusal) if commit.withdraw() => Err(refusal.into()),
            // It has begun, so how it ends is told, within the store's time.
            Err(_) => Ok(making.await?),
        }
    }

    async fn announce(&self, change: &Change) -> Result<(), Error> {
        self.entry.recordable()?;
        let (entry, number) = (self.entry, uuid::Uuid::new_v4());
        let before = Entry::new(entry.call(), entry.services(), &CHANGING);
        for record in [&before, entry] {
            record.fact("change", || number.to_string());
        }
        before.fact("function", || entry.op().function.to_owned());
        match change {
            Change::Link { account, user, method, .. } => {
                before.fact("platform", || account.platform.to_string());
                before.fact("account-blake3", || self.identities().digest(account.user.as_str()));
                before.fact("user", || user.to_string());
                before.fact("method", || method.as_str().to_owned());
            }
            Change::Unlink { account, owner } => {
                before.fact("platform", || account.platform.to_string());
                before.fact("account-blake3", || self.identities().digest(account.user.as_str()));
                before.fact("user", || owner.to_string());
            }
            Change::CreateUser(User { id, .. }) | Change::DeleteUser(id) => {
                before.fact("user", || id.to_string());
            }
        }
        if let Some(component) = &self.ctx.component {
            before.fact("component", || component.to_string());
        }
        before.run_now(|| Ok::<_, Error>(()))?;
        let written = timeout_at(self.deadline, entry.services().audit().written());
        // A sink that fails while it writes says so afterwards.
        entry.race(written).await?.map_err(|_elapsed| astrid_host_context::Refusal::AuditUnavailable)?;
        Ok(entry.recordable()?)
    }
}

/// A call's arguments as they came.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked<'a> {
    pub(crate) account: Option<(&'a str, &'a str)>,
    pub(crate) user: Option<&'a str>,
    pub(crate) method: Option<&'a str>,
}

impl Asked<'_> {
    /// What is well formed of them, accounts as digests. Names of people never come here.
    fn describe(&self, calling: &Calling<'_>) {
        let entry = calling.entry;
        if let Some(component) = &calling.ctx.component {
            entry.fact("component", || component.to_string());
        }
        if let Some((platform, account)) = self.account {
            if let Ok(platform) = Platform::parse(platform) {
                entry.fact("platform", || platform.to_string());
            }
            entry.fact("account-blake3", || calling.identities().digest(account));
        }
        if let Some(Ok(user)) = self.user.map(UserId::parse) {
            entry.fact("user", || user.to_string());
        }
        if let Some(Ok(method)) = self.method.map(Method::parse) {
            entry.fact("method", || method.as_str().to_owned());
        }
    }
}
