//! The most memory one instance held for each principal.

use std::collections::HashMap;

use astrid_host_context::Principal;
use parking_lot::Mutex;

/// Principals remembered: the largest, which are those an operator looks for.
const MAX_ENTRIES: usize = 4096;

/// Peak bytes by principal.
#[derive(Debug, Default)]
pub struct MemoryLedger(Mutex<HashMap<Principal, u64>>);

impl MemoryLedger {
    /// Takes a sample; the largest counts. When the ledger is full, a newcomer replaces the smallest
    /// entry if it is larger.
    pub fn sample(&self, who: &Principal, bytes: u64) {
        let mut peaks = self.0.lock();
        if let Some(peak) = peaks.get_mut(who) {
            *peak = bytes.max(*peak);
            return;
        }
        if peaks.len() >= MAX_ENTRIES {
            let smallest = peaks.iter().min_by_key(|(_, peak)| **peak);
            match smallest.map(|(who, peak)| (who.clone(), *peak)) {
                Some((smallest, peak)) if peak < bytes => peaks.remove(&smallest),
                _ => return,
            };
        }
        peaks.insert(who.clone(), bytes);
    }

    /// The most one instance held for `who`, 0 if it is not remembered.
    #[must_use]
    pub fn peak(&self, who: &Principal) -> u64 {
        self.0.lock().get(who).copied().unwrap_or(0)
    }

    /// Principals remembered now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Whether nobody is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    // principals case 16
    #[test]
    fn a_full_ledger_takes_a_newcomer_only_in_place_of_a_smaller_one() {
        let ledger = MemoryLedger::default();
        let name = |n: &str| Principal::parse(n).unwrap();
        for n in 0..MAX_ENTRIES {
            ledger.sample(&name(&format!("p{n}")), 10 * MIB);
        }
        ledger.sample(&name("small"), 5 * MIB);
        assert_eq!((ledger.peak(&name("small")), ledger.len()), (0, MAX_ENTRIES));
        ledger.sample(&name("large"), 20 * MIB);
        assert_eq!((ledger.peak(&name("large")), ledger.len()), (20 * MIB, MAX_ENTRIES));
        ledger.sample(&name("large"), MIB);
        assert_eq!(ledger.peak(&name("large")), 20 * MIB);
    }
}
