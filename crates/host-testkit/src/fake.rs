//! A host context for tests.

use std::sync::Arc;
use std::time::Duration;

use astrid_host_context::{
    Action, Budgets, CallContext, CallContextBuilder, CallKind, CallSlot, Caller, Cancellation, CapsuleId,
    HostContext, HostCx, HostServices, Principal, Resource, Uuid,
};
use parking_lot::Mutex;
use tokio::time::Instant;
use wasmtime::component::ResourceTable;

use crate::Recorder;

/// A [`HostContext`] without a kernel. Put it into a store's data beside the domain's state, or use
/// [`FakeHost::cx`] to call a view directly.
#[derive(Debug)]
pub struct FakeHost {
    call: CallSlot,
    services: HostServices,
    table: ResourceTable,
    recorder: Arc<Recorder>,
    capsule: Cancellation,
}

impl FakeHost {
    /// Principal `alice`, capsule `fake`, default budgets, everything allowed, nothing cancelled, no deadline.
    #[must_use]
    pub fn builder() -> FakeHostBuilder {
        FakeHostBuilder::default()
    }

    /// The view's third part.
    pub fn cx(&mut self) -> HostCx<'_> {
        HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
    }

    /// What the services were asked and told.
    #[must_use]
    pub fn recorder(&self) -> &Arc<Recorder> {
        &self.recorder
    }

    /// The services, to build a second host that shares them.
    #[must_use]
    pub fn services(&self) -> &HostServices {
        &self.services
    }

    /// The token of the principal's calls; `retire` or `cancel` it.
    #[must_use]
    pub fn cancellation(&self) -> Cancellation {
        self.call.cancellation().clone()
    }

    /// The capsule's own token, parent of every principal's.
    #[must_use]
    pub fn capsule_cancellation(&self) -> Cancellation {
        self.capsule.clone()
    }

    /// The call in force.
    #[must_use]
    pub fn call(&self) -> &CallContext {
        &self.call
    }

    /// Changes the call in force, as a kernel does between invocations.
    pub fn set_call(&mut self, change: impl FnOnce(CallContextBuilder) -> CallContextBuilder) {
        let next = change(self.call.to_builder()).build();
        self.call.replace(next);
    }

    /// Serves `principal` from now on, under a fresh child token of the capsule's.
    pub fn serve(&mut self, principal: &str) {
        let principal = name(principal);
        let token = self.capsule.child();
        self.set_call(|call| call.principal(principal).cancellation(token));
    }
}

impl HostContext for FakeHost {
    fn host(&mut self) -> HostCx<'_> {
        self.cx()
    }
}

/// Builds a [`FakeHost`].
#[derive(Debug)]
pub struct FakeHostBuilder {
    principal: Option<String>,
    capsule: String,
    kind: CallKind,
    caller: Option<Caller>,
    timeout: Option<Duration>,
    recorder: Recorder,
    budgets: Budgets,
    uuid: Uuid,
}

impl Default for FakeHostBuilder {
    fn default() -> Self {
        Self {
            principal: Some("alice".to_owned()),
            capsule: "fake".to_owned(),
            kind: CallKind::Interceptor,
            caller: None,
            timeout: None,
            recorder: Recorder::default(),
            budgets: Budgets::new(),
            uuid: Uuid::from_u128(0xfa4e),
        }
    }
}

impl FakeHostBuilder {
    /// The effective principal.
    #[must_use]
    pub fn principal(mut self, name: &str) -> Self {
        self.principal = Some(name.to_owned());
        self
    }

    /// A capsule that nobody owns.
    #[must_use]
    pub fn no_principal(mut self) -> Self {
        self.principal = None;
        self
    }

    /// The capsule's id.
    #[must_use]
    pub fn capsule(mut self, id: &str) -> Self {
        id.clone_into(&mut self.capsule);
        self
    }

    /// The capsule's session id.
    #[must_use]
    pub fn capsule_uuid(mut self, uuid: Uuid) -> Self {
        self.uuid = uuid;
        self
    }

    /// Handler (the default) or run loop.
    #[must_use]
    pub fn kind(mut self, kind: CallKind) -> Self {
        self.kind = kind;
        self
    }

    /// The message being served.
    #[must_use]
    pub fn caller(mut self, caller: Caller) -> Self {
        self.caller = Some(caller);
        self
    }

    /// The deadline, from the moment of `build`.
    #[must_use]
    pub fn timeout(mut self, after: Duration) -> Self {
        self.timeout = Some(after);
        self
    }

    /// Denies an action; on every target, or only on the one whose [`describe`](astrid_host_context::Target::describe) text is given
    /// after `key:`, `path:`, `topic:` or bare.
    #[must_use]
    pub fn deny(mut self, action: Action, target: &str) -> Self {
        let bare = ["key:", "path:", "topic:"].iter().find_map(|p| target.strip_prefix(p)).unwrap_or(target);
        self.recorder.denied.push((action, (bare != "*").then(|| bare.to_owned())));
        self
    }

    /// Sets a budget.
    #[must_use]
    pub fn limit(mut self, resource: &'static Resource, limit: u64) -> Self {
        self.budgets = self.budgets.with_limit(resource, limit);
        self
    }

    /// The finished host.
    ///
    /// # Panics
    /// If a name is not valid: a test's own mistake.
    #[must_use]
    pub fn build(self) -> FakeHost {
        let Self { principal, capsule, kind, caller, timeout, mut recorder, budgets, uuid } = self;
        recorder.budgets = Mutex::new(budgets);
        let recorder = Arc::new(recorder);
        let token = Cancellation::new();
        let mut call = CallContext::builder(capsule_id(&capsule))
            .capsule_uuid(uuid)
            .kind(kind)
            .caller(caller)
            .cancellation(token.child())
            .deadline(timeout.map(|after| Instant::now() + after));
        if let Some(principal) = principal {
            call = call.principal(name(&principal));
        }
        FakeHost {
            call: CallSlot::new(call.build()),
            services: HostServices::new(recorder.clone(), recorder.clone(), recorder.clone()),
            table: ResourceTable::new(),
            recorder,
            capsule: token,
        }
    }
}

#[expect(clippy::panic, reason = "a test's own mistake")]
fn name(text: &str) -> Principal {
    Principal::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

#[expect(clippy::panic, reason = "a test's own mistake")]
fn capsule_id(text: &str) -> CapsuleId {
    CapsuleId::parse(text).unwrap_or_else(|error| panic!("{error}"))
}
