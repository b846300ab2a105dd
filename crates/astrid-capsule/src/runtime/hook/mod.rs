//! Calling `astrid-install` and `astrid-upgrade`.

mod calls;
mod outcome;
mod redo;

use std::sync::Arc;

use astrid_event_bus::Gate;
use astrid_guest::Exports;
use astrid_host_context::{Audit, Cancellation, Entry, LifecyclePhase, Op, Principal};
use astrid_host_kv::Staged;
use tokio::time::Instant;

use super::Inner;
use super::generation::{Generation, gates, inspect, link};
use crate::domains::Role;
use crate::elicit::{HookSecrets, Undo};
use crate::load::{Program, Source};
use crate::principal::open_desk;
use crate::wasm::{HookCall, Template};
use crate::{CapsuleError, Code};
pub(crate) use calls::Calls;
pub use outcome::HookOutcome;

static INSTALL: Op = Op::new("guest", astrid_guest::INSTALL, Audit::Record);
static UPGRADE: Op = Op::new("guest", astrid_guest::UPGRADE, Audit::Record);

/// Which of a capsule's lifecycle exports is to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookPhase {
    /// `astrid-install`: nothing of this capsule is there yet.
    Install,
    /// `astrid-upgrade`: another version was there before.
    Upgrade {
        /// Which; the guest reads it as the configuration key `prev_version`.
        from: String,
    },
}

/// What a hook that succeeded came to.
pub(crate) struct Hooked {
    /// False if the component has no such export, or a placeholder.
    pub(crate) ran: bool,
    /// What is to be written now, for [`replay`].
    pub(crate) redo: Vec<u8>,
    /// Takes back the secrets that people typed for it, which are in the store already: for an installer that
    /// fails after the hook. Nothing if nothing ran.
    pub(crate) undo: Option<Undo>,
}

/// Runs the hook of `source` for `owner`. Nothing that it stored is there before [`replay`] has written it, except
/// secrets, which go again if it fails; dropping the future ends it. Files that it wrote below the principal's
/// home stay.
///
/// # Errors
/// The hook trapped, took too long or was cancelled, or another one of this capsule and principal runs.
pub(crate) async fn run(
    runtime: &Arc<Inner>,
    source: &Source,
    owner: &Principal,
    phase: HookPhase,
) -> Result<Hooked, CapsuleError> {
    run_under(runtime, source, owner, phase, &Cancellation::new()).await
}

/// The same until `abort` fires: then the guest's waits say that they were cancelled, it has two seconds to
/// come to an end, and has failed in any case.
///
/// # Errors
/// As of [`run`].
pub(crate) async fn run_under(
    runtime: &Arc<Inner>,
    source: &Source,
    owner: &Principal,
    phase: HookPhase,
    abort: &Cancellation,
) -> Result<Hooked, CapsuleError> {
    let called = async {
        let Some(program) = &source.program else { return Ok(None) };
        let exports = inspect(program)?;
        if !phase.is_in(exports) {
            return Ok(None);
        }
        let (secrets, undo) = runtime.elicitation.hook_secrets();
        let undo = undo.armed();
        match call(runtime, source, (program, exports), (owner, abort), &phase, secrets).await {
            Ok(redo) => Ok(undo.release().map(|undo| (redo, undo))),
            Err(error) => {
                undo.fire().await;
                Err(error)
            }
        }
    };
    let called =
        called.await.map_err(|error: CapsuleError| error.in_capsule(&source.manifest.package.name))?;
    let ran = called.is_some();
    let (redo, undo) = called.unzip();
    Ok(Hooked { ran, redo: redo.unwrap_or_default(), undo })
}

/// Writes what a hook stored, whatever the principal's limits: they were checked when the guest wrote it.
/// To be run again, as a whole, after a crash that ended it.
///
/// # Errors
/// [`Code::Integrity`] if the bytes are not what [`run`] gave, and nothing is written; or the store's.
pub(crate) async fn replay(runtime: &Inner, redo: &[u8]) -> Result<(), CapsuleError> {
    // A checksum over what may be hundreds of megabytes.
    let bytes = redo.to_vec();
    let changes = tokio::task::spawn_blocking(move || redo::decode(&bytes)).await;
    let changes = changes.map_err(CapsuleError::host)??;
    astrid_host_kv::replay(&*runtime.store, changes).await.map_err(CapsuleError::host)
}

