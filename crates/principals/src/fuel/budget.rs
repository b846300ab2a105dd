//! Fuel of all principals: admission and pacing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use astrid_host_context::Principal;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::FuelLedger;
use super::ledger::Total;
use super::window::Window;

/// Longest wait for room in the window before a call is denied (engines chapter §3).
const ADMISSION_WAIT: Duration = Duration::from_secs(1);
/// Principals remembered before idle windows are forgotten, and how often they are looked for.
const PRUNE_ABOVE: usize = 1000;
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// How fast one principal may burn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FuelRate {
    /// Fuel in a second.
    per_second: u64,
    /// What one call reserves of it.
    share: u64,
}

impl FuelRate {
    /// So much fuel in a second, for so many calls at once; zero counts as one.
    #[must_use]
    pub fn new(per_second: u64, in_flight: u64) -> Self {
        let per_second = per_second.max(1);
        Self { per_second, share: (per_second / in_flight.max(1)).max(1) }
    }
}

#[derive(Debug)]
struct Accounts {
    of: HashMap<Option<Principal>, Arc<FuelAccount>>,
    pruned: Instant,
}

/// Shared by all capsules of a runtime, so that a second capsule is no second budget.
///
/// A principal is over budget while more than a second's worth is used. What a call holds is
/// reserved before it runs, and settled with what it really burnt; an overshoot is a debt that the
/// following seconds pay.
#[derive(Debug)]
pub struct FuelBudget {
    per_invocation: u64,
    ledger: FuelLedger,
    accounts: Mutex<Accounts>,
}

/// One principal's fuel. Nobody forgets it while it is held, so who calls often looks it up once.
#[derive(Debug)]
pub struct FuelAccount {
    per_invocation: u64,
    total: Total,
    /// The window and the rate it last drained at.
    window: Mutex<(Window, u64)>,
}

impl FuelBudget {
    /// A budget whose calls burn at most `per_invocation` each.
    #[must_use]
    pub fn new(per_invocation: u64) -> Arc<Self> {
        Arc::new(Self {
            per_invocation: per_invocation.max(1),
            ledger: FuelLedger::default(),
            accounts: Mutex::new(Accounts { of: HashMap::new(), pruned: Instant::now() }),
        })
    }

    /// What one invocation may burn in total.
    #[inline]
    #[must_use]
    pub fn per_invocation(&self) -> u64 {
        self.per_invocation
    }

    /// The totals.
    #[must_use]
    pub fn ledger(&self) -> &FuelLedger {
        &self.ledger
    }

    /// What is used of the second that ends now; more than the rate while there is a debt.
    #[must_use]
    pub fn window(&self, who: Option<&Principal>) -> u64 {
        let now = Instant::now();
        let account = self.accounts.lock().of.get(&who.cloned()).cloned();
        account.map_or(0, |account| {
            let (window, rate) = &mut *account.window.lock();
            window.used(*rate, now)
        })
    }

    /// Principals with a window now.
    #[must_use]
    pub fn windows(&self) -> usize {
        self.accounts.lock().of.len()
    }

    /// Where calls of `who` are admitted and charged.
    #[must_use]
    pub fn account(&self, who: Option<&Principal>) -> Arc<FuelAccount> {
        let now = Instant::now();
        let Accounts { of, pruned } = &mut *self.accounts.lock();
        if of.len() > PRUNE_ABOVE && now.saturating_duration_since(*pruned) >= PRUNE_EVERY {
            of.retain(|_, account| Arc::strong_count(account) > 1 || !account.is_idle(now));
            *pruned = now;
        }
        of.entry(who.cloned()).or_insert_with(|| Arc::new(self.open(who, now))).clone()
    }

    fn open(&self, who: Option<&Principal>, now: Instant) -> FuelAccount {
        FuelAccount {
            per_invocation: self.per_invocation,
            total: self.ledger.total_of(who),
            window: Mutex::new((Window::new(now), 1)),
        }
    }
}

impl FuelAccount {
    /// Reserves the share of one call, waiting up to a second, never past `until`. `None`: over budget.
    pub async fn admit(&self, rate: FuelRate, until: Option<Instant>) -> Option<Admission<'_>> {
        let mut now = Instant::now();
        let last = now + ADMISSION_WAIT;
        let last = until.map_or(last, |until| last.min(until));
        loop {
            match self.take(rate, now) {
                Ok(admission) => return Some(admission),
                Err(_) if now >= last => return None,
                Err(wait) => {
                    tokio::time::sleep_until((now + wait.max(Duration::from_micros(1))).min(last)).await;
                    now = Instant::now();
                }
            }
        }
    }

    /// Reserves the share of one call if there is room for it at once.
    #[inline]
    #[must_use]
    pub fn try_admit(&self, rate: FuelRate, now: Instant) -> Option<Admission<'_>> {
        self.take(rate, now).ok()
    }

    /// Counts what a call burnt that no rate bounds: in the total alone, so that nobody pays for it later.
    pub fn measure(&self, burnt: u64) {
        let _held = self.window.lock();
        self.total.add(burnt);
    }

    /// The reservation, or how long to wait for it.
    #[inline]
    fn take(&self, rate: FuelRate, now: Instant) -> Result<Admission<'_>, Duration> {
        let per_second = rate.per_second;
        let share = rate.share.min(self.per_invocation);
        let (window, draining) = &mut *self.window.lock();
        *draining = per_second;
        if window.try_take(share, per_second, now) {
            Ok(Admission { account: self, per_second, share, spent: 0 })
        } else {
            Err(window.room_in(share, per_second, now))
        }
    }

    #[inline]
    fn settle(&self, per_second: u64, charged: u64, actual: u64) {
        let mut window = self.window.lock();
        self.total.add(actual);
        let window = &mut window.0;
        if charged >= actual {
            window.refund(charged - actual);
        } else {
            window.charge(actual - charged, per_second, Instant::now());
        }
    }

    fn is_idle(&self, now: Instant) -> bool {
        let (window, rate) = &mut *self.window.lock();
        window.is_idle(*rate, now)
    }
}

/// One call's reservation. Unless settled it charges its whole share: who vanishes pays in full.
#[derive(Debug)]
pub struct Admission<'a> {
    account: &'a FuelAccount,
    per_second: u64,
    share: u64,
    spent: u64,
}

impl Admission<'_> {
    /// Fuel between two looks at the window, and between two chances for everybody else on the thread: fine
    /// enough to pace, coarse enough to cost nothing. A tokio worker under load looks at its timers once in 61
    /// turns, so the longest turn times 61 is how late host work may come; with five times as much it was
    /// 120 ms for 64 handlers on two workers, where 50 ms are promised.
    #[inline]
    #[must_use]
    pub fn interval(&self) -> u64 {
        (self.share / 8).clamp(1_000_000, 10_000_000)
    }

    /// Charges what the call burnt so far, in total, and says how long the guest has to pause for it.
    pub fn spent(&mut self, total: u64) -> Duration {
        let charged = self.share.max(self.spent);
        self.spent = self.spent.max(total);
        let (now, rate) = (Instant::now(), self.per_second);
        let (window, draining) = &mut *self.account.window.lock();
        *draining = rate;
        window.charge(total.saturating_sub(charged), rate, now);
        window.room_in(0, rate, now)
    }

    /// Ends the call with what it really burnt.
    #[inline]
    pub fn settle(self, actual: u64) {
        self.account.settle(self.per_second, self.share.max(self.spent), actual);
    }
}

#[cfg(test)]
mod tests;
