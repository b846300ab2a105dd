//! How much of a thing one principal may use through one capsule, as guards that give it back.

use std::any::Any;
use std::fmt;

use crate::{CapsuleId, Principal};

/// A countable thing, declared by its domain crate as a constant.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    /// Dotted name, `domain.thing`, as quota settings and audit records spell it.
    pub name: &'static str,
    /// The limit where nobody set another; its reason stands beside the constant.
    pub default: u64,
}

/// Who is charged.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The effective principal at the time of the call.
    pub principal: Option<&'a Principal>,
    /// The capsule that acts.
    pub capsule: &'a CapsuleId,
}

/// More was asked for than is left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("quota {resource} is {limit} and {requested} more would exceed it")]
pub struct QuotaExceeded {
    /// The resource's name.
    pub resource: &'static str,
    /// The limit in force.
    pub limit: u64,
    /// What was asked for.
    pub requested: u64,
}

/// A share of a resource, given back when dropped.
#[must_use = "dropping the permit gives the share back"]
pub struct Permit(Option<Box<dyn Any + Send + Sync>>);

impl Permit {
    /// A permit whose `guard` gives the share back in its own `Drop`.
    pub fn new(guard: impl Any + Send + Sync) -> Self {
        Self(Some(Box::new(guard)))
    }

    /// A permit for something nobody counts.
    pub fn free() -> Self {
        Self(None)
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("counted", &self.0.is_some()).finish()
    }
}

/// Hands out shares. Limits are read at each call, so that a changed profile applies at once.
pub trait Quota: Send + Sync {
    /// The limit in force for `subject`.
    fn limit(&self, subject: &Subject<'_>, resource: &'static Resource) -> u64 {
        let _ = subject;
        resource.default
    }

    /// Takes `amount` until the permit is dropped.
    ///
    /// # Errors
    /// [`QuotaExceeded`], and nothing is taken.
    fn acquire(
        &self,
        subject: &Subject<'_>,
        resource: &'static Resource,
        amount: u64,
    ) -> Result<Permit, QuotaExceeded>;
}
