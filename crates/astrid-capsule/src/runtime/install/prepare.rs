//! Everything that can be found wrong before anything is touched.

use std::path::PathBuf;
use std::sync::Arc;

use astrid_capsule_install::{Contents, Lock, Meta, Order, Package, Phase, Place, Plan, Step, conflicts};
use astrid_host_context::{Principal, Scope};

use super::options::{InstallOptions, Proposal};
use super::record::{self, Record};
use super::settings::Settings;
use super::turn::Turn;
use super::{Installed, blocking, recovery};
use crate::cache::Compiled;
use crate::load::{Source, Unrecorded};
use crate::runtime::Inner;
use crate::runtime::generation::{gates, inspect, link};
use crate::runtime::hook::HookPhase;
use crate::{CapsuleError, Code};

/// An installation under way. What has to be dropped off the runtime's workers, or told at the end, stays with it
/// whatever becomes of the preparation.
pub(super) struct Work<'o> {
    pub(super) options: &'o InstallOptions,
    pub(super) who: &'o Principal,
    pub(super) package: Option<Package>,
    pub(super) record: Option<Record>,
    pub(super) turn: Option<Turn>,
}

/// A capsule that is good, approved and has its values: only the doing is left.
pub(super) struct Prepared {
    pub(super) dir: PathBuf,
    pub(super) place: Place,
    pub(super) lock: Lock,
    pub(super) scope: Scope,
    pub(super) proposal: Proposal,
    /// The record to be.
    pub(super) meta: Meta,
    pub(super) source: Source,
    pub(super) contents: Contents,
    pub(super) settings: Settings,
    pub(super) order: Order,
    /// Whether the component has a hook for this installation.
    pub(super) has_hook: bool,
    /// Held so that what was compiled is still there when the capsule is made.
    _code: Option<Arc<Compiled>>,
}

/// What there is to do.
pub(super) enum Found {
    /// This.
    New(Box<Prepared>),
    /// Nothing.
    Same(Installed),
}

/// Reads the source, asks, and compiles and links the component once: lifecycle chapter §5, steps 1 to 4, and the
/// questions of step 8, so that nobody is waited for with half a capsule in place.
pub(super) async fn prepare(runtime: &Arc<Inner>, work: &mut Work<'_>) -> Result<Found, CapsuleError> {
    let Work { options, who, .. } = *work;
    let (path, root, principal) = (options.source.clone(), runtime.home.root().to_owned(), who.to_string());
    let package = blocking(move || Package::open(&path, &root, &principal)).await?;
    let package = &*work.package.insert(package);
    let place = Place::new(runtime.home.root(), who.as_str(), &package.manifest.package.name)?;
    work.turn = Some(runtime.turns.begin(&place)?);
    let record = work.record.insert(Record::new(&record::INSTALL, &recovery::scope_of(&place)?));
    let found = examine(runtime, options, package, place, record).await;
    found.map_err(|error| error.in_capsule(&package.manifest.package.name))
}

