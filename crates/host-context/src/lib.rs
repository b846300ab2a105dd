//! What every astrid host function runs in: who is calling, what they may do, how much of it, for
//! how long, and who hears about it.
//!
//! A *domain crate* (`astrid-host-kv`, `astrid-host-io`, …) implements one WIT package and asks its
//! embedder for nothing but a [`HostContext`]. The embedder keeps three values beside its own state
//! and hands them out together:
//!
//! ```
//! use astrid_host_context::{
//!     CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices, Principal,
//! };
//! use wasmtime::component::ResourceTable;
//!
//! struct State {
//!     call: CallSlot,
//!     services: HostServices,
//!     table: ResourceTable,
//! }
//!
//! impl HostContext for State {
//!     fn host(&mut self) -> HostCx<'_> {
//!         HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
//!     }
//! }
//!
//! let alice = Principal::parse("alice")?;
//! let capsule = CapsuleId::parse("notes")?;
//! let mut state = State {
//!     call: CallSlot::new(CallContext::builder(capsule).principal(alice).build()),
//!     services: HostServices::ruled_by(|_| Ok(())),
//!     table: ResourceTable::new(),
//! };
//! assert_eq!(state.host().call.principal().unwrap().as_str(), "alice");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | concept | type | room |
//! |---|---|---|
//! | who calls | [`CallContext`], immutable; [`CallSlot`] holds the one in force | [`call`], [`slot`] |
//! | what may be done | [`CapsuleSecurityGate`] over (principal, capsule, [`Action`], [`Target`]) | [`policy`] |
//! | how much | [`Quota`] with RAII [`Permit`]s | [`quota`] |
//! | how fast | [`TokenBucket`] | [`rate`] |
//! | what several domains take from guests in the same form | [`Platform`], [`PlatformUser`] | [`platform`] |
//! | for how long | [`Cancellation`] and the deadline of the call | [`cancel`] |
//! | who hears | [`AuditSink`] | [`audit`] |
//! | all of it, once, in order | [`Entry`], the envelope | [`envelope`] |
//! | what people read and answer | [`text::shown`], [`Rejections`] | [`mod@text`], [`answers`] |
#![forbid(unsafe_code)]

pub mod answers;
pub mod audit;
#[cfg(feature = "audit-json")]
mod audit_fold;
#[cfg(feature = "audit-json")]
pub mod audit_json;
pub mod budgets;
pub mod call;
pub mod caller;
pub mod cancel;
#[cfg(feature = "component")]
pub mod context;
pub mod envelope;
pub mod held;
pub mod identity;
mod lock;
pub mod op;
pub mod platform;
pub mod policy;
pub mod progress;
pub mod quota;
pub mod rate;
pub mod refusal;
pub mod services;
pub mod slot;
pub mod text;
mod uuid;

pub use answers::{Rejections, Sender};
pub use audit::{AuditEvent, AuditSink, NoAudit, Outcome, Written};
#[cfg(feature = "audit-json")]
pub use audit_json::JsonLines;
pub use budgets::Budgets;
pub use call::{CallContext, CallContextBuilder, CallKind, Invocation, LifecyclePhase, Scope};
pub use caller::{Attribution, Caller, Provenance, Trail, Transport};
pub use cancel::{Cancellation, Standing};
#[cfg(feature = "component")]
pub use context::{HostContext, HostCx};
pub use envelope::Entry;
pub use held::Held;
pub use identity::{CapsuleId, InvalidIdentity, Principal};
pub use op::{Audit, Op};
pub use platform::{Platform, PlatformUser};
pub use policy::{Action, CapsuleSecurityGate, Denial, DenyAll, Request, Target};
pub use progress::Progress;
pub use quota::{Permit, Quota, QuotaExceeded, Resource, Subject};
pub use rate::TokenBucket;
pub use refusal::{Failure, Refusal};
pub use services::HostServices;
pub use slot::CallSlot;
pub use text::InvalidText;
pub use uuid::Uuid;
