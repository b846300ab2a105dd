//! Loading one capsule, step by step.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::time::Instant;

use astrid_capsule_discovery::Fingerprint;
use astrid_capsule_manifest::CapsuleManifest;
use astrid_event_bus::{AccessPattern, Binding, BindingGuard, Charset, Gate};
use astrid_host_context::{Cancellation, Principal};
use astrid_security_gate::ManifestSecurityGate;
use parking_lot::Mutex;

use super::Inner;
use super::generation::{Generation, gates, inspect, link};
use super::registry::{Entry, Reserved};
use crate::capsule::SharedCapsule;
use crate::composite::{CompositeCapsule, READY};
use crate::dispatch::CapsuleTarget;
use crate::domains::{Ends, Identity, Role};
use crate::inbound::{Publisher, Queue};
use crate::load::{Program, Source, Unrecorded};
use crate::pool::Mode;
use crate::wasm::{Parts, RunSettings, WasmEngine};
use crate::{CapsuleError, Code, Timings};

/// A capsule directory whose manifest was read already, by discovery.
pub(super) struct Known {
    pub(super) manifest: CapsuleManifest,
    pub(super) approved: Option<Fingerprint>,
}

/// A capsule directory read and verified, with what its manifest lets it do.
pub(super) struct Opened {
    pub(super) source: Source,
    pub(super) policy: ManifestSecurityGate,
}

/// Loads the capsule in `dir` for `owner` and starts it. A build that another principal has loaded is
/// shared with them.
pub(super) async fn load(
    runtime: &Arc<Inner>,
    dir: &Path,
    owner: &Principal,
) -> Result<SharedCapsule, CapsuleError> {
    let begin = Instant::now();
    let opened = open(runtime, dir, None).await?;
    let id = opened.source.manifest.package.name.to_string();
    let reserved = runtime.registry.reserve(&id, owner)?;
    let build = opened.source.program.as_ref().map(|program| program.hash);
    if let Some(shared) = runtime.registry.join(&id, build, owner) {
        return Ok(shared);
    }
    start(runtime, opened, reserved, begin).await
}

/// Loads what discovery found, under an id that is reserved already.
pub(super) async fn load_known(
    runtime: &Arc<Inner>,
    dir: &Path,
    known: Known,
    reserved: Reserved,
) -> Result<SharedCapsule, CapsuleError> {
    let begin = Instant::now();
    let opened = open(runtime, dir, Some(known)).await?;
    start(runtime, opened, reserved, begin).await
}

async fn start(
    runtime: &Arc<Inner>,
    opened: Opened,
    reserved: Reserved,
    begin: Instant,
) -> Result<SharedCapsule, CapsuleError> {
    let entry = build(runtime, opened, reserved.owner(), begin).await?;
    publish(runtime, entry, reserved).await
}

/// Starts what [`build`] made, under an id that is reserved.
pub(super) async fn publish(
    runtime: &Arc<Inner>,
    entry: Entry,
    reserved: Reserved,
) -> Result<SharedCapsule, CapsuleError> {
    let capsule = entry.capsule.clone();
    let target = CapsuleTarget::new(&capsule, &entry.owner, runtime)
        .map_err(|error| error.in_capsule(capsule.id()))?;
    runtime.dispatcher.add(capsule.source_uuid(), Arc::new(target));
    show(runtime, entry, reserved).await;
    capsule.activate();
    Ok(capsule)
}

/// Lets everybody see and reach a capsule.
pub(super) async fn show(runtime: &Inner, entry: Entry, reserved: Reserved) {
    let gate = entry.gate.clone();
    // Whoever has the capsules to itself has this one too.
    let _calm = runtime.exclusive.read().await;
    reserved.fill(entry);
    gate.open();
}

/// Reads and verifies what lies in `dir`. An approval that is given holds for the bytes read now.
pub(super) async fn open(
    runtime: &Arc<Inner>,
    dir: &Path,
    known: Option<Known>,
) -> Result<Opened, CapsuleError> {
    let lax = if runtime.config.allow_unverified { Unrecorded::Warned } else { Unrecorded::Refused };
    let (dir, home) = (dir.to_owned(), runtime.home.clone());
    let gates = gates(runtime);
    let read = move || {
        let source = match known {
            Some(Known { manifest, approved }) => Source::with_manifest(&dir, manifest, approved, &home, lax),
            None => Source::open(&dir, &home, lax),
        }?;
        let policy =
            gates(&source.manifest).map_err(|error| error.in_capsule(&source.manifest.package.name))?;
        Ok(Opened { source, policy })
    };
    tokio::task::spawn_blocking(read).await.map_err(CapsuleError::host)?
}

/// Makes a capsule that is ready to be started. Nothing reaches it before its gate opens.
pub(super) async fn build(
    runtime: &Arc<Inner>,
    opened: Opened,
    owner: &Principal,
    begin: Instant,
) -> Result<Entry, CapsuleError> {
    let id = opened.source.manifest.package.name.to_string();
    assemble(runtime, opened, owner, begin).await.map_err(|error| error.in_capsule(&id))
}

