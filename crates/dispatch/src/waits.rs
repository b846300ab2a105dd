//! Who waits for whose queue, so that a circle of publishers is refused instead of timing out.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// Edges from the queue whose handler is publishing to the full queue it waits for, by queue number.
#[derive(Debug, Default)]
pub(crate) struct Waits(Mutex<HashMap<u64, Vec<u64>>>);

/// An edge, for as long as the wait lasts.
pub(crate) struct Waiting {
    waits: Arc<Waits>,
    source: u64,
    target: u64,
}

impl Waits {
    /// Records that `source` waits for `target`; `None` if `target` already waits for `source`.
    pub(crate) fn begin(self: &Arc<Self>, source: u64, target: u64) -> Option<Waiting> {
        let mut edges = self.0.lock();
        if reaches(&edges, target, source) {
            return None;
        }
        edges.entry(source).or_default().push(target);
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

fn reaches(edges: &HashMap<u64, Vec<u64>>, from: u64, to: u64) -> bool {
    let (mut open, mut seen) = (vec![from], Vec::new());
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if !seen.contains(&at) {
            seen.push(at);
            open.extend(edges.get(&at).into_iter().flatten());
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    // ipc case 48
    #[test]
    fn a_wait_that_would_close_a_circle_is_refused_and_ends_with_its_guard() {
        let waits = Arc::new(Waits::default());
        let _ab = waits.begin(1, 2).unwrap();
        let bc = waits.begin(2, 3).unwrap();
        assert!(waits.begin(3, 1).is_none());
        assert!(waits.begin(4, 4).is_none());
        drop(bc);
        assert!(waits.begin(3, 1).is_some());
    }
}
