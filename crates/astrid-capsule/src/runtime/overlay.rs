//! Changes to the workspace that nobody has decided on yet.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use astrid_host_context::Principal;
use astrid_host_fs::{Change, Direct, Overlay, OverlayError, Overlays};
use astrid_principals::Principals;

use super::Runtime;
use crate::{CapsuleError, Home};

/// Bytes of the digest that tells workspaces apart below a principal's changes: far more than anybody has.
const TAG_BYTES: usize = 16;

/// How long files of calls that have ended may take to be closed; that happens on the files' own threads.
const CLOSING: Duration = Duration::from_secs(1);
/// How long handlers that run may take to end before a decision is refused.
const HANDLERS: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(5);

/// The overlays of a runtime and where they are kept.
pub(crate) struct Kept {
    pub(super) each: Arc<Overlays>,
    root: PathBuf,
    tag: String,
}

impl Kept {
    /// Changes to one workspace are not those to another, so each has its own below
    /// `state/overlay/{principal}/`.
    pub(super) fn new(
        lower: Arc<Direct>,
        workspace: &Path,
        home: &Home,
        principals: &Arc<Principals>,
        owner: &Principal,
    ) -> Result<Self, CapsuleError> {
        let found = workspace.canonicalize();
        let workspace = found
            .map_err(|error| CapsuleError::host(format!("workspace {}: {error}", workspace.display())))?;
        let digest = blake3::hash(workspace.as_os_str().as_encoded_bytes());
        let tag: String = digest.to_hex().chars().take(2 * TAG_BYTES).collect();
        let root = home.state().join("overlay");
        let (principals, owner) = (principals.clone(), owner.clone());
        let place = (root.clone(), tag.clone());
        // As with homes, nothing is made for principals nobody registered; what is there is theirs.
        let each = Overlays::new(lower, move |who| {
            let directory = place.0.join(who.as_str()).join(&place.1);
            let known = *who == owner
                || principals.profiles.current(who).is_ok_and(|current| current.profile.registered)
                || directory.is_dir();
            (known && !who.is_anonymous()).then_some(directory)
        });
        Ok(Self { each: Arc::new(each), root, tag })
    }

    /// Who has a directory of changes to this workspace, by name.
    fn principals(&self) -> Vec<Principal> {
        let entries = std::fs::read_dir(&self.root).into_iter().flatten().flatten();
        let with = entries.filter(|entry| entry.path().join(&self.tag).is_dir());
        let mut found: Vec<_> =
            with.filter_map(|entry| Principal::parse(entry.file_name().to_str()?).ok()).collect();
        found.sort();
        found
    }
}

impl Runtime {
    /// Principals with changes to the workspace that are neither committed nor rolled back, with what
    /// each changed; those of earlier runs too. Nothing without [`crate::RuntimeBuilder::overlay`].
    ///
    /// # Errors
    /// The changes of a principal cannot be read.
    pub async fn overlay_changes(&self) -> Result<Vec<(Principal, Vec<Change>)>, CapsuleError> {
        let Some(kept) = self.0.overlays.clone() else { return Ok(Vec::new()) };
        let found = tokio::task::spawn_blocking(move || {
            let mut found = Vec::new();
            for who in kept.principals() {
                if let Some(overlay) = open(&kept, &who)? {
                    let changes = overlay.changes().map_err(|error| said(&who, &error))?;
                    if !changes.is_empty() {
                        found.push((who, changes));
                    }
                }
            }
            Ok(found)
        });
        found.await.map_err(CapsuleError::host)?
    }

    /// Writes a principal's changes into the workspace. A process that is killed meanwhile leaves the rest
    /// to whoever opens the changes next.
    ///
    /// Waits half a minute for handlers that run, and none begins meanwhile.
    ///
    /// # Errors
    /// A handler still runs, a capsule still has a changed file open for writing, or a path cannot be
    /// written; the changes are kept.
    pub async fn overlay_commit(&self, who: &Principal) -> Result<(), CapsuleError> {
        let commit = |overlay: &Overlay| {
            let patience = Instant::now() + CLOSING;
            loop {
                match overlay.commit() {
                    Err(OverlayError::Busy(_)) if Instant::now() < patience => std::thread::sleep(PAUSE),
                    done => return done,
                }
            }
        };
        self.decide(who, commit).await
    }

    /// Drops a principal's changes: the workspace is seen as it is. Waits as [`Runtime::overlay_commit`] does.
    ///
    /// # Errors
    /// A handler still runs, or they cannot be removed; they are kept as a whole.
    pub async fn overlay_rollback(&self, who: &Principal) -> Result<(), CapsuleError> {
        self.decide(who, |overlay| overlay.rollback()).await
    }

    async fn decide(
        &self,
        who: &Principal,
        how: impl FnOnce(&Overlay) -> Result<(), OverlayError> + Send + 'static,
    ) -> Result<(), CapsuleError> {
        let kept = self.0.overlays.clone().ok_or_else(|| {
            CapsuleError::host(
                "this runtime writes to the workspace itself; allowed: one built with `overlay`",
            )
        })?;
        let who = who.clone();
        let work = move || match open(&kept, &who)? {
            Some(overlay) => how(&overlay).map_err(|error| said(&who, &error)),
            None => Err(CapsuleError::host(format!("changes of {who}: no such principal"))),
        };
        // Begun when no handler runs any more, so that none sees a part of it (engines chapter §4).
        let done = async { tokio::task::spawn_blocking(work).await.map_err(CapsuleError::host)? };
        self.exclusively(HANDLERS, done).await?
    }
}

fn open(kept: &Kept, who: &Principal) -> Result<Option<Arc<Overlay>>, CapsuleError> {
    kept.each.of(who).map_err(|error| said(who, &error))
}

fn said(who: &Principal, error: &OverlayError) -> CapsuleError {
    CapsuleError::host(format!("changes of {who}: {error}"))
}
