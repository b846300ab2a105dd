//! A resolver whose answers a test writes.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use parking_lot::Mutex;

use super::{Resolution, Resolver, Unresolvable};

/// Answers from a script. Several answers for one name come one after the other, the last for ever,
/// so that a name can rebind between two questions. Unknown names do not exist.
#[derive(Debug, Default)]
pub struct Scripted {
    names: Mutex<HashMap<String, Script>>,
}

#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<Vec<IpAddr>>,
    asked: usize,
    silent: bool,
}

impl Scripted {
    /// Knows no name.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next answer for `name`.
    #[must_use]
    pub fn answer(self, name: &str, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let answer = addresses.into_iter().collect();
        self.names.lock().entry(name.to_owned()).or_default().answers.push_back(answer);
        self
    }

    /// Never answers for `name`.
    #[must_use]
    pub fn silent(self, name: &str) -> Self {
        self.names.lock().entry(name.to_owned()).or_default().silent = true;
        self
    }

    /// How often `name` was asked for.
    #[must_use]
    pub fn asked(&self, name: &str) -> usize {
        self.names.lock().get(name).map_or(0, |script| script.asked)
    }

    fn next(&self, name: &str) -> Option<Result<Vec<IpAddr>, Unresolvable>> {
        let mut names = self.names.lock();
        let script = names.entry(name.to_owned()).or_default();
        script.asked += 1;
        if script.silent {
            return None;
        }
        let last = script.answers.len() <= 1;
        let answer = if last { script.answers.front().cloned() } else { script.answers.pop_front() };
        Some(answer.filter(|addresses| !addresses.is_empty()).ok_or(Unresolvable))
    }
}

impl Resolver for Scripted {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolution<'a> {
        Box::pin(async move {
            match self.next(name) {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }
}