async fn assemble(
    runtime: &Arc<Inner>,
    Opened { source, policy }: Opened,
    owner: &Principal,
    begin: Instant,
) -> Result<Entry, CapsuleError> {
    let Source { manifest, program, dir, meta, approved } = source;
    tracing::debug!(capsule = %manifest.package.name, dir = %dir.display(), "loading");
    let mut timings = Timings { read: begin.elapsed(), ..Timings::default() };
    let own = (Gate::closed(), Cancellation::new());
    let generation = Generation::new(runtime, &manifest, owner, own).await?;
    let build = program.as_ref().map(|program| program.hash);
    let wasm = match program {
        Some(program) => Some(engine(runtime, &manifest, program, policy, &generation, &mut timings).await?),
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
    let Generation { identity, gate, .. } = generation;
    let bindings = bind(runtime, &manifest, &identity, &gate)?;
    timings.total = begin.elapsed();
    let capsule = Arc::new(CompositeCapsule {
        manifest,
        uuid: identity.uuid,
        wasm,
        timings,
        phase: AtomicU8::new(READY),
        tools: Mutex::default(),
    });
    Ok(Entry { capsule, gate, _bindings: bindings, dir, build, owner: identity.owner, approved, meta })
}

async fn engine(
    runtime: &Arc<Inner>,
    manifest: &CapsuleManifest,
    program: Program,
    policy: ManifestSecurityGate,
    generation: &Generation,
    timings: &mut Timings,
) -> Result<WasmEngine, CapsuleError> {
    let started = Instant::now();
    let exports = inspect(&program)?;
    let component = program.hash;
    let (code, origin) = runtime.cache.get(program.bytes, component).await?;
    timings.compile = started.elapsed();
    timings.origin = Some(origin);

    let started = Instant::now();
    let guest = link(runtime, &code, exports)?;
    timings.link = started.elapsed();

    let started = Instant::now();
    let workers = workers(manifest, runtime.config.pool_size());
    let (domains, Ends { ready, inbound }) =
        generation.domains(runtime, manifest, Role::Serving { workers, component })?;
    let publisher = (!runtime.inbound_to_embedder).then(|| Publisher {
        bus: runtime.bus.clone(),
        services: runtime.services.clone(),
        dispatcher: runtime.dispatcher.clone(),
    });
    let engine = WasmEngine::new(Parts {
        template: generation.template(runtime, guest, policy, domains),
        tokens: generation.tokens.clone(),
        timeout: runtime.config.invocation_timeout,
        pool_size: runtime.config.pool_size(),
        mode: mode(manifest),
        is_uplink: manifest.capabilities.uplink,
        run: RunSettings {
            workers,
            has_handlers: !manifest.bindings.is_empty(),
            exempt: runtime.exempt.clone(),
        },
        ready,
        inbound: Queue::new(inbound, publisher),
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
    manifest: &CapsuleManifest,
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

/// Handles of processes live in the memory of the guest that started them (engines chapter §4).
fn mode(manifest: &CapsuleManifest) -> Mode {
    if manifest.capabilities.host_process.is_empty() { Mode::Affine } else { Mode::Sticky }
}

/// Stores that run the capsule's loop side by side: more than one only where they share nothing but a
/// TCP listener (engines chapter §5).
fn workers(manifest: &CapsuleManifest, pool_size: usize) -> usize {
    let capabilities = &manifest.capabilities;
    let listens = capabilities.net_bind.iter().any(|entry| !entry.starts_with("unix:"));
    if !listens || !capabilities.host_process.is_empty() || !manifest.bindings.is_empty() {
        return 1;
    }
    let asked = capabilities.bind_workers.unwrap_or(1);
    usize::try_from(asked).unwrap_or(pool_size).clamp(1, pool_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capsule(capabilities: &str, rest: &str) -> CapsuleManifest {
        let text =
            format!("[package]\nname = \"c\"\nversion = \"1.0.0\"\n[capabilities]\n{capabilities}\n{rest}");
        astrid_capsule_manifest::parse_manifest(&text, Path::new("Capsule.toml")).unwrap().0
    }

    #[test]
    fn workers_are_for_tcp_listeners_without_processes_or_handlers_and_at_most_the_pool() {
        let tcp = "net_bind = [\"127.0.0.1:80\"]\n";
        let handler = "[subscribe]\n\"a.b\" = { wit = \"opaque\", handler = \"h\" }\n";
        for (capabilities, rest, expected) in [
            (format!("{tcp}bind_workers = 4"), "", 4),
            (format!("{tcp}bind_workers = 100"), "", 8),
            (format!("{tcp}bind_workers = 0"), "", 1),
            (tcp.to_owned(), "", 1),
            ("bind_workers = 4".to_owned(), "", 1),
            ("net_bind = [\"unix:*\"]\nbind_workers = 4".to_owned(), "", 1),
            (format!("{tcp}bind_workers = 4\nhost_process = [\"sh\"]"), "", 1),
            (format!("{tcp}bind_workers = 4"), handler, 1),
        ] {
            assert_eq!(workers(&capsule(&capabilities, rest), 8), expected, "{capabilities}{rest}");
        }
    }
}
