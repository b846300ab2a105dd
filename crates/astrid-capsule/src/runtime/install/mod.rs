//! Installing, upgrading and uninstalling capsules: the files are `astrid-capsule-install`'s, what runs is ours.

mod options;
mod prepare;
mod record;
mod recovery;
mod remove;
mod settings;
mod swap;
mod turn;

use std::sync::Arc;

use astrid_capsule_install::{Begun, InstallError, Place, Step};
use astrid_host_context::{Cancellation, Principal, Standing};

use super::{Inner, Runtime, hook};
use crate::elicit::{Armed, Undo};
use crate::{CapsuleError, Code};
pub use options::{Answer, InstallDesk, InstallOptions, Proposal, Question};
use prepare::{Found, Prepared, Work, hook_phase, prepare};
pub(super) use recovery::at_start as recover;
use swap::Next;
pub(super) use turn::Turns;

/// An installation that succeeded.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Installed {
    /// The capsule.
    pub capsule: String,
    /// Its version.
    pub version: String,
    /// What was done; [`Step::Nothing`] if the version was installed already.
    pub step: Step,
    /// Whether a hook of the capsule ran.
    pub hook_ran: bool,
    /// The version was installed already, but with another component.
    pub differs: bool,
    /// Keys of `[env]` that have neither a value nor a default.
    pub unresolved: Vec<String>,
}

impl Runtime {
    /// Installs or upgrades a capsule for a principal: checks it, asks what has to be asked, puts its files below the
    /// home, runs its install or upgrade hook, and puts it in the place of the version that is loaded. An upgrade hook
    /// runs while the capsule is stopped; without one the old version serves until the new one is ready.
    ///
    /// Whatever fails, a crash or the end of this future included, the version that was installed before is installed
    /// and serves again, with the values it had. Files that a hook wrote below the principal's home stay.
    ///
    /// # Errors
    /// [`Code::Install`]: source, archive, version, values or files; the message says what would be accepted.
    /// [`Code::Unapproved`]: nobody approved what the capsule asks for. Else as [`Runtime::load`] and
    /// [`Runtime::run_hook`].
    pub async fn install(&self, options: InstallOptions) -> Result<Installed, CapsuleError> {
        let ends = Cancellation::new();
        let _ends = EndsWith(ends.clone());
        // Apart from the caller, who may stop waiting at any moment: what was begun is always brought to an end.
        let (runtime, under_way) = (self.0.clone(), self.0.installs.clone().read_owned().await);
        let work = tokio::spawn(async move {
            let installed = install(runtime, options, ends).await;
            drop(under_way);
            installed
        });
        work.await.map_err(CapsuleError::host)?
    }
}

/// Ends what works for somebody who does not wait any more.
struct EndsWith(Cancellation);

