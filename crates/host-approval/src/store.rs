//! All remembered consent of a host.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use astrid_host_context::{Principal, Uuid};
use parking_lot::RwLock;
use tokio::sync::Mutex;

use crate::kept::{Index, Kept, take};
use crate::tickets::{Ended, Ticket, Tickets};
use crate::{Allowance, Grants, GrantsUnavailable, Holder, Lasting};

/// Session consent of one principal; the oldest goes first. The contract's figure: more than anybody answers in a session.
pub const MAX_SESSION: usize = 256;
/// Consent for good of one principal, the contract's figure. Beyond it, none is taken until one is revoked.
pub const MAX_ALWAYS: usize = 1_024;

/// Why consent is not remembered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotKept {
    #[error("the session is over")]
    SessionOver,
    #[error("the principal is gone")]
    PrincipalGone,
    #[error(transparent)]
    Unavailable(#[from] GrantsUnavailable),
}

/// Remembered consent: the session's in memory, the other also in [`Grants`], which are read when they are
/// first needed. Looking something up waits for nothing after that.
pub struct AllowanceStore {
    session: RwLock<HashMap<Principal, Vec<Arc<Kept>>>>,
    /// None until it was read. Replaced as a whole, after what changed is on disk.
    always: ArcSwapOption<Index>,
    /// Held by whoever changes what is on disk.
    writes: Mutex<()>,
    grants: Arc<dyn Grants>,
    tickets: Tickets,
}

impl AllowanceStore {
    /// What `grants` keeps, and an empty session.
    #[must_use]
    pub fn new(grants: Arc<dyn Grants>) -> Self {
        Self {
            session: RwLock::default(),
            always: ArcSwapOption::empty(),
            writes: Mutex::default(),
            grants,
            tickets: Tickets::default(),
        }
    }

    /// Whether consent to `resource` is remembered, and how long; `None` stands for a resource that nothing
    /// matches. What is left of a limited one is written before this answers.
    ///
    /// # Errors
    /// Consent for good cannot be read or written.
    pub async fn find(
        &self,
        holder: &Holder,
        resource: Option<&str>,
    ) -> Result<Option<Lasting>, GrantsUnavailable> {
        let always = self.always().await?;
        let Some(resource) = resource else { return Ok(None) };
        if let Some(kept) = always.take(holder, resource) {
            if kept.is_limited() {
                self.write_uses(kept).await?;
            }
            return Ok(Some(Lasting::Always));
        }
        let session = self.session.read();
        let of = session.get(&holder.principal).map(Vec::as_slice).unwrap_or_default();
        let found = take(of.iter().filter(|kept| kept.of().holder == *holder), resource);
        Ok(found.map(|_| Lasting::Session))
    }

