//! Who waits for whose queue, so that a circle of publishers is refused instead of timing out.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::lanes::LaneKey;

/// Edges from the queue whose handler is publishing to the full queue it waits for. A handler can
/// publish from one call at a time, so a queue has at most one edge for each of its publishers.
#[derive(Default)]
pub(super) struct Waits(Mutex<HashMap<LaneKey, Vec<LaneKey>>>);

/// An edge, for as long as the wait lasts.
pub(super) struct Waiting {
    waits: Arc<Waits>,
    source: LaneKey,
    target: LaneKey,
}

impl Waits {
    /// Records that `source` waits for `target`; `None` if `target` already waits for `source`.
    pub(super) fn begin(self: &Arc<Self>, source: LaneKey, target: LaneKey) -> Option<Waiting> {
        let mut edges = self.0.lock();
        if reaches(&edges, &target, &source) {
            return None;
        }
        edges.entry(source.clone()).or_default().push(target.clone());
        Some(Waiting { waits: self.clone(), source, target })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut edges = self.waits.0.lock();
        if let Some(targets) = edges.get_mut(&self.source) {
            if let Some(at) = targets.iter().position(|target| *target == self.target) {
                targets.swap_remove(at);
            }
            if targets.is_empty() {
                edges.remove(&self.source);
            }
        }
    }
}

fn reaches(edges: &HashMap<LaneKey, Vec<LaneKey>>, from: &LaneKey, to: &LaneKey) -> bool {
    let (mut open, mut seen) = (vec![from], Vec::new());
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if !seen.contains(&at) {
            seen.push(at);
            open.extend(edges.get(at).into_iter().flatten());
        }
    }
    false
}
