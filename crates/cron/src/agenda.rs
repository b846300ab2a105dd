//! Which jobs are due, without a look at those that are not.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::entry::Due;
use crate::{Clock, JobKey};

/// Every job that will be due, by when: calendars by the clock on the wall, intervals by the one nobody
/// sets.
#[derive(Default)]
pub(crate) struct Agenda {
    wall: BTreeSet<(Timestamp, JobKey)>,
    elapsed: BTreeSet<(Duration, JobKey)>,
    /// The latest time on the wall at which a slot of a calendar was found.
    found: Option<Timestamp>,
}

impl Agenda {
    pub(crate) fn put(&mut self, key: JobKey, due: Due, clock: &dyn Clock) {
        match due {
            Due::At(at) => {
                self.found = self.found.max(Some(clock.now()));
                self.wall.insert((at, key));
            }
            Due::Elapsed(at) => drop(self.elapsed.insert((at, key))),
            Due::Never => {}
        }
    }

    pub(crate) fn remove(&mut self, key: &JobKey, due: Due) {
        match due {
            Due::At(at) => drop(self.wall.remove(&(at, key.clone()))),
            Due::Elapsed(at) => drop(self.elapsed.remove(&(at, key.clone()))),
            Due::Never => {}
        }
    }

    /// Takes out the jobs that are to be looked at now: those whose time has come, and every calendar when
    /// the clock on the wall was set back, since what was found while it was ahead may be far away.
    pub(crate) fn take(&mut self, clock: &dyn Clock) -> Vec<JobKey> {
        let (now, elapsed) = (clock.now(), clock.elapsed());
        let mut taken = Vec::new();
        if self.found.is_some_and(|found| now < found) {
            self.found = None;
            taken.extend(std::mem::take(&mut self.wall).into_iter().map(|(_, key)| key));
        }
        while self.wall.first().is_some_and(|(at, _)| *at <= now) {
            taken.extend(self.wall.pop_first().map(|(_, key)| key));
        }
        while self.elapsed.first().is_some_and(|(at, _)| *at <= elapsed) {
            taken.extend(self.elapsed.pop_first().map(|(_, key)| key));
        }
        taken
    }

    /// How long until [`Agenda::take`] has something to give, as far as the clocks are left alone.
    pub(crate) fn wait(&self, clock: &dyn Clock) -> Option<Duration> {
        let until = |at: Timestamp| Duration::try_from(at.duration_since(clock.now())).unwrap_or_default();
        let wall = self.wall.first().map(|(at, _)| until(*at));
        let elapsed = self.elapsed.first().map(|(at, _)| at.saturating_sub(clock.elapsed()));
        wall.into_iter().chain(elapsed).min()
    }
}
