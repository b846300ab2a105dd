//! Fuel of all principals: admission and pacing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use astrid_host_context::Principal;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::FuelLedger;
use super::window::Window;

/// Longest wait for room in the window before a call is denied (engines chapter §3).
const ADMISSION_WAIT: Duration = Duration::from_secs(1);
/// Principals remembered before idle windows are forgotten, and how often they are looked for.
const PRUNE_ABOVE: usize = 1000;
const PRUNE_EVERY: Duration = Duration::from_secs(60);

type Account = Option<Principal>;

/// How fast one principal may burn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FuelRate {
    /// Fuel in a second.
    pub per_second: u64,
    /// Calls that share it.
    pub in_flight: u64,
}

#[derive(Debug)]
struct Windows {
    of: HashMap<Account, (Window, u64)>,
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
    windows: Mutex<Windows>,
}

impl FuelBudget {
    /// A budget whose calls burn at most `per_invocation` each.
    #[must_use]
    pub fn new(per_invocation: u64) -> Arc<Self> {
        Arc::new(Self {
            per_invocation: per_invocation.max(1),
            ledger: FuelLedger::default(),
            windows: Mutex::new(Windows { of: HashMap::new(), pruned: Instant::now() }),
        })
    }

    /// What one invocation may burn in total.
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
        let mut windows = self.windows.lock();
        windows.of.get_mut(&who.cloned()).map_or(0, |(window, rate)| window.used(*rate, now))
    }

    /// Principals with a window now.
    #[must_use]
    pub fn windows(&self) -> usize {
        self.windows.lock().of.len()
    }

    /// Reserves the share of one call, waiting up to a second, never past `until`. `None`: over budget.
    pub async fn admit(
        self: &Arc<Self>,
        who: Option<&Principal>,
        rate: FuelRate,
        until: Option<Instant>,
    ) -> Option<Admission> {
        let per_second = rate.per_second.max(1);
        let share = (per_second / rate.in_flight.max(1)).clamp(1, self.per_invocation);
        let mut now = Instant::now();
        let last = now + ADMISSION_WAIT;
        let last = until.map_or(last, |until| last.min(until));
        loop {
            let wait =
                self.with(who, per_second, now, |window| match window.try_take(share, per_second, now) {
                    true => None,
                    false => Some(window.room_in(share, per_second, now)),
                });
            match wait {
                None => {
                    let (budget, who) = (self.clone(), who.cloned());
                    return Some(Admission { budget, who, per_second, share, spent: 0 });
                }
                Some(_) if now >= last => return None,
                Some(wait) => {
                    tokio::time::sleep_until((now + wait.max(Duration::from_micros(1))).min(last)).await;
                    now = Instant::now();
                }
            }
        }
    }

    fn with<R>(
        &self,
        who: Option<&Principal>,
        per_second: u64,
        now: Instant,
        act: impl FnOnce(&mut Window) -> R,
    ) -> R {
        let who = who.cloned();
        let Windows { of, pruned } = &mut *self.windows.lock();
        if of.len() > PRUNE_ABOVE && now.saturating_duration_since(*pruned) >= PRUNE_EVERY {
            of.retain(|_, (window, rate)| !window.is_idle(*rate, now));
            *pruned = now;
        }
        let (window, rate) = of.entry(who).or_insert_with(|| (Window::new(now), per_second));
        *rate = per_second;
        act(window)
    }

    fn settle(&self, who: Account, per_second: u64, charged: u64, actual: u64) {
        // A window that was pruned meanwhile was idle and has nothing to give back.
        if let Some((window, _)) = self.windows.lock().of.get_mut(&who) {
            if charged >= actual {
                window.refund(charged - actual);
            } else {
                window.charge(actual - charged, per_second, Instant::now());
            }
        }
        self.ledger.charge(who, actual);
    }
}

/// One call's reservation. Unless settled it charges its whole share: who vanishes pays in full.
#[derive(Debug)]
pub struct Admission {
    budget: Arc<FuelBudget>,
    who: Account,
    per_second: u64,
    share: u64,
    spent: u64,
}

impl Admission {
    /// Fuel between two looks at the window: fine enough to pace, coarse enough to cost nothing.
    #[must_use]
    pub fn interval(&self) -> u64 {
        (self.share / 8).clamp(1_000_000, 50_000_000)
    }

    /// Charges what the call burnt so far, in total, and says how long the guest has to pause for it.
    pub fn spent(&mut self, total: u64) -> Duration {
        let charged = self.share.max(self.spent);
        self.spent = self.spent.max(total);
        let (now, rate) = (Instant::now(), self.per_second);
        self.budget.with(self.who.as_ref(), rate, now, |window| {
            window.charge(total.saturating_sub(charged), rate, now);
            window.room_in(0, rate, now)
        })
    }

    /// Ends the call with what it really burnt.
    pub fn settle(self, actual: u64) {
        self.budget.settle(self.who, self.per_second, self.share.max(self.spent), actual);
    }
}

#[cfg(test)]
mod tests;
