//! The functions of the package, by what they do.

mod handle;
mod pair;
mod probe;
mod read;
mod tree;
mod write;
