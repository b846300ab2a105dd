//! What all stores of a host share: who is whose, and how busy that store is.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use astrid_host_context::Principal;
use tokio::time::Instant;

use crate::cache::Cache;
use crate::calls::Calls;
use crate::rates::Rates;
use crate::{
    Account, Answer, Change, Clock, Commit, DisplayName, Found, IdentityStore, Link, PrincipalDirectory,
    STORE_BUDGET, StoreError, User, UserId,
};

/// Users and links behind one cache and one bound on the store, with what the kernel knows of principals. One a
/// host: what changes past it is seen late.
pub struct Identities {
    store: Arc<dyn IdentityStore>,
    pub(crate) directory: Arc<dyn PrincipalDirectory>,
    cache: Arc<Cache>,
    calls: Calls,
    pub(crate) rates: Rates,
    pub(crate) clock: Clock,
    audit_key: [u8; 32],
}

/// Builds [`Identities`].
#[derive(Debug)]
pub struct IdentitiesBuilder(Identities);

impl Identities {
    /// Users and links that `store` keeps, of principals that `directory` knows.
    #[must_use]
    pub fn builder(
        store: Arc<dyn IdentityStore>,
        directory: Arc<dyn PrincipalDirectory>,
    ) -> IdentitiesBuilder {
        let random = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(uuid::Uuid::into_bytes).concat();
        IdentitiesBuilder(Self {
            store,
            directory,
            cache: Arc::default(),
            calls: Calls::default(),
            rates: Rates::default(),
            clock: Arc::new(SystemTime::now),
            audit_key: blake3::derive_key("astrid identity 2026-11 audit key of a process", &random),
        })
    }

    /// Whose an account is, for kernels: without a gate, a rate or a record. `None` is an account that is not
    /// linked. An answer may be 5 seconds old, but never older than a change that was acknowledged.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn find(&self, account: &Account) -> Result<Option<Arc<Found>>, StoreError> {
        if let Some(known) = self.cache.get(account) {
            return Ok(known);
        }
        let mark = self.cache.mark();
        let wanted = account.clone();
        let found = self.ask(soon(), |store| async move { store.find(&wanted).await }).await?.map(Arc::new);
        self.cache.keep(account.clone(), mark, found.clone());
        Ok(found)
    }

    /// Users by id, `limit` at most, after the one given; for operators.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<User>, StoreError> {
        self.ask(soon(), move |store| async move { store.users(after, limit).await }).await
    }

    /// A user's links, oldest first; `None` without such a user. For operators.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn links(&self, id: UserId) -> Result<Option<Vec<Link>>, StoreError> {
        self.ask(soon(), move |store| async move { store.links(id).await }).await
    }

    /// Adds a user whose accounts speak for a principal that may exist, which no guest can do; for operators.
    ///
    /// # Errors
    /// The principal has a user, or is the anonymous one; the store does not answer.
    pub async fn register(
        &self,
        principal: Principal,
        display_name: Option<DisplayName>,
    ) -> Result<UserId, StoreError> {
        if principal.is_anonymous() {
            return Err(StoreError::PrincipalTaken);
        }
        let id = UserId::mint();
        let user = User { id, principal, display_name };
        self.change(Change::CreateUser(user), Commit::new(&self.clock), soon()).await?;
        Ok(id)
    }

    /// Removes a user with all its links, and says how many these were; for operators. Its principal, and what
    /// that has, stay.
    ///
    /// # Errors
    /// There is no such user, or the store does not answer.
    pub async fn delete(&self, id: UserId) -> Result<u64, StoreError> {
        self.change(Change::DeleteUser(id), Commit::new(&self.clock), soon()).await
    }

    /// One read of the store.
    pub(crate) async fn ask<T: Send + 'static, F>(
        &self,
        deadline: Instant,
        read: impl FnOnce(Arc<dyn IdentityStore>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        self.calls.run(deadline, read(self.store.clone())).await
    }

    /// One change of the store, withdrawn when this is dropped or takes too long before it begins.
    pub(crate) async fn change(
        &self,
        change: Change,
        commit: Commit,
        deadline: Instant,
    ) -> Result<u64, StoreError> {
        let (store, cache, wanted) = (self.store.clone(), self.cache.clone(), Wanted(commit.clone()));
        let work = async move {
            let changing: Answer<'_, u64> = store.change(change, commit);
            let done = changing.await;
            // Also after a failure, of which nobody knows what it left.
            cache.forget();
            done
        };
        match self.calls.run(deadline, work).await {
            Err(StoreError::TooSlow) if !wanted.0.withdraw() => Err(StoreError::InDoubt),
            done => done,
        }
    }

    /// How records name an account: the same account by the same text, which nobody without the key can make.
    pub(crate) fn digest(&self, platform_user: &str) -> String {
        blake3::keyed_hash(&self.audit_key, platform_user.as_bytes()).to_hex().to_string()
    }
}

/// Whoever waits for a change. When it is gone before the change begins, so is the change.
struct Wanted(Commit);

impl Drop for Wanted {
    fn drop(&mut self) {
        let _ = self.0.withdraw();
    }
}

/// When a call of the store that begins now has had its time.
pub(crate) fn soon() -> Instant {
    Instant::now() + STORE_BUDGET
}

impl IdentitiesBuilder {
    /// The key of the digests that stand for accounts in records. A kernel that keeps one tells records of one
    /// account by it across restarts. Default: a random one.
    #[must_use]
    pub fn audit_key(mut self, key: [u8; 32]) -> Self {
        self.0.audit_key = key;
        self
    }

    /// What tells when links are made. Default: the system's clock.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.0.clock = clock;
        self
    }

    /// The finished value.
    #[must_use]
    pub fn build(self) -> Arc<Identities> {
        Arc::new(self.0)
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is remembered names accounts, which are not for logs.
        f.debug_struct("Identities").finish_non_exhaustive()
    }
}