async fn examine(
    runtime: &Arc<Inner>,
    options: &InstallOptions,
    package: &Package,
    place: Place,
    record: &mut Record,
) -> Result<Found, CapsuleError> {
    let scope = recovery::scope_of(&place)?;
    record.facts.push(("version", package.manifest.package.version.to_string()));
    recovery::one(runtime, &place).await?;
    let at = place.clone();
    let (lock, old) = blocking(move || Ok((Lock::take(&at)?, Meta::read(&at.target())?))).await?;
    record.facts.extend(old.iter().map(|old| ("from", old.version.clone())));
    let plan = Plan::new(&package.manifest, old.as_ref(), options.wishes)?;
    let source = read(runtime, package).await?;
    let hash = source.program.as_ref().map(|program| program.hash.to_hex().to_string());
    record.facts.extend(hash.iter().map(|hash| ("component", hash.clone())));
    let proposal = propose(&place, package, plan).await?;
    if proposal.step == Step::Nothing {
        let differs = old.is_some_and(|old| old.wasm_hash != hash);
        return Ok(Found::Same(same(proposal, differs)));
    }
    let phase = hook_phase(&proposal.step);
    record.facts.push(("phase", journal_phase(&phase).as_str().to_owned()));
    options.desk.show(&proposal);
    if !proposal.added.is_empty() && !options.desk.approve(&proposal).await {
        let added = proposal.added_lines().join("; ");
        return Err(CapsuleError::new(
            Code::Unapproved,
            format!("is not installed: nobody approved {added}"),
        ));
    }
    let mut settings = Settings::given(&package.manifest, &options.values)?;
    let (code, has_hook) = compile(runtime, &source, &phase).await?;
    settings.ask(runtime, &scope, &package.manifest, &*options.desk).await?;

    let (dir, manifest) = (package.dir.clone(), package.manifest.clone());
    let program = source.program.as_ref().map(|program| program.bytes.clone());
    let contents = blocking(move || Contents::read(&dir, &manifest, program.as_deref())).await?;
    let order = Order {
        phase: journal_phase(&phase),
        from: old.as_ref().map(|old| old.version.clone()),
        to: proposal.version.clone(),
        undo: settings.undo(runtime, &scope).await?,
    };
    let (dir, meta) = (package.dir.clone(), contents.installed(package, old.as_ref()));
    Ok(Found::New(Box::new(Prepared {
        dir,
        place,
        lock,
        scope,
        proposal,
        meta,
        source,
        contents,
        settings,
        order,
        has_hook,
        _code: code,
    })))
}

/// Manifest and component, checked against whatever hash somebody recorded.
async fn read(runtime: &Inner, package: &Package) -> Result<Source, CapsuleError> {
    let (dir, manifest, home) = (package.dir.clone(), package.manifest.clone(), runtime.home.clone());
    let gates = gates(runtime);
    let read = move || {
        let source = Source::with_manifest(&dir, manifest, None, &home, Unrecorded::Fine)?;
        gates(&source.manifest).map(|_| source)
    };
    tokio::task::spawn_blocking(read).await.map_err(CapsuleError::host)?
}

fn same(proposal: Proposal, differs: bool) -> Installed {
    Installed {
        capsule: proposal.capsule,
        version: proposal.version,
        step: Step::Nothing,
        hook_ran: false,
        differs,
        unresolved: Vec::new(),
    }
}

/// The hook of an installation.
pub(super) fn hook_phase(step: &Step) -> HookPhase {
    match step {
        Step::Upgrade { from } => HookPhase::Upgrade { from: from.clone() },
        _ => HookPhase::Install,
    }
}

fn journal_phase(phase: &HookPhase) -> Phase {
    match phase {
        HookPhase::Install => Phase::Install,
        HookPhase::Upgrade { .. } => Phase::Upgrade,
    }
}

async fn propose(place: &Place, package: &Package, plan: Plan) -> Result<Proposal, CapsuleError> {
    let mut warnings: Vec<String> = package.warnings.iter().map(ToString::to_string).collect();
    if crate::may_answer_prompts(&package.manifest) {
        warnings.push(format!("{}: may answer approval prompts", package.source));
    }
    warnings.extend(package.large.map(|bytes| format!("{}: unpacks to {bytes} bytes", package.source)));
    let (at, manifest) = (place.clone(), package.manifest.clone());
    let conflicts = blocking(move || conflicts(at.root(), at.principal(), &manifest)).await?;
    Ok(Proposal {
        capsule: package.manifest.package.name.to_string(),
        version: package.manifest.package.version.to_string(),
        step: plan.step,
        added: plan.expansions,
        warnings,
        conflicts,
    })
}

async fn compile(
    runtime: &Arc<Inner>,
    source: &Source,
    phase: &HookPhase,
) -> Result<(Option<Arc<Compiled>>, bool), CapsuleError> {
    let Some(program) = &source.program else { return Ok((None, false)) };
    let exports = inspect(program)?;
    let (code, _) = runtime.cache.get(program.bytes.clone(), program.hash).await?;
    link(runtime, &code, exports)?;
    Ok((Some(code), phase.is_in(exports)))
}
