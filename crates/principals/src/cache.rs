//! Profiles in memory: read when first asked for, looked at again at most once a second.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use astrid_host_context::Principal;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::file::Stamp;
use crate::groups::Groups;
use crate::problem::Unusable;
use crate::profile::{Profile, Quotas, SharedProfile};
use crate::source::ProfileSource;

/// How long an answer is given without a look at the file.
const FRESH: Duration = Duration::from_secs(1);
/// Principals remembered. Those without a file go first, so that invented names push nobody out.
const MAX_ENTRIES: usize = 4096;
/// Reads of one lookup that an invalidation may overtake before the last is given out unremembered.
const MAX_READS: usize = 4;

/// A usable profile with the generation of the cache it was read in, which tells it from one that
/// an operator has invalidated since ([`crate::Tokens::of`]).
#[derive(Debug, Clone)]
pub struct Resolved {
    /// What was found; shared.
    pub profile: SharedProfile,
    /// Read no earlier than this generation began.
    pub generation: u64,
    /// When the file is to be looked at again.
    pub stale_at: Instant,
}

#[derive(Clone)]
struct Entry {
    answer: Result<SharedProfile, Unusable>,
    stamp: Stamp,
    groups: Arc<Groups>,
    generation: u64,
    looked: Instant,
}

#[derive(Default)]
struct State {
    entries: HashMap<Principal, Entry>,
    groups: Option<(Arc<Groups>, Stamp, Instant)>,
}

/// The profiles of a host. One lock, held for lookups alone and never while a file is read.
pub struct ProfileCache {
    source: Box<dyn ProfileSource>,
    defaults: Quotas,
    unregistered: SharedProfile,
    state: Mutex<State>,
    /// Goes up under the lock, and is read without it by who remembers an answer.
    generation: AtomicU64,
}

impl ProfileCache {
    /// An empty cache. `defaults` are the quotas of principals without a profile, and of keys a
    /// profile leaves out.
    pub fn new(source: impl ProfileSource + 'static, defaults: Quotas) -> Self {
        Self {
            source: Box::new(source),
            defaults,
            unregistered: Arc::new(Profile::unregistered(defaults)),
            state: Mutex::default(),
            generation: AtomicU64::new(0),
        }
    }

    /// The profile of `who`, without waiting if it was looked at within the last second, else read on
    /// a blocking thread.
    ///
    /// # Errors
    /// [`Unusable`]: the principal's calls are refused.
    pub async fn resolve(self: &Arc<Self>, who: &Principal) -> Result<Resolved, Unusable> {
        if let Some(entry) = self.fresh(who) {
            return entry.resolved();
        }
        let (cache, name) = (self.clone(), who.clone());
        match tokio::task::spawn_blocking(move || cache.lookup(&name)).await {
            Ok(answer) => answer,
            // Only a shutdown of the runtime cancels a blocking task: nobody is served any more.
            Err(_) => Err(Unusable::Disabled(who.clone())),
        }
    }

    /// The same with a look at the file however recent the last one: for decisions that are rare and
    /// must not rest on what was so a second ago, such as whose key is whose.
    ///
    /// # Errors
    /// [`Unusable`].
    pub async fn resolve_anew(self: &Arc<Self>, who: &Principal) -> Result<Resolved, Unusable> {
        let (cache, name) = (self.clone(), who.clone());
        match tokio::task::spawn_blocking(move || cache.look_again(&name)).await {
            Ok(answer) => answer,
            Err(_) => Err(Unusable::Disabled(who.clone())),
        }
    }

