//! How many bytes the files of a volume hold, charged to somebody's budget as they come and go.

use std::collections::HashMap;
use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use astrid_host_context::{CapsuleId, Permit, Principal, Quota, Resource, Subject};
use parking_lot::{Mutex, MutexGuard};

use super::sys::{self, Meta, Pin};
use crate::fault::Fault;
use crate::volume::{FileId, FileKind};

/// Shares held side by side. Beyond that they are given back and taken as one.
const SHARES: usize = 32;

/// Whose budget the bytes of a volume count in.
#[derive(Clone)]
pub struct Account {
    quota: Arc<dyn Quota>,
    principal: Principal,
    capsule: CapsuleId,
    resource: &'static Resource,
}

impl Account {
    /// Charges `resource` of `principal`. A volume that several capsules share is charged in the name of
    /// `capsule`, which matters only to a quota that counts this resource for each capsule.
    pub fn new(
        quota: Arc<dyn Quota>,
        principal: Principal,
        capsule: CapsuleId,
        resource: &'static Resource,
    ) -> Self {
        Self { quota, principal, capsule, resource }
    }

    fn take(&self, bytes: u64) -> Result<Permit, Fault> {
        let subject = Subject { principal: Some(&self.principal), capsule: &self.capsule };
        self.quota.acquire(&subject, self.resource, bytes).map_err(|_| Fault::Quota)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("principal", &self.principal)
            .field("resource", &self.resource.name)
            .finish_non_exhaustive()
    }
}

/// The bytes of one volume's files. A file of several names counts once.
#[derive(Debug)]
pub(super) struct Bytes {
    account: Account,
    state: Mutex<State>,
    names: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    used: u64,
    /// Never more than `used`, and less only while the budget is below what is there.
    covered: u64,
    shares: Vec<(u64, Permit)>,
    open: HashMap<FileId, Opened>,
}

#[derive(Debug, Default)]
struct Opened {
    times: usize,
    /// The last name is gone, the bytes are not.
    nameless: bool,
}

impl Bytes {
    pub(super) fn new(account: Account) -> Self {
        Self { account, state: Mutex::default(), names: Mutex::default() }
    }

    /// Held from looking at what a name stands for until it stands for something else.
    pub(super) fn names(&self) -> MutexGuard<'_, ()> {
        self.names.lock()
    }

    /// Charges bytes that are about to be written; they go back unless [`Growth::keep`] says how many stay.
    pub(super) fn grow(&self, bytes: u64) -> Result<Growth<'_>, Fault> {
        if bytes > 0 {
            let mut state = self.state.lock();
            let used = state.used.checked_add(bytes).ok_or(Fault::Quota)?;
            let lacking = used.saturating_sub(state.covered);
            let share = self.account.take(lacking)?;
            state.shares.push((lacking, share));
            (state.used, state.covered) = (used, used);
            if state.shares.len() > SHARES {
                state.shares.clear();
                state.covered = 0;
                self.cover(&mut state);
            }
        }
        Ok(Growth { of: self, bytes })
    }

    /// Gives bytes back.
    pub(super) fn shrink(&self, bytes: u64) {
        if bytes == 0 {
            return;
        }
        let mut state = self.state.lock();
        state.used = state.used.saturating_sub(bytes);
        while state.covered > state.used {
            let Some((covered, share)) = state.shares.pop() else { break };
            drop(share);
            state.covered = state.covered.saturating_sub(covered);
        }
        self.cover(&mut state);
    }

    /// Counts what a scan found, even beyond the budget: then nothing more may be written.
    pub(super) fn found(&self, bytes: u64) {
        let mut state = self.state.lock();
        state.used = state.used.saturating_add(bytes);
        self.cover(&mut state);
    }

    /// What comes back if a name is taken away from the object, as far as it can be told before.
    pub(super) fn freed_by(&self, object: &Meta) -> u64 {
        let counted = object.kind() == FileKind::Regular && object.links() == 1;
        if counted && !self.state.lock().open.contains_key(&object.id()) { object.size() } else { 0 }
    }

    /// A name of the object is gone, and with the last one these bytes; those of an open file later.
    pub(super) fn freed(&self, object: &Pin) -> u64 {
        let Ok(meta) = object.now() else { return 0 };
        if meta.kind() != FileKind::Regular || meta.links() > 0 {
            return 0;
        }
        if let Some(opened) = self.state.lock().open.get_mut(&meta.id()) {
            opened.nameless = true;
            return 0;
        }
        // Looked at again, because the last one who had it open may have written.
        object.now().map_or(0, |meta| meta.size())
    }

    /// Says that the file is open, before anything is done with it.
    pub(super) fn opened(&self, fd: &OwnedFd) {
        let _alone = self.names();
        let Ok(meta) = sys::stat(fd) else { return };
        let mut state = self.state.lock();
        let opened = state.open.entry(meta.id()).or_default();
        opened.times += 1;
        if meta.links() == 0 && !opened.nameless {
            // Its name, and with it its bytes, went since it was opened: it is charged as long as it is.
            opened.nameless = true;
            drop(state);
            self.found(meta.size());
        }
    }

    /// The file's descriptor is about to be closed.
    pub(super) fn closed(&self, file: FileId, size: impl FnOnce() -> u64) {
        let mut state = self.state.lock();
        let Some(opened) = state.open.get_mut(&file) else { return };
        opened.times -= 1;
        if opened.times == 0 {
            let nameless = opened.nameless;
            state.open.remove(&file);
            drop(state);
            if nameless {
                self.shrink(size());
            }
        }
    }

    /// Takes as much as the budget has left of what is used and not yet charged.
    fn cover(&self, state: &mut State) {
        let mut piece = state.used.saturating_sub(state.covered);
        while piece > 0 {
            match self.account.take(piece) {
                Ok(share) => {
                    state.shares.push((piece, share));
                    state.covered += piece;
                    piece = piece.min(state.used.saturating_sub(state.covered));
                }
                Err(_) => piece /= 2,
            }
        }
    }
}

/// Bytes charged ahead.
#[derive(Debug)]
pub(super) struct Growth<'a> {
    of: &'a Bytes,
    bytes: u64,
}

impl Growth<'_> {
    /// A file that had `before` bytes now has `after`.
    pub(super) fn keep(mut self, before: u64, after: u64) {
        let grown = after.saturating_sub(before);
        // More than was charged only if somebody opened what is replaced in this instant.
        self.of.found(grown.saturating_sub(self.bytes));
        self.bytes = self.bytes.saturating_sub(grown);
        self.of.shrink(before.saturating_sub(after));
    }
}

impl Drop for Growth<'_> {
    fn drop(&mut self) {
        self.of.shrink(self.bytes);
    }
}
