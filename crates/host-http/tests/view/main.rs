//! The engine against real servers on this machine.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set up must fail")]

mod bodies;
mod common;
mod consent;
mod faults;
mod hostile;
mod redirects;
mod requests;
mod safety;
mod streams;
mod uploads;
