//! How often names are asked for.

use std::collections::HashMap;
use std::time::Duration;

use astrid_host_context::{CapsuleId, Principal, Subject};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::Error;

const WINDOW: Duration = Duration::from_secs(1);

type Subjects<T> = HashMap<(Option<Principal>, CapsuleId), T>;

/// Look-ups in the current second per subject; a subject that stopped asking is forgotten.
#[derive(Debug, Default)]
pub(crate) struct LookupRates(Mutex<Subjects<(Instant, u64)>>);

impl LookupRates {
    /// Counts one look-up.
    pub(crate) fn charge(&self, subject: &Subject<'_>, limit: u64) -> Result<(), Error> {
        let now = Instant::now();
        let mut windows = self.0.lock();
        windows.retain(|_, (began, _)| now.duration_since(*began) < WINDOW);
        let who = (subject.principal.cloned(), subject.capsule.clone());
        let (_, count) = windows.entry(who).or_insert((now, 0));
        if *count >= limit {
            return Err(Error::LookupRate(limit));
        }
        *count += 1;
        Ok(())
    }
}
