//! What loading a capsule and running one of its hooks have in common.

use std::sync::Arc;

use astrid_capsule_manifest::CapsuleManifest;
use astrid_event_bus::Gate;
use astrid_guest::{Exports, GuestPre, InstanceError};
use astrid_host_context::{CallContext, Cancellation, CapsuleId, LifecyclePhase, Principal, Scope};
use astrid_principals::Tokens;
use astrid_security_gate::{Both, ManifestSecurityGate};

use super::Inner;
use crate::cache::Compiled;
use crate::domains::{DomainKit, Ends, Identity, Role};
use crate::load::{Program, refuse_unoffered, unlinked};
use crate::wasm::{HostState, Template};
use crate::{CapsuleError, Code, gate};

/// One generation of a capsule while it is being made: who it is, and what ends it.
pub(super) struct Generation {
    pub(super) identity: Identity,
    pub(super) gate: Gate,
    pub(super) tokens: Arc<Tokens>,
    /// The lifecycle export it is made for, if it is made for one.
    pub(super) phase: Option<LifecyclePhase>,
}

impl Generation {
    /// A generation that `ends` ends.
    pub(super) async fn new(
        runtime: &Inner,
        manifest: &CapsuleManifest,
        owner: &Principal,
        (gate, ends): (Gate, Cancellation),
    ) -> Result<Self, CapsuleError> {
        let identity = Identity {
            id: CapsuleId::parse(&manifest.package.name).map_err(|e| CapsuleError::new(Code::Manifest, e))?,
            // Fresh per load, so that nothing meant for one generation reaches the next.
            uuid: uuid::Uuid::new_v4().into(),
            owner: owner.clone(),
        };
        // A guest may ask for its owner's values before any message began anything.
        let scope = Scope { principal: Some(owner.clone()), capsule: identity.id.clone() };
        runtime.principals.env.refresh(&scope).await;
        if let Some(sandbox) =
            runtime.sandbox.as_ref().filter(|_| !manifest.capabilities.host_process.is_empty())
        {
            sandbox.find().await;
        }
        let tokens = Tokens::new(ends, runtime.principals.revocations.clone());
        Ok(Self { identity, gate, tokens, phase: None })
    }

    pub(super) fn domains(
        &self,
        runtime: &Inner,
        manifest: &CapsuleManifest,
        role: Role,
    ) -> Result<(DomainKit, Ends), CapsuleError> {
        DomainKit::new(runtime, manifest, &self.identity, &self.gate, &self.tokens, role)
    }

    /// What its stores are made from.
    pub(super) fn template(
        &self,
        runtime: &Inner,
        guest: GuestPre<HostState>,
        policy: ManifestSecurityGate,
        domains: DomainKit,
    ) -> Template {
        let idle = CallContext::builder(self.identity.id.clone())
            .capsule_uuid(self.identity.uuid)
            .principal(self.identity.owner.clone())
            .cancellation(self.tokens.capsule().clone());
        Template {
            guest,
            services: runtime.services.with_policy(Arc::new(Both(policy, runtime.profiles.clone()))),
            domains: Arc::new(domains),
            principals: runtime.principals.clone(),
            logs: runtime.logs.clone(),
            memory: runtime.memory.clone(),
            idle: self.phase.into_iter().fold(idle, |idle, phase| idle.phase(phase)).build(),
        }
    }
}

/// Makes the gates of manifests; to be called on a thread that may wait for the disk.
pub(super) fn gates(
    runtime: &Inner,
) -> impl Fn(&CapsuleManifest) -> Result<ManifestSecurityGate, CapsuleError> + Send + 'static {
    let (roots, charset) = (runtime.roots.clone(), runtime.config.topic_charset);
    let blocked = runtime.config.blocked_platforms.clone();
    move |manifest| gate::of(manifest, &roots, charset, &blocked)
}

/// Which exports of a component are worth calling.
pub(super) fn inspect(program: &Program) -> Result<Exports, CapsuleError> {
    Exports::inspect(&program.bytes)
        .map_err(|e| CapsuleError::new(Code::UnsupportedEntryPoint, format!("component: {e}")))
}

/// Joins a component to everything this host offers.
pub(super) fn link(
    runtime: &Inner,
    code: &Compiled,
    exports: Exports,
) -> Result<GuestPre<HostState>, CapsuleError> {
    refuse_unoffered(runtime.host.engine(), &code.component)?;
    let pre = runtime.linker.instantiate_pre(&code.component).map_err(|error| unlinked(&error))?;
    GuestPre::new(pre, exports).map_err(|error| match error {
        InstanceError::WrongType(error) => CapsuleError::new(Code::UnsupportedEntryPoint, error),
        other => CapsuleError::new(Code::Instantiate, other),
    })
}
