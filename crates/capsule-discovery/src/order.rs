//! The order to load in.

use std::collections::HashSet;

use crate::Located;
use crate::graph::{Graph, Unmet};

/// Capsules that need each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("dependency cycle among: {}", .involved.join(", "))]
#[non_exhaustive]
pub struct CycleError {
    /// The names of the capsules on a cycle, sorted. Those that merely need one of them are not in here.
    pub involved: Vec<String>,
}

/// Sorts so that whoever provides something comes before whoever needs it; otherwise the order stays.
///
/// A need nobody provides for is logged as a warning and does not hold anything up. If capsules need each other, the
/// optional imports are left out of account once.
///
/// # Errors
/// [`CycleError`] with the list as it was given, to be loaded in that order.
pub fn toposort_manifests(list: Vec<Located>) -> Result<Vec<Located>, (CycleError, Vec<Located>)> {
    let graph = Graph::of(&list, true);
    for unmet in &graph.unmet {
        tracing::warn!(target: crate::LOG, "{unmet}");
    }
    let mut sorted = graph.sort();
    if sorted.len() < list.len() {
        let strict = Graph::of(&list, false);
        sorted = strict.sort();
        if sorted.len() < list.len() {
            return Err((cycle(&strict, &sorted, &list), list));
        }
    }
    let mut places: Vec<Option<Located>> = list.into_iter().map(Some).collect();
    Ok(sorted.into_iter().filter_map(|at| places.get_mut(at)?.take()).collect())
}

/// What the capsules of a list need and nothing in it provides. Optional imports are not needs.
#[must_use]
pub fn unmet(list: &[Located]) -> Vec<Unmet> {
    Graph::of(list, true).unmet
}

/// The level of each capsule of a sorted list: one more than the highest level it needs something
/// from, 0 if it needs nothing. Capsules of one level do not need each other and may load side by side.
/// A need of something that stands later in the list, as there are with cycles, does not count.
#[must_use]
pub fn levels(sorted: &[Located]) -> Vec<usize> {
    let graph = Graph::of(sorted, true);
    let mut levels: Vec<usize> = Vec::with_capacity(sorted.len());
    for at in 0..sorted.len() {
        let below = graph.providers(at).filter_map(|provider| levels.get(provider)).max();
        levels.push(below.map_or(0, |below| below + 1));
    }
    levels
}

fn cycle(graph: &Graph, placed: &[usize], list: &[Located]) -> CycleError {
    let placed: HashSet<_> = placed.iter().copied().collect();
    let stuck = list.iter().enumerate().filter(|(at, _)| !placed.contains(at) && graph.lies_on_cycle(*at));
    let mut involved: Vec<_> = stuck.map(|(_, (manifest, _))| manifest.package.name.to_string()).collect();
    involved.sort();
    CycleError { involved }
}

/// The frontends, which load first because others report to them, and the rest; each part keeps its order.
#[must_use]
pub fn uplinks_first(sorted: Vec<Located>) -> (Vec<Located>, Vec<Located>) {
    sorted.into_iter().partition(|(manifest, _)| manifest.capabilities.uplink)
}
