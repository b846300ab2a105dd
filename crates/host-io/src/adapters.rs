//! Sources and sinks made of what the async world has already.

mod read;

pub use read::AsyncReadInput;
