//! Between the message bus and whatever handles its events: ordered queues, chains, permits,
//! receipts, grants and hooks. It runs [`Target`]s and knows neither wasmtime nor manifests.
//!
//! ```
//! use std::sync::Arc;
//! use astrid_dispatch::{Answer, BoxFuture, Call, Dispatcher, Target};
//! use astrid_event_bus::{AccessPattern, Binding, Bus, Draft, Gate, Payload, Topic};
//! use astrid_host_context::{CapsuleId, Principal, Provenance, Uuid};
//!
//! struct Notes(CapsuleId);
//! impl Target for Notes {
//!     fn capsule(&self) -> &CapsuleId { &self.0 }
//!     fn owner(&self) -> Option<&Principal> { None }
//!     fn may_publish(&self, _: &Topic) -> bool { false }
//!     fn handle(&self, call: Call) -> BoxFuture<'_, Answer> {
//!         println!("{} got {:?}", call.action, call.payload);
//!         Box::pin(async { Answer::Continue(Default::default()) })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dispatcher = Arc::new(Dispatcher::builder().build(tokio::runtime::Handle::current()));
//! let bus = Bus::builder().interceptors(dispatcher.clone()).build();
//! dispatcher.attach(&bus);
//!
//! let (id, session) = (CapsuleId::parse("notes")?, Uuid::from_u128(1));
//! dispatcher.add(session, Arc::new(Notes(id.clone())));
//! let _bound = bus.bind(Binding {
//!     pattern: AccessPattern::host("note.v1.*")?,
//!     capsule: id,
//!     capsule_uuid: session,
//!     action: "on_note".into(),
//!     priority: 100,
//!     gate: Gate::opened(),
//! });
//! let draft = Draft::new(Topic::host("note.v1.saved")?, Payload::parse("{}".into())?, Provenance::system());
//! bus.announce(draft);
//! dispatcher.idle().await;
//! assert_eq!(dispatcher.stats().handled, 1);
//! # Ok(())
//! # }
//! ```
//!
//! | concept | type | file |
//! |---|---|---|
//! | what runs handlers | [`Target`], [`Call`], [`Answer`] | `target.rs` |
//! | one ordered queue a (capsule, principal) | – | `lane.rs`, `member.rs`; forgotten when idle by `janitor.rs` |
//! | what waits in it | – | `chain.rs`, `task.rs` |
//! | independent handlers and chains | – | `chain.rs` |
//! | events of the host that wait for room, lag | – | `late.rs` |
//! | permits, lent out around host waits | [`Limits`], [`guest_entered`], [`guest_left`], [`Whereabouts`], [`waiting`] | `permits.rs`, `lend.rs`, `site.rs` |
//! | publishers in a circle | – | `waits.rs` |
//! | who may invoke tools and commands, grants, whose answer to a prompt counts | [`Access`], [`may_answer`] | `access.rs`, `prompts.rs`, `turns.rs` |
//! | receipts of failure, native services | [`NativeGuard`] | `fate.rs`, `receipt.rs`, `native.rs` |
//! | what the dispatcher itself publishes | – | `outbox.rs`, `watchdog.rs` |
//! | the synchronous hook fan-out | [`HookService`] | `hooks.rs` |
#![forbid(unsafe_code)]

mod access;
mod busy;
mod chain;
mod core;
mod dispatcher;
mod fate;
mod hooks;
mod janitor;
mod lane;
mod late;
mod lend;
pub mod limits;
mod member;
mod native;
mod outbox;
mod permits;
mod prompts;
mod receipt;
mod site;
mod stats;
mod target;
mod task;
mod turns;
mod waits;
mod watchdog;

pub use access::{Access, Grant, OpenAccess};
pub use dispatcher::{Dispatcher, DispatcherBuilder};
pub use hooks::{HookError, HookService};
pub use limits::{FixedLimits, Limits};
pub use native::NativeGuard;
pub use prompts::may_answer;
pub use site::{Whereabouts, guest_entered, guest_left, waiting};
pub use stats::Stats;
pub use target::{Answer, BoxFuture, Call, Target};
pub use watchdog::Views;
