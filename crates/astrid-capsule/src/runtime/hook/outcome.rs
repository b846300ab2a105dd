//! Hooks for embedders that install capsules themselves.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use astrid_host_context::{CapsuleId, Principal};

use super::{HookPhase, Hooked, replay, run};
use crate::elicit::{Armed, Undo};
use crate::runtime::{Inner, load};
use crate::{CapsuleError, Runtime};

/// A hook that succeeded, and what it stored, which is not there yet: [`HookOutcome::commit`] makes it so,
/// and dropping this instead forgets it. Secrets that somebody typed are there, and go again then. Another hook of the same capsule and principal would not see it.
#[must_use = "what the hook stored is forgotten unless it is committed"]
pub struct HookOutcome {
    runtime: Arc<Inner>,
    hooked: Hooked,
    secrets: Option<Armed>,
}

impl HookOutcome {
    /// False if the component has no such export, or only its toolchain's placeholder: there is nothing to
    /// commit then.
    #[must_use]
    pub fn ran(&self) -> bool {
        self.hooked.ran
    }

    /// What [`HookOutcome::commit`] writes, in a form that [`Runtime::replay_hook`] takes: for a journal,
    /// before the commit. Nothing where the hook stored nothing.
    #[must_use]
    pub fn redo(&self) -> &[u8] {
        &self.hooked.redo
    }

    /// Writes what the hook stored and returns when it is durable, whatever the principal's limits are
    /// now: they were checked when the guest wrote it.
    ///
    /// A crash before this call leaves nothing of the hook but the files it wrote. One during it may leave a
    /// part of the keys; who cannot have that keeps [`HookOutcome::redo`] first, and replays it at the
    /// next start until that succeeds.
    ///
    /// # Errors
    /// The store's. A part may have been written, as after a crash.
    pub async fn commit(self) -> Result<(), CapsuleError> {
        // A journal that has what was stored brings it back after a failure, and the secrets belong to it.
        self.secrets.and_then(Armed::release);
        replay(&self.runtime, &self.hooked.redo).await
    }
}

impl fmt::Debug for HookOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookOutcome").field("ran", &self.hooked.ran).finish_non_exhaustive()
    }
}

impl Runtime {
    /// Calls the install or upgrade hook of the capsule in `dir` for a principal, in an instance of its own
    /// that is dropped afterwards. The guest has the principal's home, values, secrets and configuration, no
    /// caller and no handlers; it may take as long as [`crate::Config::lifecycle_timeout`] with waiting for
    /// people, and as much memory as the profile says. Its fuel is counted and not bounded. On an upgrade
    /// the old version is to be unloaded before, so that it does not write to what the hook reads.
    ///
    /// What it stores in `astrid:kv` waits for [`HookOutcome::commit`]. Secrets that people type for it are in the
    /// store at once; if it fails, or is not committed, what was there before is there again. Files it writes are there at once and
    /// stay, also when it fails.
    ///
    /// To end it early: [`Runtime::cancel_hook`], after which the guest's waits say that they were cancelled
    /// and two seconds remain, or dropping the future, at once. Either way nothing of it is kept.
    ///
    /// # Errors
    /// As of [`Runtime::load`] before the guest is called; [`crate::Code::NotReady`] while another hook of this
    /// capsule runs for this principal. Then [`crate::Code::Execution`] for a trap or a principal who cannot
    /// be served, [`crate::Code::Timeout`], and [`crate::Code::Cancelled`].
    pub async fn run_hook(
        &self,
        dir: impl AsRef<Path>,
        principal: &Principal,
        phase: HookPhase,
    ) -> Result<HookOutcome, CapsuleError> {
        let opened = load::open(&self.0, dir.as_ref(), None).await?;
        let mut hooked = run(&self.0, &opened.source, principal, phase).await?;
        let secrets = hooked.undo.take().map(Undo::armed);
        Ok(HookOutcome { runtime: self.0.clone(), hooked, secrets })
    }

    /// Ends a lifecycle hook that runs, for a user who gave up waiting; false if there is none.
    ///
    /// # Errors
    /// The capsule's name is not valid.
    pub fn cancel_hook(&self, capsule: &str, principal: &Principal) -> Result<bool, CapsuleError> {
        let capsule = CapsuleId::parse(capsule).map_err(CapsuleError::host)?;
        Ok(self.0.lifecycle.cancel(&capsule, principal))
    }

    /// Writes what [`HookOutcome::redo`] gave, once or again: for a start that finds it in its journal.
    ///
    /// # Errors
    /// [`crate::Code::Integrity`] if the bytes are damaged or of another version, and nothing is written; or
    /// the store's.
    pub async fn replay_hook(&self, redo: &[u8]) -> Result<(), CapsuleError> {
        replay(&self.0, redo).await
    }
}
