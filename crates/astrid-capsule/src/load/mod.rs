//! From a capsule directory to something that can be instantiated.

mod imports;
mod integrity;
mod locate;
mod source;

pub(crate) use imports::{refuse_unoffered, unlinked};
pub(crate) use integrity::Unrecorded;
pub(crate) use source::{Program, Source};
