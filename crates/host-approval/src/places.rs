//! How many questions wait, and how often one is put.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use astrid_host_context::{CapsuleId, Entry, Held, Permit, Principal, QuotaExceeded, Resource};
use parking_lot::Mutex;
use tokio::time::Instant;

/// Questions that wait for a person because of one capsule, the contract's figure.
pub static PENDING_OF_CAPSULE: Resource = Resource { name: "approval.pending-of-capsule", default: 4 };
/// Questions that wait for one principal, over all capsules: more than anybody keeps in mind.
pub static PENDING_OF_PRINCIPAL: Resource = Resource { name: "approval.pending-of-principal", default: 16 };
/// Questions that wait at once, host-wide: each holds a subscription and a record on disk.
pub static PENDING: Resource = Resource { name: "approval.pending", default: 64 };
/// Questions put in a minute for one capsule and principal: who is asked more often stops reading.
pub static PER_MINUTE: Resource = Resource { name: "approval.per-minute", default: 30 };

const MINUTE: Duration = Duration::from_secs(60);

/// The limits in force for one capsule and principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// [`PENDING_OF_CAPSULE`].
    pub capsule: u64,
    /// [`PENDING_OF_PRINCIPAL`].
    pub principal: u64,
    /// [`PENDING`].
    pub host: u64,
    /// [`PER_MINUTE`].
    pub per_minute: u64,
}

impl Limits {
    pub(crate) fn of(entry: &Entry) -> Self {
        Self {
            capsule: entry.limit(&PENDING_OF_CAPSULE),
            principal: entry.limit(&PENDING_OF_PRINCIPAL),
            host: entry.limit(&PENDING),
            per_minute: entry.limit(&PER_MINUTE),
        }
    }
}

impl Default for Limits {
    /// The contract's figures.
    fn default() -> Self {
        Self {
            capsule: PENDING_OF_CAPSULE.default,
            principal: PENDING_OF_PRINCIPAL.default,
            host: PENDING.default,
            per_minute: PER_MINUTE.default,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Account {
    Capsule(CapsuleId),
    Principal(Principal),
    Host,
}

/// Places for questions, host-wide. Whatever asks on the same topic takes its places here, so that a person
/// is asked no more often than the contract says, by whatever part of a kernel.
#[derive(Debug, Default)]
pub struct Places {
    held: Held<Account>,
    /// When the questions of the last minute were put.
    begun: Mutex<HashMap<(Principal, CapsuleId), VecDeque<Instant>>>,
}

/// A question's place, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    _share: [Permit; 3],
}

impl Places {
    /// All free.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Questions that wait now, host-wide.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.held.of(&Account::Host)
    }

    /// A place for a question that `who` is asked for `capsule`.
    ///
    /// # Errors
    /// One of the limits is reached; nothing is taken.
    pub fn take(&self, who: &Principal, capsule: &CapsuleId, most: Limits) -> Result<Place, QuotaExceeded> {
        let share = |account, resource, limit| self.held.take(account, 1, resource, limit);
        let share = [
            share(Account::Capsule(capsule.clone()), &PENDING_OF_CAPSULE, most.capsule)?,
            share(Account::Principal(who.clone()), &PENDING_OF_PRINCIPAL, most.principal)?,
            share(Account::Host, &PENDING, most.host)?,
        ];
        self.begin(who, capsule, most.per_minute)?;
        Ok(Place { _share: share })
    }

    fn begin(&self, who: &Principal, capsule: &CapsuleId, limit: u64) -> Result<(), QuotaExceeded> {
        let mut begun = self.begun.lock();
        begun.retain(|_, at| at.back().is_some_and(|last| last.elapsed() < MINUTE));
        let recent = begun.entry((who.clone(), capsule.clone())).or_default();
        while recent.front().is_some_and(|first| first.elapsed() >= MINUTE) {
            recent.pop_front();
        }
        if u64::try_from(recent.len()).is_ok_and(|recent| recent >= limit) {
            return Err(QuotaExceeded { resource: PER_MINUTE.name, limit, requested: 1 });
        }
        recent.push_back(Instant::now());
        Ok(())
    }
}
