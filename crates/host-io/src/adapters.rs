//! Sources and sinks made of what the async world has already.

mod ahead;
mod backlog;
mod chunks;
mod read;
mod write;

pub use chunks::ChunkInput;
pub use read::AsyncReadInput;
pub use write::AsyncWriteOutput;
