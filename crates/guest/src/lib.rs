//! What a capsule exports and how a host calls it: `astrid:guest@1.0.0`.
//!
//! A capsule is a component with any subset of four exports: the event handler `astrid-hook-trigger`,
//! the background loop `run`, and the two lifecycle hooks `astrid-install` and `astrid-upgrade`. This
//! crate answers the three questions a host has about them, and needs no other crate of the project:
//!
//! - which of the exports are *real*: guests built with the common SDK carry placeholders for the
//!   ones they do not use ([`Exports::inspect`]);
//! - whether they have the right types, at load and not at the first call ([`check_types`]);
//! - what a handler's answer means ([`HookOutcome::from_result`]).
//!
//! ```
//! use astrid_guest::{Exports, GuestPre, HookOutcome, PayloadKind};
//! use wasmtime::{Engine, Store, component::{Component, Linker}};
//!
//! # async fn load() -> Result<(), Box<dyn std::error::Error>> {
//! let bytes = wat::parse_str(r#"(component
//!     (core module $m (func (export "run")))
//!     (core instance $i (instantiate $m))
//!     (func (export "run") (canon lift (core func $i "run"))))"#)?;
//! let exports = Exports::inspect(&bytes)?;
//! assert!(exports.has_run && !exports.has_hook);
//!
//! let engine = Engine::default();
//! let mut linker = Linker::<()>::new(&engine);
//! astrid_guest::add_to_linker(&mut linker)?; // beside the host packages of your choice
//! let component = Component::from_binary(&engine, &bytes)?;
//! let guest = GuestPre::new(linker.instantiate_pre(&component)?, exports)?;
//!
//! let mut store = Store::new(&engine, ());
//! let instance = guest.instantiate(&mut store).await?;
//! instance.call_run(&mut store).await?;
//!
//! if guest.exports().has_hook {
//!     let result = instance.call_hook(&mut store, "on_message", b"{}").await?;
//!     match HookOutcome::from_result(result, PayloadKind::Json) {
//!         HookOutcome::Continue { replacement } => println!("goes on with {replacement:?}"),
//!         other => println!("{other:?}"),
//!     }
//! }
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(load()).unwrap();
//! ```
#![forbid(unsafe_code)]

mod bodies;
mod check;
mod exports;
mod instance;
mod outcome;
mod render;

pub use check::{WrongType, check_types};
pub use exports::{Exports, InspectError};
pub use instance::{CallError, CapsuleResult, GuestInstance, GuestPre, Hook, InstanceError, ended_hook};
pub use outcome::{HookOutcome, MAX_ACTION, MAX_DATA, MAX_REASON, PayloadKind};

use wasmtime::component::Linker;

/// The event handler: `func(action: string, payload: list<u8>) -> capsule-result`.
pub const HOOK: &str = "astrid-hook-trigger";
/// The background loop: `func()`.
pub const RUN: &str = "run";
/// The hook of a first installation: `func()`.
pub const INSTALL: &str = "astrid-install";
/// The hook of a change of version: `func()`.
pub const UPGRADE: &str = "astrid-upgrade";

/// The interface that holds only the type of a handler's answer. Guests with a handler import it.
pub const LIFECYCLE: &str = "astrid:guest/lifecycle@1.0.0";

/// Makes the type-only import [`LIFECYCLE`] linkable. Nothing else is added.
///
/// # Errors
/// The linker already holds something else under that name and does not allow shadowing.
pub fn add_to_linker<T: 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    linker.instance(LIFECYCLE)?;
    Ok(())
}
