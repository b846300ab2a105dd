//! wip
mod apply;
mod directory;
mod engine;
mod layout;
mod namespace;
mod queue;
mod stats;
mod store;
mod transfer;
mod verify;
mod writer;

pub use directory::OpenError;
pub use stats::Stats;
pub use store::{Durability, Options, SledStore};
pub use verify::Report;

pub(crate) use store::Shared;
