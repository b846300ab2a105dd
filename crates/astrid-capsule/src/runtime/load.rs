//! Loading one capsule, step by step.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use astrid_event_bus::{AccessPattern, Binding, BindingGuard, Charset, Gate};
use astrid_guest::{Exports, GuestPre, InstanceError};
use astrid_host_context::{CallContext, Cancellation, CapsuleId};
use parking_lot::Mutex;
use uuid::Uuid;

use super::Inner;
use super::registry::Entry;
use crate::capsule::SharedCapsule;
use crate::composite::CompositeCapsule;
use crate::domains::{DomainKit, Identity};
use crate::gate::ManifestSecurityGate;
use crate::load::{Program, Source, explain_unlinked};
use crate::wasm::{Parts, Template, Tokens, WasmEngine};
use crate::{CapsuleError, Code, State, Timings};

pub(super) async fn load(runtime: &Arc<Inner>, dir: &Path) -> Result<SharedCapsule, CapsuleError> {
    let begin = Instant::now();
    let source = {
        let (dir, home) = (dir.to_owned(), runtime.home.clone());
        let lax = runtime.config.allow_unverified;
        tokio::task::spawn_blocking(move || Source::open(&dir, &home, lax))
            .await
            .map_err(CapsuleError::host)??
    };
    let mut timings = Timings { read: begin.elapsed(), ..Timings::default() };
    let id = source.manifest.package.name.to_string();
    let reserved = runtime.registry.reserve(&id)?;
    let entry = assemble(runtime, source, &mut timings, begin).await.map_err(|e| e.in_capsule(&id))?;
    let capsule = entry.capsule.clone();
    runtime.dispatcher.add(&capsule);
    let gate = entry.gate.clone();
    reserved.fill(entry);
    gate.open();
    capsule.activate();
    Ok(capsule)
}

async fn assemble(
    runtime: &Arc<Inner>,
    source: Source,
    timings: &mut Timings,
    begin: Instant,
) -> Result<Entry, CapsuleError> {
    let Source { manifest, program, dir } = source;
    tracing::debug!(capsule = %manifest.package.name, dir = %dir.display(), "loading");
    let identity = Identity {
        id: CapsuleId::parse(&manifest.package.name).map_err(|e| CapsuleError::new(Code::Manifest, e))?,
        // Fresh per load, so that nothing meant for one generation reaches the next.
        uuid: Uuid::new_v4(),
        owner: runtime.owner.clone(),
    };
    let gate = Gate::closed();
    let wasm = match program {
        Some(program) => Some(engine(runtime, &manifest, program, &identity, &gate, timings).await?),
        None => None,
    };
    let handles = wasm.as_ref().is_some_and(WasmEngine::has_handlers);
    if let (false, Some(binding)) = (handles, manifest.bindings.first()) {
        return Err(CapsuleError::new(
            Code::UnsupportedEntryPoint,
            format!(
                "[subscribe.\"{}\"] names handler {:?}, but the component does not export astrid-hook-trigger",
                binding.pattern, binding.action
            ),
        ));
    }
    let bindings = bind(runtime, &manifest, &identity, &gate)?;
    timings.total = begin.elapsed();
    let capsule = Arc::new(CompositeCapsule {
        manifest,
        uuid: identity.uuid,
        wasm,
        timings: timings.clone(),
        state: Mutex::new(State::Ready),
    });
    Ok(Entry { capsule, gate, _bindings: bindings })
}

async fn engine(
    runtime: &Arc<Inner>,
    manifest: &astrid_capsule_manifest::CapsuleManifest,
    program: Program,
    identity: &Identity,
    gate: &Gate,
    timings: &mut Timings,
) -> Result<WasmEngine, CapsuleError> {
    let started = Instant::now();
    let exports = Exports::inspect(&program.bytes)
        .map_err(|e| CapsuleError::new(Code::UnsupportedEntryPoint, format!("component: {e}")))?;
    let (code, origin) = runtime.cache.get(program.bytes, program.hash).await?;
    timings.compile = started.elapsed();
    timings.origin = Some(origin);

    let started = Instant::now();
    let pre = runtime
        .linker
        .instantiate_pre(&code.component)
        .map_err(|error| explain_unlinked(runtime.host.engine(), &code.component, &error))?;
    let guest = GuestPre::new(pre, exports).map_err(|error| match error {
        InstanceError::WrongType(error) => CapsuleError::new(Code::UnsupportedEntryPoint, error),
        other => CapsuleError::new(Code::Instantiate, other),
    })?;
    timings.link = started.elapsed();

    let started = Instant::now();
    let tokens = Arc::new(Tokens::new(Cancellation::new()));
    let policy = Arc::new(ManifestSecurityGate::new(manifest)?);
    let (domains, ready) = DomainKit::new(runtime, manifest, gate, &tokens)?;
    let idle = CallContext::builder(identity.id.clone())
        .capsule_uuid(identity.uuid)
        .principal(identity.owner.clone())
        .cancellation(tokens.capsule().clone())
        .build();
    let engine = WasmEngine::new(Parts {
        template: Template {
            guest,
            services: runtime.services.with_policy(policy),
            domains: Arc::new(domains),
            max_memory_bytes: runtime.config.max_memory_bytes,
            memory: runtime.memory.clone(),
            idle,
        },
        tokens,
        fuel: runtime.fuel.clone(),
        timeout: runtime.config.invocation_timeout,
        pool_size: runtime.config.pool_size(),
        is_uplink: manifest.capabilities.uplink,
        ready,
        _code: code,
    });
    engine.warm_up().await.map_err(|error| {
        CapsuleError::new(Code::Instantiate, format!("component does not start: {error:#}"))
    })?;
    timings.instantiate = started.elapsed();
    Ok(engine)
}

fn bind(
    runtime: &Arc<Inner>,
    manifest: &astrid_capsule_manifest::CapsuleManifest,
    identity: &Identity,
    gate: &Gate,
) -> Result<Vec<BindingGuard>, CapsuleError> {
    let bound = manifest.bindings.iter().map(|binding| {
        let pattern = AccessPattern::parse(binding.pattern.as_str(), Charset::Token)
            .map_err(|error| CapsuleError::new(Code::Manifest, error))?;
        Ok(runtime.bus.bind(Binding {
            pattern,
            capsule: identity.id.clone(),
            capsule_uuid: identity.uuid,
            action: binding.action.as_str().into(),
            priority: binding.priority,
            gate: gate.clone(),
        }))
    });
    bound.collect()
}
