//! The backend as `astrid:process` asks for it, with real processes, on every grade that this machine has.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up must fail")]

mod ends;
mod environment;
mod injections;
mod limits;
mod network;
mod off;
mod places;
mod protected;
mod signals;
mod support;
mod unconfined;