    /// All consent for good that counts, in no order.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn always_granted(&self) -> Result<Vec<Allowance>, GrantsUnavailable> {
        let (always, now) = (self.always().await?, SystemTime::now());
        Ok(always.all().filter(|kept| !kept.is_over(now)).map(|kept| kept.allowance()).collect())
    }

    /// An operator's consent, under which nobody is asked. Consent to the same again takes its place.
    ///
    /// # Errors
    /// It cannot be written, or the principal has [`MAX_ALWAYS`].
    pub async fn add(&self, allowance: Allowance) -> Result<(), GrantsUnavailable> {
        match allowance.lasting {
            Lasting::Session => keep(&mut self.session.write(), allowance),
            Lasting::Always => {
                self.always().await?;
                let _writing = self.writes.lock().await;
                self.write(allowance).await?;
            }
        }
        Ok(())
    }

    /// Takes consent for good back: the next call asks. False if there is none of this number.
    ///
    /// # Errors
    /// It cannot be read or written, and may still be there after the next start. It does not count any more
    /// in this process.
    pub async fn revoke(&self, id: Uuid) -> Result<bool, GrantsUnavailable> {
        self.always().await?;
        let _writing = self.writes.lock().await;
        let Some(always) = self.always.load_full() else { return Ok(false) };
        let Some(kept) = always.all().find(|kept| kept.of().id == id) else { return Ok(false) };
        // The other way round than granting: what is taken back must never count longer than said.
        self.swap(|index| index.retain(|other| other.of().id != id));
        self.grants.remove(kept.of()).await?;
        Ok(true)
    }

    /// A principal's last connection is gone, and its session with it.
    pub fn end_session(&self, who: &Principal) {
        self.tickets.end(who, Ended::Session);
        self.session.write().remove(who);
    }

    /// A principal is about to be deleted: what is answered to a question that waits is kept nowhere.
    pub fn fence(&self, who: &Principal) {
        self.tickets.end(who, Ended::Principal);
        self.session.write().remove(who);
    }

    /// A principal is deleted, and everything it consented to. To be called when it makes no calls any more.
    ///
    /// # Errors
    /// Consent for good cannot be removed from where it is kept. It does not count any more in this process.
    pub async fn delete(&self, who: &Principal) -> Result<(), GrantsUnavailable> {
        self.fence(who);
        // After whoever is writing for the principal now.
        let _writing = self.writes.lock().await;
        self.swap(|index| index.retain(|kept| kept.of().holder.principal != *who));
        self.grants.remove_of(who).await
    }

    pub(crate) fn ticket(&self, who: &Principal) -> Ticket {
        self.tickets.open(who)
    }

    /// Keeps what the question of this ticket was answered with.
    pub(crate) async fn remember(&self, allowance: Allowance, ticket: &Ticket) -> Result<(), NotKept> {
        if allowance.lasting == Lasting::Session {
            let mut session = self.session.write();
            // Under the lock: whoever ends it later also finds what is put here.
            match ticket.ended() {
                Ended::Principal => return Err(NotKept::PrincipalGone),
                Ended::Session => return Err(NotKept::SessionOver),
                Ended::Nothing => keep(&mut session, allowance),
            }
            return Ok(());
        }
        self.always().await?;
        let _writing = self.writes.lock().await;
        if ticket.ended() == Ended::Principal {
            return Err(NotKept::PrincipalGone);
        }
        Ok(self.write(allowance).await?)
    }

    /// As it is by now: of two callers the later one writes what both left.
    async fn write_uses(&self, kept: &Kept) -> Result<(), GrantsUnavailable> {
        let _writing = self.writes.lock().await;
        let allowance = kept.allowance();
        let always = self.always.load_full();
        // Whoever revoked it meanwhile must not find it again.
        if !always.is_some_and(|always| always.all().any(|other| other.of().id == allowance.id)) {
            return Ok(());
        }
        match allowance.uses {
            Some(0) => self.grants.remove(&allowance).await,
            _ => self.grants.put(&allowance).await,
        }
    }

    /// On disk first, then where it is found. Whoever calls holds `writes`.
    async fn write(&self, allowance: Allowance) -> Result<(), GrantsUnavailable> {
        let always = self.always.load_full().unwrap_or_default();
        let now = SystemTime::now();
        let of_principal = |kept: &&Arc<Kept>| kept.of().holder.principal == allowance.holder.principal;
        let (over, held): (Vec<_>, Vec<_>) =
            always.all().filter(of_principal).partition(|kept| kept.is_over(now));
        let others = held.iter().filter(|kept| !kept.of().is_again(&allowance)).count();
        if others >= MAX_ALWAYS {
            return Err(GrantsUnavailable(format!(
                "the principal has {MAX_ALWAYS}, and one must be revoked"
            )));
        }
        // What counts no more makes room.
        for over in over {
            self.grants.remove(over.of()).await?;
        }
        self.grants.put(&allowance).await?;
        self.swap(|index| {
            index.retain(|kept| {
                kept.of().holder.principal != allowance.holder.principal || !kept.is_over(now)
            });
            index.put(allowance);
        });
        Ok(())
    }

    /// Read, if it was not yet. An error is no answer for good: the next call tries again.
    async fn always(&self) -> Result<Arc<Index>, GrantsUnavailable> {
        if let Some(always) = self.always.load_full() {
            return Ok(always);
        }
        let _writing = self.writes.lock().await;
        if let Some(always) = self.always.load_full() {
            return Ok(always);
        }
        let always = Arc::new(Index::of(self.grants.load().await?));
        self.always.store(Some(always.clone()));
        Ok(always)
    }

    /// Whoever calls holds `writes`.
    fn swap(&self, change: impl FnOnce(&mut Index)) {
        if let Some(always) = self.always.load_full() {
            let mut next = Index::clone(&always);
            change(&mut next);
            self.always.store(Some(Arc::new(next)));
        }
    }
}

fn keep(session: &mut HashMap<Principal, Vec<Arc<Kept>>>, allowance: Allowance) {
    let of = session.entry(allowance.holder.principal.clone()).or_default();
    let now = SystemTime::now();
    of.retain(|kept| !kept.of().is_again(&allowance) && !kept.is_over(now));
    if of.len() >= MAX_SESSION {
        of.remove(0);
    }
    of.push(Kept::new(allowance));
}

impl fmt::Debug for AllowanceStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllowanceStore").field("read", &self.always.load().is_some()).finish_non_exhaustive()
    }
}