impl Drop for EndsWith {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

async fn install(
    runtime: Arc<Inner>,
    options: InstallOptions,
    ends: Cancellation,
) -> Result<Installed, CapsuleError> {
    let who = options.principal.clone().unwrap_or_else(|| runtime.owner.clone());
    let mut work = Work { options: &options, who: &who, package: None, record: None, turn: None };
    let prepared = tokio::select! {
        prepared = prepare(&runtime, &mut work) => prepared,
        () = ends.fired() => Err(cancelled()),
    };
    let installed = match prepared {
        Ok(Found::Same(installed)) => {
            work.record = None;
            Ok(installed)
        }
        Ok(Found::New(prepared)) => {
            let id = prepared.proposal.capsule.clone();
            let performed = perform(&runtime, *prepared, &who, options.load, &ends).await;
            performed.map_err(|error| error.in_capsule(&id))
        }
        Err(error) => Err(error),
    };
    let Work { package, record, turn: _turn, .. } = work;
    // An unpacked archive is removed with it.
    release(package).await?;
    if let Some(record) = record {
        record.end(&runtime, &installed);
    }
    installed
}

/// Steps 5 to 11 of lifecycle chapter §5. Takes back what it did when one fails.
async fn perform(
    runtime: &Arc<Inner>,
    prepared: Prepared,
    who: &Principal,
    load: bool,
    ends: &Cancellation,
) -> Result<Installed, CapsuleError> {
    let Prepared {
        dir, place, lock, scope, proposal, meta, source, contents, settings, order, has_hook, ..
    } = prepared;
    let manifest = source.manifest.clone();
    let mut running = swap::running(runtime, &place, who).await;
    let loads = running.is_some() || (load && !swap::is_taken(runtime, place.capsule(), who));
    let placed = blocking(move || Begun::new(lock, order, &contents, Arc::new(()))?.place(&dir)).await;
    let mut stopped = None;
    // What people typed for the hook is in the store already; it goes again with an installation that fails.
    let mut typed = None;
    let attempt = async {
        let placed = placed?;
        let made = async {
            settings.store(runtime, &scope).await?;
            if has_hook && let Some(running) = running.take() {
                swap::stop(runtime, &place, who, &running).await;
                stopped = Some(running);
            }
            let phase = hook_phase(&proposal.step);
            let mut hooked = hook::run_under(runtime, &source, who, phase, ends).await?;
            typed = hooked.undo.take().map(Undo::armed);
            if ends.standing() != Standing::Live {
                return Err(cancelled());
            }
            let next = match loads {
                true => {
                    let tried = (running.is_some() || stopped.is_some()) && hooked.redo.is_empty();
                    Next::make(runtime, &place, who, source, &meta, running.as_ref(), tried).await?
                }
                false => Next::None,
            };
            Ok((hooked, next))
        };
        match made.await {
            Ok((hooked, next)) => {
                let redo = hooked.redo.clone();
                match blocking(move || placed.commit(&meta, redo)).await {
                    Ok(committed) => Ok((committed, hooked, next)),
                    Err(error) => {
                        next.discard(runtime).await;
                        Err(error)
                    }
                }
            }
            Err(error) => {
                release(placed).await?;
                Err(error)
            }
        }
    };
    let (committed, hooked, next) = match attempt.await {
        Ok(done) => done,
        Err(error) => {
            // First, because it knows what the settings were when the hook began.
            if let Some(typed) = typed {
                typed.fire().await;
            }
            take_back(runtime, &place, who, stopped.is_some()).await;
            return Err(error);
        }
    };
    // From here on it is installed; what fails is done again by the next start.
    typed.and_then(Armed::release);
    if let Err(error) = hook::replay(runtime, &hooked.redo).await {
        next.discard(runtime).await;
        return Err(error);
    }
    if let (Some(running), Next::Start(_) | Next::Show(_) | Next::Share) = (&running, &next) {
        swap::stop(runtime, &place, who, running).await;
        stopped = Some(running.clone());
    }
    let begun = next.begin(runtime, &place, who).await;
    blocking(move || committed.finish()).await?;
    let begun = begun.map_err(|error| {
        CapsuleError::new(error.code(), format!("is installed, and is not loaded: {error}"))
    });
    swap::announce(runtime, &proposal.capsule, running.is_some() || stopped.is_some(), begun?.is_some());
    Ok(Installed {
        unresolved: settings.unresolved(runtime, &scope, &manifest).await?,
        capsule: proposal.capsule,
        version: proposal.version,
        step: proposal.step,
        hook_ran: hooked.ran,
        differs: false,
    })
}

/// After a failure: the files are as they were before, the values will be, and what was stopped serves again.
async fn take_back(runtime: &Arc<Inner>, place: &Place, who: &Principal, was_stopped: bool) {
    if let Err(error) = recovery::one(runtime, place).await {
        tracing::error!(%error, "a failed installation could not be taken back; the next start tries again");
    }
    if was_stopped && let Err(error) = swap::start(runtime, place, who).await {
        tracing::error!(%error, "the version that was stopped for a failed installation does not start again");
    }
}

/// Work on files, on a thread that may wait for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, InstallError> + Send + 'static,
) -> Result<T, CapsuleError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(CapsuleError::host)?;
    done.map_err(CapsuleError::from)
}

/// Drops what removes files then.
async fn release<T: Send + 'static>(value: T) -> Result<(), CapsuleError> {
    tokio::task::spawn_blocking(move || drop(value)).await.map_err(CapsuleError::host)
}

fn cancelled() -> CapsuleError {
    CapsuleError::new(Code::Cancelled, "the installation was cancelled, and nothing of it is left")
}

impl From<InstallError> for CapsuleError {
    fn from(error: InstallError) -> Self {
        use astrid_capsule_install::Code as Of;

        match error.code() {
            Of::Manifest => Self::new(Code::Manifest, error),
            Of::Meta | Of::Integrity => Self::new(Code::Integrity, error),
            Of::NotInstalled => Self::new(Code::NotFound, error),
            Of::ArchiveTooLarge => Self::new(Code::Install, format!("{error} (archive-too-large)")),
            _ => Self::new(Code::Install, error),
        }
    }
}