    /// The same on the calling thread, which may wait for a disk.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn lookup(&self, who: &Principal) -> Result<Resolved, Unusable> {
        if let Some(entry) = self.fresh(who) {
            return entry.resolved();
        }
        self.look_again(who)
    }

    fn look_again(&self, who: &Principal) -> Result<Resolved, Unusable> {
        let mut reads = 1;
        loop {
            let (generation, known) = {
                let state = self.state.lock();
                (self.generation(), state.entries.get(who).cloned())
            };
            let entry = self.read(who, known, generation);
            let mut state = self.state.lock();
            // Whoever invalidated meanwhile may have written what this read did not see.
            if self.generation() == generation {
                state.insert(who, entry.clone());
                return entry.resolved();
            }
            if reads == MAX_READS {
                return entry.resolved();
            }
            reads += 1;
        }
    }

    /// For who must not wait: what is remembered, looked at again in the background when it is older than
    /// a second. Only a principal never seen before is read on the calling thread. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn current(self: &Arc<Self>, who: &Principal) -> Result<Resolved, Unusable> {
        let mut state = self.state.lock();
        let Some(entry) = state.entries.get_mut(who) else {
            drop(state);
            return self.lookup(who);
        };
        let known = entry.clone();
        if known.looked.elapsed() >= FRESH {
            // Counts as looked at, so that a burst of calls begins one look.
            entry.looked = Instant::now();
            let (cache, name) = (self.clone(), who.clone());
            tokio::task::spawn_blocking(move || cache.look_again(&name));
        }
        drop(state);
        known.resolved()
    }

    /// What is remembered of `who`, however old; never reads. For host functions, whose call was
    /// admitted under this answer.
    #[must_use]
    pub fn remembered(&self, who: &Principal) -> Option<Result<SharedProfile, Unusable>> {
        Some(self.state.lock().entries.get(who)?.answer.clone())
    }

    /// The quotas in force for `who` as far as remembered; the defaults for nobody, and for who has
    /// none of its own. Never those of another principal.
    #[must_use]
    pub fn quotas(&self, who: Option<&Principal>) -> Quotas {
        match who.and_then(|who| self.remembered(who)) {
            Some(Ok(profile)) => profile.quotas,
            _ => self.defaults,
        }
    }

    /// The profile of principals without a file.
    #[must_use]
    pub fn default_profile(&self) -> &SharedProfile {
        &self.unregistered
    }

    /// What serves a call of nobody, in a host that nobody owns: the profile of who has none.
    #[must_use]
    pub fn nobodys(&self) -> Resolved {
        let (generation, stale_at) = (self.generation(), Instant::now() + FRESH);
        Resolved { profile: self.unregistered.clone(), generation, stale_at }
    }

    /// Forgets `who`: every lookup that begins from now on reads the file. Returns the generation that
    /// begins with this.
    pub fn invalidate(&self, who: &Principal) -> u64 {
        let mut state = self.state.lock();
        state.entries.remove(who);
        state.groups = None;
        self.generation.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// How often somebody was invalidated. An answer from before the last time may be wrong, whoever it
    /// was about; one lookup tells.
    #[inline]
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Principals remembered now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.lock().entries.len()
    }

    /// Whether nobody is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn fresh(&self, who: &Principal) -> Option<Entry> {
        let state = self.state.lock();
        state.entries.get(who).filter(|entry| entry.looked.elapsed() < FRESH).cloned()
    }

    fn read(&self, who: &Principal, known: Option<Entry>, generation: u64) -> Entry {
        let looked = Instant::now();
        let groups = self.groups();
        // Before the text: what is written in between shows at the next look.
        let stamp = self.source.stamp(who);
        if let Some(known) = known.filter(|k| k.stamp.still(&stamp) && Arc::ptr_eq(&k.groups, &groups)) {
            return Entry { generation, looked, ..known };
        }
        let malformed = |problem| Unusable::Malformed { principal: who.clone(), problem };
        let parsed = match self.source.profile(who) {
            Ok(None) => Ok(self.unregistered.clone()),
            Ok(Some(text)) => match Profile::parse(&text, self.defaults) {
                Ok(profile) if !profile.enabled => Err(Unusable::Disabled(who.clone())),
                Ok(profile) => Ok(Arc::new(profile.with_groups(&groups, who))),
                Err(problem) => Err(malformed(problem)),
            },
            Err(problem) => Err(malformed(problem)),
        };
        if let Err(unusable @ Unusable::Malformed { .. }) = &parsed {
            tracing::warn!(target: "astrid.principals", "{unusable}");
        }
        Entry { answer: parsed, stamp, groups, generation, looked }
    }

    fn groups(&self) -> Arc<Groups> {
        let known = self.state.lock().groups.clone();
        if let Some((groups, _, looked)) = &known
            && looked.elapsed() < FRESH
        {
            return groups.clone();
        }
        let looked = Instant::now();
        let stamp = self.source.groups_stamp();
        let groups = match known {
            Some((groups, before, _)) if before.still(&stamp) => groups,
            _ => Arc::new(self.read_groups()),
        };
        self.state.lock().groups = Some((groups.clone(), stamp, looked));
        groups
    }

    fn read_groups(&self) -> Groups {
        let parsed = match self.source.groups() {
            Ok(None) => return Groups::default(),
            Ok(Some(text)) => Groups::parse(&text),
            Err(problem) => Err(problem),
        };
        parsed.unwrap_or_else(|problem| {
            tracing::warn!(
                target: "astrid.principals",
                "etc/groups.toml is not used, the built-in groups stay in force: {problem}"
            );
            Groups::default()
        })
    }
}

impl Entry {
    fn resolved(self) -> Result<Resolved, Unusable> {
        let (generation, stale_at) = (self.generation, self.looked + FRESH);
        self.answer.map(|profile| Resolved { profile, generation, stale_at })
    }
}

impl State {
    fn insert(&mut self, who: &Principal, entry: Entry) {
        if self.entries.len() >= MAX_ENTRIES && !self.entries.contains_key(who) {
            self.entries.retain(|_, entry| entry.stamp.is_present());
            if self.entries.len() >= MAX_ENTRIES {
                self.entries.clear();
            }
        }
        self.entries.insert(who.clone(), entry);
    }
}

impl std::fmt::Debug for ProfileCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProfileCache").field("entries", &self.len()).finish_non_exhaustive()
    }
}