async fn call(
    runtime: &Arc<Inner>,
    source: &Source,
    (program, exports): (&Program, Exports),
    (owner, abort): (&Principal, &Cancellation),
    phase: &HookPhase,
    secrets: HookSecrets,
) -> Result<Vec<u8>, CapsuleError> {
    // Open, so that a guest may wait for an answer on the bus.
    let own = (Gate::opened(), abort.child());
    let mut generation = Generation::new(runtime, &source.manifest, owner, own).await?;
    generation.phase = Some(phase.word());
    let _alone = runtime.lifecycle.begin(&generation.identity.id, owner, generation.tokens.capsule())?;
    // Whoever has the capsules to itself has this one too.
    let _calm = runtime.exclusive.read().await;
    let (gates, manifest) = (gates(runtime), source.manifest.clone());
    let policy = tokio::task::spawn_blocking(move || gates(&manifest)).await;
    let (code, _) = runtime.cache.get(program.bytes.clone(), program.hash).await?;
    let guest = link(runtime, &code, exports)?;
    let staged = Arc::new(Staged::new(runtime.store.clone()));
    let asks = runtime.elicitation.mint();
    let elicit = runtime.elicitation.hook(&asks, secrets).component(&program.hash.to_hex()).build();
    let (from, component) = (phase.from().map(str::to_owned), program.hash);
    let role = Role::Hook { kv: staged.clone(), from, elicit, component };
    let (domains, _ends) = generation.domains(runtime, &source.manifest, role)?;
    let template = generation.template(runtime, guest, policy.map_err(CapsuleError::host)??, domains);
    let stage = Stage { generation, template };
    let desk = open_desk(Some(owner), &runtime.principals, &stage.generation.tokens, &runtime.logs).await;
    let desk = desk.map_err(|reason| CapsuleError::new(Code::Execution, reason))?;

    let ceiling = runtime.config.lifecycle_ceiling();
    let hook = HookCall::new(&stage.template, (owner, &*desk), phase.word(), Instant::now() + ceiling);
    let entry = Entry::new(&hook.context(), hook.services(), phase.op());
    entry.fact("phase", || hook.context().phase().map_or("none", name).to_owned());
    entry.fact("version", || source.manifest.package.version.to_string());
    if let Some(from) = phase.from() {
        entry.fact("from", || from.to_owned());
    }
    entry.fact("component", || program.hash.to_hex().to_string());
    entry
        .run_always_async(hook.run())
        .await
        .map_err(|failure| CapsuleError::new(failure.code(), failure.reason(phase.word(), ceiling, owner)))?;
    // Up to what a namespace may hold, so not on a runtime worker.
    let redo = tokio::task::spawn_blocking(move || redo::encode(&staged.changes())).await;
    redo.map_err(CapsuleError::host)?
}

fn name(phase: LifecyclePhase) -> &'static str {
    match phase {
        LifecyclePhase::Install => "install",
        LifecyclePhase::Upgrade => "upgrade",
    }
}

/// What a hook runs on; whatever it left open ends with this.
struct Stage {
    generation: Generation,
    template: Template,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.generation.tokens.capsule().cancel();
        self.generation.gate.retire();
        self.template.domains.end();
    }
}

impl HookPhase {
    fn word(&self) -> LifecyclePhase {
        match self {
            Self::Install => LifecyclePhase::Install,
            Self::Upgrade { .. } => LifecyclePhase::Upgrade,
        }
    }

    fn op(&self) -> &'static Op {
        match self {
            Self::Install => &INSTALL,
            Self::Upgrade { .. } => &UPGRADE,
        }
    }

    fn from(&self) -> Option<&str> {
        match self {
            Self::Install => None,
            Self::Upgrade { from } => Some(from),
        }
    }

    pub(super) fn is_in(&self, exports: Exports) -> bool {
        match self {
            Self::Install => exports.has_install,
            Self::Upgrade { .. } => exports.has_upgrade,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Runtime};

    #[tokio::test]
    async fn a_hook_under_a_token_that_has_fired_is_not_begun() {
        let (home, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let config = Config { allocation: crate::Allocation::OnDemand, ..Config::default() };
        let runtime = Runtime::builder().home(home.path()).workspace(dir.path()).config(config);
        let runtime = runtime.build().await.unwrap();
        let manifest = "[package]\nname = \"c\"\nversion = \"1.0.0\"\n[[component]]\nfile = \"c.wasm\"\n";
        std::fs::write(dir.path().join("Capsule.toml"), manifest).unwrap();
        let trapping = r#"(component (core module $m (func (export "f") unreachable))
            (core instance $i (instantiate $m))
            (func (export "astrid-install") (canon lift (core func $i "f"))))"#;
        std::fs::write(dir.path().join("c.wasm"), wat::parse_str(trapping).unwrap()).unwrap();
        let source = Source::open(dir.path(), &runtime.0.home, crate::load::Unrecorded::Fine).unwrap();
        for (fired, code) in [(false, Code::Execution), (true, Code::Cancelled)] {
            let abort = Cancellation::new();
            if fired {
                abort.cancel();
            }
            let ended = run_under(&runtime.0, &source, runtime.owner(), HookPhase::Install, &abort).await;
            assert_eq!(ended.err().map(|error| error.code()), Some(code));
        }
    }
}
