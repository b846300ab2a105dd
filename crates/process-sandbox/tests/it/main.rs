//! The backend as `astrid:process` asks for it, with real processes, on every grade that this machine has.
#![cfg(target_os = "linux")]

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
