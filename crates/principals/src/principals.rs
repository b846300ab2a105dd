//! Everything of this crate together, as one host holds it.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use astrid_host_context::{CapsuleId, Principal};
use parking_lot::Mutex;

use crate::cache::{ProfileCache, Resolved};
use crate::env::EnvFiles;
use crate::fuel::FuelBudget;
use crate::homes::Homes;
use crate::in_flight::InFlight;
use crate::memory::MemoryLedger;
use crate::problem::Unusable;
use crate::profile::Quotas;
use crate::quota::ProfileQuota;
use crate::revocation::Revocations;
use crate::source::ProfileFiles;

/// The profile an owner without one starts with: the local operator may do everything.
const OWNER_PROFILE: &str = "profile_version = 1\ngroups = [\"admin\"]\n";

/// Profiles read at start, for the largest memory; more are read when they are first asked for.
const MAX_PROFILES: usize = 4096;

/// What principals may use, what they use, and whether they are served at all.
#[derive(Debug)]
pub struct Principals {
    /// Profiles and groups.
    pub profiles: Arc<ProfileCache>,
    /// Budgets for host functions.
    pub quota: Arc<ProfileQuota>,
    /// Fuel, by second and in total.
    pub fuel: Arc<FuelBudget>,
    /// Peaks of memory.
    pub memory: MemoryLedger,
    /// Handlers computing at once.
    pub in_flight: InFlight,
    /// Overlays.
    pub env: Arc<EnvFiles>,
    /// Directories.
    pub homes: Arc<Homes>,
    /// Who was disabled or removed.
    pub revocations: Arc<Revocations>,
    files: Arc<ProfileFiles>,
    settled: Mutex<HashSet<Principal>>,
    largest_memory: u64,
}

/// What `who` uses now, for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Fuel since the host started.
    pub fuel_total: u64,
    /// Fuel of the last second, debts included.
    pub fuel_window: u64,
    /// The most memory one instance held.
    pub mem_peak: u64,
    /// Bytes published in the last second; the bus counts them, so the host fills them in.
    pub ipc_window: u64,
    /// Children running.
    pub processes: u64,
    /// Bytes of files in home and tmp; the host adds those of its key-value store.
    pub storage_bytes: u64,
    /// Handlers computing.
    pub in_flight: u64,
}

impl Principals {
    /// Opens what lies below `root`, which must exist: gives `owner` an administrator's profile if it has
    /// none, and empties the scratch directories. Waits for the disk.
    ///
    /// # Errors
    /// The root cannot be opened or written.
    pub fn open(
        root: &Path,
        owner: &Principal,
        defaults: Quotas,
        fuel_per_invocation: u64,
    ) -> io::Result<Self> {
        let files = ProfileFiles::open(root)?;
        files.create(owner, OWNER_PROFILE)?;
        let homes = Homes::open(root)?;
        homes.empty_tmp()?;
        let registered = files.registered(MAX_PROFILES)?;
        let files = Arc::new(files);
        let profiles = Arc::new(ProfileCache::new(files.clone(), defaults));
        let usable = registered.iter().filter_map(|who| profiles.lookup(who).ok());
        let memory = usable.map(|found| found.profile.quotas.max_memory_bytes);
        let largest_memory = memory.fold(defaults.max_memory_bytes, u64::max);
        Ok(Self {
            quota: Arc::new(ProfileQuota::new(profiles.clone())),
            profiles,
            fuel: FuelBudget::new(fuel_per_invocation),
            memory: MemoryLedger::default(),
            in_flight: InFlight::default(),
            env: Arc::new(EnvFiles::open(root)?),
            homes: Arc::new(homes),
            revocations: Arc::default(),
            files,
            settled: Mutex::default(),
            largest_memory,
        })
    }

    /// The largest memory that any profile allowed one instance when the host started, the default's
    /// included. A profile that allows more later gets no more than an engine has reserved.
    #[must_use]
    pub fn largest_memory(&self) -> u64 {
        self.largest_memory
    }

    /// The profile a call of `who` runs under. Who turns out to be disabled loses what it still runs.
    ///
    /// # Errors
    /// [`Unusable`]: the call is refused with this text.
    pub async fn resolve(&self, who: &Principal) -> Result<Resolved, Unusable> {
        self.judged(who, self.profiles.resolve(who).await)
    }

    /// The same with a look at the file however recent the last one ([`ProfileCache::resolve_anew`]).
    ///
    /// # Errors
    /// [`Unusable`].
    pub async fn resolve_anew(&self, who: &Principal) -> Result<Resolved, Unusable> {
        self.judged(who, self.profiles.resolve_anew(who).await)
    }

