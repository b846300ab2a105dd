//! `astrid:approval@1.0.0` for wasmtime hosts: a capsule asks a person for consent to a concrete action. What
//! was consented to before is answered at once; else somebody is asked, and the guest learns the decision alone.
//!
//! A kernel that wants nothing but this package keeps its part beside its own state, links it, and says who
//! asks people:
//!
//! ```
//! use std::sync::Arc;
//! use astrid_host_approval::*;
//! use astrid_host_context::*;
//! use wasmtime::component::{Linker, ResourceTable};
//!
//! struct State { call: CallSlot, services: HostServices, table: ResourceTable, approval: ApprovalCtx }
//! impl HostContext for State {
//!     fn host(&mut self) -> HostCx<'_> {
//!         HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
//!     }
//! }
//! impl ApprovalView for State {
//!     fn approval(&mut self) -> ApprovalCtxView<'_> {
//!         let Self { call, services, table, approval } = self;
//!         ApprovalCtxView { ctx: approval, host: HostCx { call, services, table } }
//!     }
//! }
//! struct Agreeable;
//! impl Prompter for Agreeable {
//!     fn ask<'a>(&'a self, prompt: Prompt<'a>) -> Asking<'a> {
//!         println!("{}: {}", prompt.reason(), prompt.resource()); // read a line here, on a thread of its own
//!         Box::pin(async { Ok(Reply::Session) })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut linker = Linker::<State>::new(&wasmtime::Engine::default());
//! add_to_linker(&mut linker)?;
//! let approvals = Approvals::builder(Arc::new(Agreeable)).build();
//! let approval = ApprovalCtx::builder(approvals, Workspace::new("/home/alice/project")).build();
//! let alice = Principal::parse("alice")?;
//! // Whose message is served, and on which connection it came in: without one nobody is asked.
//! let mut provenance = Provenance::of(Attribution::Verified(alice.clone()));
//! provenance.request_owner = Some(Uuid::from_u128(1));
//! let caller = Caller { provenance, source: Uuid::nil(), at: std::time::UNIX_EPOCH, trail: Trail::default() };
//! let call = CallContext::builder(CapsuleId::parse("shell")?).principal(alice).caller(Some(caller)).build();
//! let (services, table) = (HostServices::ruled_by(|_| Ok(())), ResourceTable::new());
//! let mut state = State { call: CallSlot::new(call), services, table, approval };
//! let mut view = state.approval();
//! assert_eq!(view.request_approval("git push", "git push origin main").await?, Decision::ApprovedSession);
//! assert_eq!(view.request_approval("git push", "git push --tags").await?, Decision::Allowance);
//! # Ok(())
//! # }
//! ```
//!
//! | concept | type |
//! |---|---|
//! | checked input: what is shown and what matches | [`Action`], [`Resource`], together [`Wanted`] |
//! | what remembered consent covers | [`Pattern`], in an [`Allowance`] of a [`Holder`] |
//! | all that is remembered | [`AllowanceStore`]; for good behind [`Grants`], in memory [`MemoryGrants`] |
//! | who is asked, and which answers count | [`Prompter`], [`Prompt`], [`Reply`] |
//! | how many questions wait, and how often one is put | [`Places`], [`Limits`] |
//! | questions without a decision after a crash | [`OpenQuestions`] |
//! | what all stores share | [`Approvals`] |
//! | the operation | [`ApprovalCtxView::request_approval`] |
//! | what failed, and what guests see of it | [`Error`], [`arms`] |
//! | budgets, asked at each call | [`PENDING`], [`PENDING_OF_PRINCIPAL`], [`PENDING_OF_CAPSULE`], [`PER_MINUTE`] |
//!
//! What the contract says beyond this crate, and is not in it: the bus and which answers on it count (§2.4, §2.5), the
//! disk and signatures (§3, §4) are the kernel's, behind [`Prompter`], [`Grants`] and [`OpenQuestions`], and so is
//! telling the store of the end of a session or of a principal.
#![forbid(unsafe_code)]

mod allowance;
mod approvals;
mod ctx;
mod decision;
mod error;
mod grants;
mod kept;
mod open;
mod ops;
mod pattern;
mod places;
mod prompter;
mod store;
mod text;
mod tickets;

pub mod op_table;
pub mod v1_0;

use astrid_host_context::{HostContext, HostCx};
use wasmtime::component::{HasData, Linker};

pub use allowance::{Allowance, Holder, Lasting, Workspace};
pub use approvals::{Approvals, ApprovalsBuilder, PATIENCE};
pub use ctx::{ApprovalCtx, ApprovalCtxBuilder};
pub use decision::Decision;
pub use error::{Error, arms};
pub use grants::{BoxFuture, Grants, GrantsUnavailable, MemoryGrants};
pub use open::{Forgotten, OpenQuestion, OpenQuestions};
pub use pattern::{InvalidPattern, MAX_PATTERN, Pattern};
pub use places::{Limits, PENDING, PENDING_OF_CAPSULE, PENDING_OF_PRINCIPAL, PER_MINUTE, Place, Places};
pub use prompter::{Asking, Prompt, Prompter, Reply, Unanswered};
pub use store::{AllowanceStore, MAX_ALWAYS, MAX_SESSION};
pub use text::{Action, InvalidText, MAX_ACTION, MAX_RESOURCE, Resource, Wanted};

/// Implemented by the embedder's store data to give out this package's view.
pub trait ApprovalView: HostContext {
    /// The package's state and the host's, borrowed side by side.
    fn approval(&mut self) -> ApprovalCtxView<'_>;
}

/// Disjoint borrows of everything an operation of this package needs. The operations are its methods.
#[derive(Debug)]
pub struct ApprovalCtxView<'a> {
    /// The package's own state.
    pub ctx: &'a mut ApprovalCtx,
    /// The call in force, services and resources.
    pub host: HostCx<'a>,
}

/// Tells wasmtime's linker that this package's data is an [`ApprovalCtxView`].
#[derive(Debug, Clone, Copy)]
pub struct Approval;

impl HasData for Approval {
    type Data<'a> = ApprovalCtxView<'a>;
}

/// Links every function of every frozen version of this package, and nothing else. It waits, so guests
/// must be instantiated and called with wasmtime's async functions.
///
/// # Errors
/// A name is already linked.
pub fn add_to_linker<T: ApprovalView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    v1_0::bindings::astrid::approval::host::add_to_linker::<T, Approval>(linker, T::approval)
}
