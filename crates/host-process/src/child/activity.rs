//! When a child was used last.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    last: Instant,
    /// Calls that go on.
    busy: usize,
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State { last: Instant::now(), busy: 0 }))
    }

    /// A call that uses the child, for as long as it goes on.
    pub(crate) fn begin(self: &Arc<Self>) -> Using {
        self.0.lock().busy += 1;
        Using(self.clone())
    }

    /// Since when nobody has used it; nothing while somebody does.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let state = self.0.lock();
        (state.busy == 0).then_some(state.last)
    }

    pub(crate) fn idle(&self) -> Duration {
        self.idle_since().map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// Somebody uses the child.
#[derive(Debug)]
pub(crate) struct Using(Arc<Activity>);

impl Drop for Using {
    fn drop(&mut self) {
        let mut state = self.0.0.lock();
        state.busy = state.busy.saturating_sub(1);
        state.last = Instant::now();
    }
}
