//! Who turns names into addresses.

mod scripted;
mod system;

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

pub use scripted::Scripted;
pub use system::SystemResolver;

/// No address: the name does not exist, has none, or nobody would say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name has no address")]
pub struct Unresolvable;

/// The answer to one question.
pub type Resolution<'a> = Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, Unresolvable>> + Send + 'a>>;

/// Turns a name into addresses, in the order they should be tried.
///
/// It decides nothing: whatever it answers is judged afterwards, so answers may be cached and shared
/// between capsules. The future may be dropped at any time; the caller sets the time limit.
pub trait Resolver: Send + Sync {
    /// The addresses of a normalised name; an empty list counts as [`Unresolvable`].
    fn resolve<'a>(&'a self, name: &'a str) -> Resolution<'a>;
}
