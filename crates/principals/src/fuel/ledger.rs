//! What every principal burnt since the host started.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use astrid_host_context::Principal;
use parking_lot::Mutex;

/// Principals with a total of their own; those beyond it share one, so that the sum stays right.
const MAX_ENTRIES: usize = 65_536;

/// Total fuel by principal; `None` stands for calls of nobody. Survives reloads of capsules.
#[derive(Debug, Default)]
pub struct FuelLedger {
    of: Mutex<HashMap<Option<Principal>, Arc<AtomicU64>>>,
    others: Arc<AtomicU64>,
}

/// Where one principal's fuel is added up, to be looked up once.
#[derive(Debug, Clone)]
pub(super) enum Total {
    /// One writer at a time, its account's lock held: a read and a write will do.
    Own(Arc<AtomicU64>),
    /// That of everybody beyond the ledger's size.
    Shared(Arc<AtomicU64>),
}

impl Total {
    /// Adds `fuel`, stopping at the largest number. By who holds the account's lock.
    pub(super) fn add(&self, fuel: u64) {
        match self {
            Self::Own(total) => {
                total.store(total.load(Ordering::Relaxed).saturating_add(fuel), Ordering::Relaxed);
            }
            Self::Shared(total) => {
                let before = total.fetch_add(fuel, Ordering::Relaxed);
                if before.checked_add(fuel).is_none() {
                    total.store(u64::MAX, Ordering::Relaxed);
                }
            }
        }
    }
}

impl FuelLedger {
    /// Where `who` is charged; a total of its own as long as there is room.
    pub(super) fn total_of(&self, who: Option<&Principal>) -> Total {
        let (mut totals, who) = (self.of.lock(), who.cloned());
        if totals.len() >= MAX_ENTRIES {
            let own = totals.get(&who).cloned().map(Total::Own);
            return own.unwrap_or_else(|| Total::Shared(self.others.clone()));
        }
        Total::Own(totals.entry(who).or_default().clone())
    }

    /// What one principal burnt.
    #[must_use]
    pub fn total(&self, who: Option<&Principal>) -> u64 {
        self.of.lock().get(&who.cloned()).map_or(0, |total| total.load(Ordering::Relaxed))
    }

    /// All totals, in no order, with that of principals beyond the ledger's size last and as nobody's.
    #[must_use]
    pub fn snapshot(&self) -> Vec<(Option<Principal>, u64)> {
        let totals = self.of.lock();
        let own = totals.iter().map(|(who, total)| (who.clone(), total.load(Ordering::Relaxed)));
        let others = Some((None, self.others.load(Ordering::Relaxed))).filter(|(_, fuel)| *fuel > 0);
        own.chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_stops_at_the_largest_number_and_those_beyond_the_ledgers_size_share_one() {
        let ledger = FuelLedger::default();
        ledger.total_of(None).add(u64::MAX - 1);
        ledger.total_of(None).add(7);
        assert_eq!(ledger.total(None), u64::MAX);
        for n in 1..MAX_ENTRIES {
            ledger.total_of(Some(&Principal::parse(&format!("p{n}")).unwrap())).add(1);
        }
        let (known, late) = (Principal::parse("p1").unwrap(), Principal::parse("late").unwrap());
        ledger.total_of(Some(&known)).add(1);
        ledger.total_of(Some(&late)).add(3);
        assert_eq!((ledger.total(Some(&known)), ledger.total(Some(&late))), (2, 0));
        let snapshot = ledger.snapshot();
        assert_eq!((snapshot.len(), snapshot.last()), (MAX_ENTRIES + 1, Some(&(None, 3))));
    }
}
