//! Who needs whom.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::fmt;

use crate::Located;
use crate::provided::Provided;

/// Something a capsule needs that nothing provides. Displays as `{capsule}: nothing provides {requirement}`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unmet {
    /// Who needs it.
    pub capsule: String,
    /// An interface with its version requirement, or a typed name such as `topic:a.b`.
    pub requirement: String,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: nothing provides {}", self.capsule, self.requirement)
    }
}

/// The needs among a list of capsules, by position in the list.
pub(crate) struct Graph {
    providers: Vec<BTreeSet<usize>>,
    dependents: Vec<Vec<usize>>,
    pub(crate) unmet: Vec<Unmet>,
}

impl Graph {
    pub(crate) fn of(list: &[Located], with_optional: bool) -> Self {
        let provided = Provided::of(list);
        let mut graph = Self {
            providers: vec![BTreeSet::new(); list.len()],
            dependents: vec![Vec::new(); list.len()],
            unmet: Vec::new(),
        };
        for (at, (manifest, _)) in list.iter().enumerate() {
            for (name, import) in &manifest.imports {
                // What a capsule exports itself does not answer its own import.
                let mut found = provided.interface(name, &import.version);
                found.retain(|provider| *provider != at);
                if found.is_empty() && !import.optional {
                    graph.unmet(manifest.package.name.as_str(), format!("{name} {}", import.version));
                }
                if with_optional || !import.optional {
                    found.into_iter().for_each(|provider| graph.edge(provider, at));
                }
            }
            for wanted in &manifest.dependencies.requires {
                let found = provided.reference(wanted);
                if found.is_empty() {
                    graph.unmet(manifest.package.name.as_str(), wanted.to_string());
                }
                found.into_iter().for_each(|provider| graph.edge(provider, at));
            }
        }
        graph
    }

    fn unmet(&mut self, capsule: &str, requirement: String) {
        self.unmet.push(Unmet { capsule: capsule.to_owned(), requirement });
    }

    fn edge(&mut self, provider: usize, dependent: usize) {
        if provider == dependent {
            return;
        }
        if let Some(providers) = self.providers.get_mut(dependent)
            && providers.insert(provider)
            && let Some(dependents) = self.dependents.get_mut(provider)
        {
            dependents.push(dependent);
        }
    }

    pub(crate) fn providers(&self, of: usize) -> impl Iterator<Item = usize> {
        self.providers.get(of).into_iter().flatten().copied()
    }

    fn dependents(&self, of: usize) -> impl Iterator<Item = usize> {
        self.dependents.get(of).into_iter().flatten().copied()
    }

    /// Positions with every provider before those who need it, the earliest in the list first where
    /// there is a choice; shorter than the list if some need each other.
    pub(crate) fn sort(&self) -> Vec<usize> {
        let mut waiting: Vec<usize> = self.providers.iter().map(BTreeSet::len).collect();
        let free = waiting.iter().enumerate().filter(|(_, needs)| **needs == 0);
        let mut ready: BinaryHeap<_> = free.map(|(at, _)| Reverse(at)).collect();
        let mut sorted = Vec::with_capacity(waiting.len());
        while let Some(Reverse(at)) = ready.pop() {
            sorted.push(at);
            for dependent in self.dependents(at) {
                let Some(needs) = waiting.get_mut(dependent) else { continue };
                *needs = needs.saturating_sub(1);
                if *needs == 0 {
                    ready.push(Reverse(dependent));
                }
            }
        }
        sorted
    }

    /// True if the capsule at `start` needs, over however many steps, itself.
    pub(crate) fn lies_on_cycle(&self, start: usize) -> bool {
        let mut seen = BTreeSet::new();
        let mut next: Vec<usize> = self.providers(start).collect();
        while let Some(at) = next.pop() {
            if at == start {
                return true;
            }
            if seen.insert(at) {
                next.extend(self.providers(at));
            }
        }
        false
    }
}
