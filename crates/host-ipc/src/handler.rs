//! A handler of the capsule's manifest, as the guest may ask for it.

/// A `[subscribe]` entry with a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    /// The name the handler is called with.
    pub action: String,
    /// The pattern that triggers it.
    pub topic: String,
    /// Lower runs first; 100 where the manifest says nothing.
    pub priority: u32,
}
