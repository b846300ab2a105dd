//! What every principal burnt since the host started.

use std::collections::HashMap;

use astrid_host_context::Principal;
use parking_lot::Mutex;

/// Principals with a total of their own; those beyond it share one, so that the sum stays right.
const MAX_ENTRIES: usize = 65_536;

/// Total fuel by principal; `None` stands for calls of nobody. Survives reloads of capsules.
#[derive(Debug, Default)]
pub struct FuelLedger(Mutex<Totals>);

#[derive(Debug, Default)]
struct Totals {
    of: HashMap<Option<Principal>, u64>,
    others: u64,
}

impl FuelLedger {
    /// Adds `fuel`, stopping at the largest number.
    pub fn charge(&self, who: Option<Principal>, fuel: u64) {
        let totals = &mut *self.0.lock();
        let full = totals.of.len() >= MAX_ENTRIES;
        let total = match totals.of.get_mut(&who) {
            Some(total) => total,
            None if full => &mut totals.others,
            None => totals.of.entry(who).or_default(),
        };
        *total = total.saturating_add(fuel);
    }

    /// What one principal burnt.
    #[must_use]
    pub fn total(&self, who: Option<&Principal>) -> u64 {
        self.0.lock().of.get(&who.cloned()).copied().unwrap_or(0)
    }

    /// All totals, in no order, with that of principals beyond the ledger's size last and as nobody's.
    #[must_use]
    pub fn snapshot(&self) -> Vec<(Option<Principal>, u64)> {
        let totals = self.0.lock();
        let own = totals.of.iter().map(|(who, fuel)| (who.clone(), *fuel));
        let others = (totals.others > 0).then_some((None, totals.others));
        own.chain(others).collect()
    }
}
