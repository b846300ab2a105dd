//! What requests come to, by capsule and never by URL.

use std::collections::BTreeMap;
use std::sync::Arc;

use astrid_host_context::{CapsuleId, Outcome};
use parking_lot::Mutex;

/// Counts of a client; a clone is the same ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcomes(Arc<Mutex<BTreeMap<CapsuleId, BTreeMap<&'static str, u64>>>>);

impl Outcomes {
    pub(crate) fn count(&self, capsule: &CapsuleId, outcome: Outcome) {
        let class = outcome.class().unwrap_or("ok");
        let mut counts = self.0.lock();
        let counts = match counts.get_mut(capsule) {
            Some(counts) => counts,
            None => counts.entry(capsule.clone()).or_default(),
        };
        *counts.entry(class).or_default() += 1;
    }

    pub(crate) fn figures(&self) -> Vec<(CapsuleId, &'static str, u64)> {
        let counts = self.0.lock();
        let rows = counts.iter().flat_map(|(capsule, counts)| {
            counts.iter().map(move |(class, count)| (capsule.clone(), *class, *count))
        });
        rows.collect()
    }
}
