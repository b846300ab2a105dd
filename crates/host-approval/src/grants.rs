//! Where consent for good is kept.

use std::future::Future;
use std::pin::Pin;

use astrid_host_context::Principal;
use parking_lot::Mutex;

use crate::Allowance;

/// A boxed future.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The store did not do it; the text is for operators.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("remembered consent is unavailable: {0}")]
pub struct GrantsUnavailable(pub String);

/// Keeps [`crate::Lasting::Always`] consent. What a call says was done is done for good when it answers. Nothing
/// may block the thread that polls.
///
/// A backend that anybody else could write to proves each record before it gives it out; one that it cannot
/// prove it leaves out, reports, and keeps.
/// `astrid_host_testkit::contract::approval` proves a backend.
pub trait Grants: Send + Sync {
    /// Everything that is kept, in no order.
    fn load(&self) -> BoxFuture<'_, Result<Vec<Allowance>, GrantsUnavailable>>;

    /// Keeps one, in place of one that [`Allowance::is_again`].
    fn put<'a>(&'a self, allowance: &'a Allowance) -> BoxFuture<'a, Result<(), GrantsUnavailable>>;

    /// Keeps one no longer. That it is not there is no error.
    fn remove<'a>(&'a self, allowance: &'a Allowance) -> BoxFuture<'a, Result<(), GrantsUnavailable>>;

    /// Keeps none of a principal's any longer.
    fn remove_of<'a>(&'a self, who: &'a Principal) -> BoxFuture<'a, Result<(), GrantsUnavailable>>;
}

/// Kept while the process lasts.
#[derive(Debug, Default)]
pub struct MemoryGrants(Mutex<Vec<Allowance>>);

impl MemoryGrants {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Grants for MemoryGrants {
    fn load(&self) -> BoxFuture<'_, Result<Vec<Allowance>, GrantsUnavailable>> {
        Box::pin(std::future::ready(Ok(self.0.lock().clone())))
    }

    fn put<'a>(&'a self, allowance: &'a Allowance) -> BoxFuture<'a, Result<(), GrantsUnavailable>> {
        Box::pin(async move {
            let mut kept = self.0.lock();
            kept.retain(|other| !other.is_again(allowance));
            kept.push(allowance.clone());
            Ok(())
        })
    }

    fn remove<'a>(&'a self, allowance: &'a Allowance) -> BoxFuture<'a, Result<(), GrantsUnavailable>> {
        Box::pin(async move {
            self.0.lock().retain(|other| !other.is_again(allowance));
            Ok(())
        })
    }

    fn remove_of<'a>(&'a self, who: &'a Principal) -> BoxFuture<'a, Result<(), GrantsUnavailable>> {
        Box::pin(async move {
            self.0.lock().retain(|other| other.holder.principal != *who);
            Ok(())
        })
    }
}
