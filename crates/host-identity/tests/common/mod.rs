//! A host with nothing but this package: capsule `fake` called for alice, and a store in memory.

use std::sync::Arc;
use std::time::SystemTime;

use astrid_host_context::{Attribution, Caller, HostContext, HostCx, Provenance, Resource, Trail, Uuid};
use astrid_host_identity::v1_0::bindings::astrid::identity::host::{
    ErrorCode, Host, IdentityCreateUserRequest, IdentityLinkRequest, IdentityResolveRequest,
    IdentityUnlinkRequest, PlatformLink,
};
use astrid_host_identity::{
    Account, Answer, Change, Commit, Found, Identities, IdentityCtx, IdentityCtxView, IdentityStore,
    IdentityView, Link, ListedPrincipals, MemoryIdentities, READS_PER_SECOND, User, UserId,
    WRITES_PER_SECOND,
};
use astrid_host_testkit::{FakeHost, FakeHostBuilder};

/// What a store's data holds.
pub(crate) struct State {
    pub(crate) fake: FakeHost,
    pub(crate) ctx: IdentityCtx,
}

impl HostContext for State {
    fn host(&mut self) -> HostCx<'_> {
        self.fake.cx()
    }
}

impl IdentityView for State {
    fn identity(&mut self) -> IdentityCtxView<'_> {
        IdentityCtxView { ctx: &mut self.ctx, host: self.fake.cx() }
    }
}

pub(crate) fn memory() -> Arc<Identities> {
    with(ListedPrincipals::new())
}

pub(crate) fn with(directory: ListedPrincipals) -> Arc<Identities> {
    Identities::builder(Arc::new(MemoryIdentities::new()), Arc::new(directory)).build()
}

/// A host whose rates are in nobody's way.
pub(crate) fn fast() -> FakeHostBuilder {
    const FAST: u64 = 1_000_000;
    let limit = |fake: FakeHostBuilder, rate: &'static Resource| fake.limit(rate, FAST);
    limit(limit(FakeHost::builder(), &READS_PER_SECOND), &WRITES_PER_SECOND)
}

pub(crate) fn on(identities: &Arc<Identities>, fake: FakeHostBuilder) -> State {
    State { fake: fake.build(), ctx: IdentityCtx::builder(identities.clone()).component("c0ffee").build() }
}

/// A message whose principal the host proved.
pub(crate) fn proven(who: &str) -> Caller {
    caller(Attribution::Verified(who.parse().unwrap()))
}

pub(crate) fn caller(attribution: Attribution) -> Caller {
    let (at, trail) = (SystemTime::now(), Trail::default());
    Caller { provenance: Provenance::of(attribution), source: Uuid::nil(), at, trail }
}

impl State {
    pub(crate) async fn create(&mut self, name: Option<&str>) -> Result<String, ErrorCode> {
        let request = IdentityCreateUserRequest { display_name: name.map(str::to_owned) };
        Ok(Host::identity_create_user(&mut self.identity(), request).await?.user_id)
    }

    pub(crate) async fn link(&mut self, platform: &str, id: &str, user: &str) -> Result<(), ErrorCode> {
        self.link_by(platform, id, user, "chat_command").await
    }

    pub(crate) async fn link_by(
        &mut self,
        platform: &str,
        id: &str,
        user: &str,
        method: &str,
    ) -> Result<(), ErrorCode> {
        let [platform, platform_user_id, astrid_user_id, method] =
            [platform, id, user, method].map(str::to_owned);
        let request = IdentityLinkRequest { platform, platform_user_id, astrid_user_id, method };
        Host::identity_link(&mut self.identity(), request).await
    }

    pub(crate) async fn unlink(&mut self, platform: &str, id: &str) -> Result<(), ErrorCode> {
        let [platform, platform_user_id] = [platform, id].map(str::to_owned);
        Host::identity_unlink(&mut self.identity(), IdentityUnlinkRequest { platform, platform_user_id })
            .await
    }

    /// The user's id and name.
    pub(crate) async fn resolve(
        &mut self,
        platform: &str,
        id: &str,
    ) -> Result<(String, Option<String>), ErrorCode> {
        let [platform, platform_user_id] = [platform, id].map(str::to_owned);
        let request = IdentityResolveRequest { platform, platform_user_id };
        let found = Host::identity_resolve(&mut self.identity(), request).await?;
        Ok((found.user_id, found.display_name))
    }

    pub(crate) async fn list(&mut self, user: &str) -> Result<Vec<PlatformLink>, ErrorCode> {
        Host::identity_list_links(&mut self.identity(), user.to_owned()).await
    }

    /// What each of the five functions says to arguments that are not well formed.
    pub(crate) async fn nonsense(&mut self) -> [Option<ErrorCode>; 5] {
        [
            self.resolve("", "").await.err(),
            self.link_by("", "", "x", "").await.err(),
            self.unlink("", "").await.err(),
            self.create(Some("")).await.err(),
            self.list("x").await.err(),
        ]
    }
}

/// The principal of a user.
pub(crate) async fn principal(identities: &Identities, id: &str) -> String {
    let id = UserId::parse(id).unwrap();
    let users = identities.users(None, 1000).await.unwrap();
    users.into_iter().find(|user| user.id == id).unwrap().principal.to_string()
}

/// A store in memory whose every call waits for `before`, or fails.
pub(crate) struct Slowly<F> {
    pub(crate) inner: Arc<MemoryIdentities>,
    pub(crate) before: F,
}

impl<F, W> IdentityStore for Slowly<F>
where
    F: Fn(&'static str) -> W + Send + Sync,
    W: Future<Output = ()> + Send,
{
    fn find<'a>(&'a self, account: &'a Account) -> Answer<'a, Option<Found>> {
        Box::pin(async move {
            (self.before)("find").await;
            self.inner.find(account).await
        })
    }

    fn link<'a>(&'a self, account: &'a Account) -> Answer<'a, Option<Link>> {
        Box::pin(async move {
            (self.before)("link").await;
            self.inner.link(account).await
        })
    }

    fn user(&self, id: UserId) -> Answer<'_, Option<User>> {
        Box::pin(async move {
            (self.before)("user").await;
            self.inner.user(id).await
        })
    }

    fn links(&self, id: UserId) -> Answer<'_, Option<Vec<Link>>> {
        Box::pin(async move {
            (self.before)("links").await;
            self.inner.links(id).await
        })
    }

    fn users(&self, after: Option<UserId>, limit: usize) -> Answer<'_, Vec<User>> {
        Box::pin(async move {
            (self.before)("users").await;
            self.inner.users(after, limit).await
        })
    }

    fn change(&self, change: Change, commit: Commit) -> Answer<'_, u64> {
        Box::pin(async move {
            (self.before)("change").await;
            self.inner.change(change, commit).await
        })
    }
}

pub(crate) fn denied<T>(answer: &Result<T, ErrorCode>) -> bool {
    matches!(answer, Err(ErrorCode::CapabilityDenied))
}