    fn judged(&self, who: &Principal, found: Result<Resolved, Unusable>) -> Result<Resolved, Unusable> {
        match &found {
            Ok(resolved) if self.revocations.stands(who, resolved.generation) => {
                Err(Unusable::Disabled(who.clone()))
            }
            Err(Unusable::Disabled(_)) if !self.revocations.is_revoked(who) => {
                self.revoke(who);
                found
            }
            _ => found,
        }
    }

    /// Whether a capability is held by `who` as far as its profile is known; never waits but for a
    /// profile never seen before. Who cannot be served holds nothing.
    #[must_use]
    pub fn holds(&self, who: &Principal, capability: &str) -> bool {
        self.profiles.current(who).is_ok_and(|found| found.profile.capabilities.hold(capability))
    }

    /// Looks again at the profiles of everybody with a call under way, at most once a second each: who was
    /// disabled by an edit that nobody told of loses its calls, whether or not it makes another.
    pub async fn sweep(&self) {
        for who in self.in_flight.under_way() {
            // What it finds it has acted on.
            let _ = self.resolve(&who).await;
        }
    }

    /// Writes into the profile of `who` that it may invoke `capsule`, or that it may not any more, and
    /// leaves the rest of the file as it is; whether the profile says so now. Nobody without a profile is
    /// given one. Counts from the next call on.
    ///
    /// # Errors
    /// The profile cannot be read, is not valid or cannot be written; it is as it was then.
    pub async fn set_access(&self, who: &Principal, capsule: &CapsuleId, may: bool) -> io::Result<bool> {
        let (files, name, capsule) = (self.files.clone(), who.clone(), capsule.clone());
        let written = tokio::task::spawn_blocking(move || files.set_access(&name, &capsule, may));
        let written = written.await.map_err(io::Error::other)?;
        self.profiles.invalidate(who);
        written
    }

    /// Whether there is a profile or a home of this name, in whatever case: there are file systems to which `Ada`
    /// and `ada` are one.
    ///
    /// # Errors
    /// Profiles or homes cannot be listed.
    pub async fn exists(&self, name: &Principal) -> io::Result<bool> {
        let (files, homes, name) = (self.files.clone(), self.homes.clone(), name.clone());
        let listed = tokio::task::spawn_blocking(move || {
            let profiles = files.registered(usize::MAX)?;
            let same = |other: &str| other.eq_ignore_ascii_case(name.as_str());
            Ok(profiles.iter().any(|who| same(who.as_str())) || homes.names()?.iter().any(|name| same(name)))
        });
        listed.await.map_err(io::Error::other)?
    }

    /// To be called after every write to a profile or its groups: the next lookup reads anew, and who
    /// is disabled now loses what it runs.
    ///
    /// # Errors
    /// [`Unusable`], as the next call will see it.
    pub async fn changed(&self, who: &Principal) -> Result<Resolved, Unusable> {
        self.profiles.invalidate(who);
        self.settled.lock().remove(who);
        self.resolve(who).await
    }

    /// Ends what `who` runs, and refuses it until its profile is read again and found enabled.
    pub fn revoke(&self, who: &Principal) {
        let generation = self.profiles.invalidate(who);
        self.settled.lock().remove(who);
        self.revocations.revoke(who, generation);
    }

    /// Ends what a principal that is being removed runs, and refuses it until
    /// [`Revocations::readmit`]: without its file it would be served as an unregistered one.
    pub fn remove(&self, who: &Principal) {
        self.revoke(who);
        self.revocations.revoke(who, u64::MAX);
    }

    /// Whether [`Principals::settle`] has nothing to do.
    #[must_use]
    pub fn is_settled(&self, who: &Principal, resolved: &Resolved) -> bool {
        !resolved.profile.registered || who.is_anonymous() || self.settled.lock().contains(who)
    }

    /// Runs `make` on a blocking thread the first time a registered principal is served, for directories
    /// that must be there before its calls.
    ///
    /// # Errors
    /// What `make` says; it is run again at the next call.
    pub async fn settle(
        &self,
        who: &Principal,
        resolved: &Resolved,
        make: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        if self.is_settled(who, resolved) {
            return Ok(());
        }
        tokio::task::spawn_blocking(make).await.map_err(io::Error::other)??;
        self.settled.lock().insert(who.clone());
        Ok(())
    }

    /// What `who` uses now, as far as this crate counts it.
    #[must_use]
    pub fn quota_usage(&self, who: &Principal) -> Usage {
        Usage {
            fuel_total: self.fuel.ledger().total(Some(who)),
            fuel_window: self.fuel.window(Some(who)),
            mem_peak: self.memory.peak(who),
            ipc_window: 0,
            processes: self.quota.processes(who),
            storage_bytes: self.quota.file_bytes(who),
            in_flight: self.in_flight.running(Some(who)),
        }
    }
}
