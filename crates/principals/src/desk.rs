//! What serving one principal's calls through one capsule takes, looked up once.

use std::sync::Arc;

use astrid_host_context::{Cancellation, Principal, Standing};
use tokio::time::Instant;

use crate::cache::Resolved;
use crate::fuel::{FuelAccount, FuelRate};
use crate::in_flight::Places;
use crate::principals::Principals;
use crate::profile::SharedProfile;

/// How far a host's knowledge of its principals has come; to be taken before a profile is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    generation: u64,
    revocations: u64,
}

/// A principal's profile, token, fuel and places, good for call after call as long as
/// [`Desk::is_current`] says so: a look at three words and a clock instead of a lookup in every table.
#[derive(Debug)]
pub struct Desk {
    /// What the principal may use.
    pub profile: SharedProfile,
    /// Ends its calls through this capsule.
    pub token: Cancellation,
    /// How fast it may burn, by that profile.
    pub rate: FuelRate,
    /// Where its calls are admitted and charged.
    pub fuel: Arc<FuelAccount>,
    /// Where its calls take their places.
    pub places: Places,
    seen: Seen,
    stale_at: Instant,
}

impl Principals {
    /// To be taken before the profile of a [`Desk`] is resolved: what changes in between makes the desk old.
    #[inline]
    #[must_use]
    pub fn seen(&self) -> Seen {
        Seen { generation: self.profiles.generation(), revocations: self.revocations.count() }
    }

    /// The desk of `who`, whose profile was `found` after `seen` was taken.
    #[must_use]
    pub fn desk(&self, who: Option<&Principal>, found: Resolved, seen: Seen, token: Cancellation) -> Desk {
        let quotas = &found.profile.quotas;
        Desk {
            rate: FuelRate::new(quotas.max_cpu_fuel_per_sec, quotas.max_in_flight_calls),
            profile: found.profile,
            token,
            fuel: self.fuel.account(who),
            places: self.in_flight.places(who),
            seen,
            stale_at: found.stale_at,
        }
    }
}

impl Desk {
    /// Whether a lookup now would find what this desk holds: nobody was invalidated or revoked since, the
    /// token has not fired, and the profile's file need not be looked at again yet.
    #[inline]
    #[must_use]
    pub fn is_current(&self, principals: &Principals, now: Instant) -> bool {
        now < self.stale_at && self.seen == principals.seen() && self.token.standing() == Standing::Live
    }
}
