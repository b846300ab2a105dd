//! What a host crate, or a backend for one, is tested with: no daemon, no files, no network.
//!
//! - [`FakeHost`] is a [`HostContext`](astrid_host_context::HostContext) with every knob in reach:
//!   principal, policy rules, budgets, cancel switch, deadline.
//! - [`Recorder`] keeps what policy, quota and audit were asked and told, in order.
//! - [`AllowAll`] is the gate that no host may have; it is here so that none can.
//! - [`dummy_guest`] makes a component that imports every function of a frozen WIT package, so that a
//!   link test cannot forget one.
//! - [`free_port`] is a port that nobody else is given meanwhile.
//! - [`link`] and [`offers`] say what a crate's `add_to_linker` gives such a guest.
//! - `contract` holds the suites that any backend runs on itself.
//!
//! ```
//! use astrid_host_context::{Action, Audit, Op, Refusal, Target};
//! use astrid_host_testkit::{FakeHost, Told};
//!
//! static GET: Op = Op::new("demo", "get", Audit::Record);
//! const READ: Action = Action::new("demo", "read");
//!
//! let mut host = FakeHost::builder().principal("alice").deny(READ, "key:secret").build();
//! let entry = host.cx().enter(&GET);
//! let result = entry.run_now(|| Ok::<_, Refusal>(entry.allow(READ, Target::Key("secret"))?));
//! assert!(matches!(result, Err(Refusal::Denied(_))));
//! assert!(matches!(host.recorder().told()[..], [Told::Policy { allowed: false, .. }, Told::Audit(_)]));
//! ```
#![forbid(unsafe_code)]

mod allow;
mod dummy;
mod fake;
mod guests;
mod link;
mod port;
mod recorder;

pub mod contract;

pub use allow::AllowAll;
pub use dummy::{DummyError, dummy_guest, imports_of};
pub use fake::{FakeHost, FakeHostBuilder};
pub use guests::{GuestMissing, guest};
pub use link::{Add, link, offers};
pub use port::free_port;
pub use recorder::{Recorder, Told};
