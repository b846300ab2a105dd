//! The engine: what every function of the package does, free of generated types.

mod input;
mod output;
mod payload;
mod poll;
mod resource;
mod splice;
mod wait;
