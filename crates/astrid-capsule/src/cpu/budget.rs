//! Fuel of all principals: admission, pacing and the running total.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use astrid_host_context::Principal;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::ledger::Window;

/// Longest wait for room in the window before a call is denied (engines chapter §3).
const ADMISSION_WAIT: Duration = Duration::from_secs(1);
/// Principals remembered before idle windows are forgotten.
const PRUNE_ABOVE: usize = 1000;

type Account = Option<Principal>;

#[derive(Debug, Default)]
struct Accounts {
    windows: HashMap<Account, Window>,
    totals: HashMap<Account, u64>,
}

/// Shared by all capsules of a runtime, so that a second capsule is no second budget.
#[derive(Debug)]
pub(crate) struct FuelBudget {
    per_second: u64,
    per_invocation: u64,
    accounts: Mutex<Accounts>,
}

impl FuelBudget {
    pub(crate) fn new(per_second: u64, per_invocation: u64) -> Arc<Self> {
        Arc::new(Self {
            per_second: per_second.max(1),
            per_invocation: per_invocation.max(1),
            accounts: Mutex::default(),
        })
    }

    /// What one invocation may burn in total.
    pub(crate) fn per_invocation(&self) -> u64 {
        self.per_invocation
    }

    /// What a principal may burn in one second.
    pub(crate) fn per_second(&self) -> u64 {
        self.per_second
    }

    /// Everything a principal burnt since the runtime started.
    pub(crate) fn total(&self, who: Option<&Principal>) -> u64 {
        self.accounts.lock().totals.get(&who.cloned()).copied().unwrap_or(0)
    }

    /// Reserves the share of one call, waiting up to a second, never past `until`. `None`: over budget.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        who: Option<&Principal>,
        in_flight: u64,
        until: Option<Instant>,
    ) -> Option<Admission> {
        let share = (self.per_second / in_flight.max(1)).clamp(1, self.per_invocation);
        let last = Instant::now() + ADMISSION_WAIT;
        let last = until.map_or(last, |until| last.min(until));
        loop {
            let now = Instant::now();
            let wait = self.with(who, |window| match window.try_take(share, self.per_second, now) {
                true => None,
                false => Some(window.room_in(share, self.per_second, now)),
            });
            match wait {
                None => {
                    return Some(Admission { budget: self.clone(), who: who.cloned(), share, spent: 0 });
                }
                Some(_) if now >= last => return None,
                Some(wait) => {
                    tokio::time::sleep_until((now + wait.max(Duration::from_micros(1))).min(last)).await;
                }
            }
        }
    }

    fn with<R>(&self, who: Option<&Principal>, act: impl FnOnce(&mut Window) -> R) -> R {
        let now = Instant::now();
        let who = who.cloned();
        let windows = &mut self.accounts.lock().windows;
        if windows.len() > PRUNE_ABOVE && !windows.contains_key(&who) {
            windows.retain(|_, window| !window.is_idle(self.per_second, now));
        }
        act(windows.entry(who).or_insert_with(|| Window::new(now)))
    }

    fn settle(&self, who: Option<&Principal>, charged: u64, actual: u64) {
        let now = Instant::now();
        let mut accounts = self.accounts.lock();
        let who = who.cloned();
        // A window that was pruned meanwhile was idle and has nothing to give back.
        if let Some(window) = accounts.windows.get_mut(&who) {
            window.refund(charged.saturating_sub(actual));
            window.charge(actual.saturating_sub(charged), self.per_second, now);
        }
        let total = accounts.totals.entry(who).or_default();
        *total = total.saturating_add(actual);
    }
}

/// One call's reservation. Unless settled it charges its whole share: who vanishes pays in full.
#[derive(Debug)]
pub(crate) struct Admission {
    budget: Arc<FuelBudget>,
    who: Account,
    share: u64,
    spent: u64,
}

impl Admission {
    /// Fuel between two looks at the window: fine enough to pace, coarse enough to cost nothing.
    pub(crate) fn interval(&self) -> u64 {
        (self.share / 8).clamp(1_000_000, 50_000_000)
    }

    /// Charges what the call burnt so far, in total, and says how long the guest has to pause for it.
    pub(crate) fn spent(&mut self, total: u64) -> Duration {
        let charged = self.share.max(self.spent);
        self.spent = self.spent.max(total);
        let (now, rate) = (Instant::now(), self.budget.per_second);
        self.budget.with(self.who.as_ref(), |window| {
            window.charge(total.saturating_sub(charged), rate, now);
            window.room_in(0, rate, now)
        })
    }

    /// Ends the call with what it really burnt.
    pub(crate) fn settle(self, actual: u64) {
        self.budget.settle(self.who.as_ref(), self.share.max(self.spent), actual);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(rate: u64) -> Arc<FuelBudget> {
        FuelBudget::new(rate, 10 * rate)
    }

    // principals case 15
    #[tokio::test(start_paused = true)]
    async fn a_reservation_that_is_dropped_stays_charged_and_one_that_is_settled_with_nothing_is_free() {
        let fuel = budget(1000);
        let dropped = fuel.admit(None, 1, None).await.unwrap();
        drop(dropped);
        let until = Some(Instant::now());
        assert!(fuel.admit(None, 1, until).await.is_none());
        tokio::time::advance(Duration::from_secs(1)).await;
        fuel.admit(None, 1, None).await.unwrap().settle(0);
        assert!(fuel.admit(None, 1, Some(Instant::now())).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_overshoot_is_a_debt_that_later_seconds_pay() {
        let fuel = budget(1000);
        let mut call = fuel.admit(None, 1, None).await.unwrap();
        let pauses: Vec<_> = (1..=5).map(|second| call.spent(1000 * second)).collect();
        assert_eq!(pauses, [0, 1, 2, 3, 4].map(Duration::from_secs));
        call.settle(5000);
        assert_eq!(fuel.total(None), 5000);
        assert!(fuel.admit(None, 1, None).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn one_principal_over_budget_leaves_the_other_untouched() {
        let fuel = budget(1000);
        let (alice, bob) = (Principal::parse("alice").unwrap(), Principal::parse("bob").unwrap());
        let mut call = fuel.admit(Some(&alice), 1, None).await.unwrap();
        call.spent(9000);
        assert!(fuel.admit(Some(&alice), 1, None).await.is_none());
        assert!(fuel.admit(Some(&bob), 1, Some(Instant::now())).await.is_some());
    }
}
