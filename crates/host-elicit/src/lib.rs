//! `astrid:elicit@1.0.0` for wasmtime hosts: a capsule asks a person while it is installed or upgraded. Plain
//! answers go to the guest; secrets go to the host's store, and no function here gives one back.
//!
//! A kernel that wants nothing but this package keeps its part beside its own state, links it, and answers
//! what comes out of the queue:
//!
//! ```
//! use std::sync::Arc;
//! use astrid_host_context::{
//!     CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices, LifecyclePhase, Principal,
//! };
//! use astrid_host_elicit::*;
//! use wasmtime::component::{Linker, ResourceTable};
//!
//! struct State { call: CallSlot, services: HostServices, table: ResourceTable, elicit: ElicitCtx }
//!
//! impl HostContext for State {
//!     fn host(&mut self) -> HostCx<'_> {
//!         HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
//!     }
//! }
//!
//! impl ElicitView for State {
//!     fn elicit(&mut self) -> ElicitCtxView<'_> {
//!         let Self { call, services, table, elicit } = self;
//!         ElicitCtxView { ctx: elicit, host: HostCx { call, services, table } }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut linker = Linker::<State>::new(&wasmtime::Engine::default());
//! astrid_host_elicit::add_to_linker(&mut linker)?;
//!
//! let (prompter, mut asked_rx) = Channel::new();
//! let elicit = ElicitCtx::builder(Questions::builder(Arc::new(prompter)).build()).build();
//! let call = CallContext::builder(CapsuleId::parse("mail")?).principal(Principal::parse("alice")?);
//! let call = CallSlot::new(call.phase(LifecyclePhase::Install).build());
//! let (services, table) = (HostServices::ruled_by(|_| Ok(())), ResourceTable::new());
//! let mut state = State { call, services, table, elicit };
//!
//! let (key, description) = ("api_key".to_owned(), "Your key".to_owned());
//! let request = Elicitation { kind: Kind::Secret, key, description, options: None, default: None };
//! let mut view = state.elicit();
//! let person = async { asked_rx.recv().await.unwrap().answer(Reply::value("s3cret")) };
//! let (answer, _) = tokio::join!(view.elicit(request), person);
//! assert_eq!(answer?, Response::SecretStored);
//! assert!(view.has_secret("api_key").await?);
//! # Ok(())
//! # }
//! ```
//!
//! | concept | type |
//! |---|---|
//! | checked input | [`Key`], [`Description`], [`Options`], together a [`Question`] |
//! | who is asked, and which answers count | [`Prompter`], [`Prompt`]; in the process [`Channel`] |
//! | what was answered | [`Reply`], [`AnswerText`], which is wiped and never printed |
//! | where secrets go | [`Secrets`]; in memory [`MemorySecrets`] |
//! | what all stores share: limits, patience, who may ask when | [`Questions`] |
//! | the operations | the methods of [`ElicitCtxView`] |
//! | what failed, and what guests see of it | [`Error`], [`arms`] |
//! | budgets, asked at each call | [`PENDING`], [`PENDING_OF_PRINCIPAL`] |
//!
//! What the contract says beyond this crate, and is not in it: a keyring and an encrypted store (§3), and the choice
//! between them, are the kernel's, behind [`Secrets`], and the runtime of this repository has neither: it keeps
//! secrets as files of mode 0600. The pages that answers lie in are neither locked nor kept out of core dumps;
//! what wasmtime copies into a guest, what a JSON parser set aside for an escape, and the frame on a bus are not
//! wiped.
#![forbid(unsafe_code)]

mod answer;
mod channel;
mod ctx;
mod error;
mod key;
mod ops;
mod prompter;
mod question;
mod questions;
mod secrets;
mod text;

pub mod op_table;
pub mod v1_0;

use astrid_host_context::{HostContext, HostCx};
use wasmtime::component::{HasData, Linker};

pub use answer::{AnswerText, MAX_ITEM, MAX_ITEMS, MAX_VALUE, Reply, Response};
pub use channel::{Asked, AskedRx, Channel};
pub use ctx::{ElicitCtx, ElicitCtxBuilder};
pub use error::{Error, arms};
pub use key::{InvalidKey, Key, MAX_KEY};
pub use prompter::{Asking, Prompt, Prompter, Unanswered};
pub use question::{Elicitation, Field, Kind, Question};
pub use questions::{PATIENCE, PENDING, PENDING_OF_PRINCIPAL, Questions, QuestionsBuilder};
pub use secrets::{BoxFuture, MemorySecrets, Secrets, SecretsUnavailable, Slot};
pub use text::{Description, InvalidText, MAX_DEFAULT, MAX_DESCRIPTION, MAX_OPTION, MAX_OPTIONS, Options};

/// Implemented by the embedder's store data to give out this package's view.
pub trait ElicitView: HostContext {
    /// The package's state and the host's, borrowed side by side.
    fn elicit(&mut self) -> ElicitCtxView<'_>;
}

/// Disjoint borrows of everything an operation of this package needs. The operations are its methods.
#[derive(Debug)]
pub struct ElicitCtxView<'a> {
    /// The package's own state.
    pub ctx: &'a mut ElicitCtx,
    /// The call in force, services and resources.
    pub host: HostCx<'a>,
}

/// Tells wasmtime's linker that this package's data is an [`ElicitCtxView`].
#[derive(Debug, Clone, Copy)]
pub struct Elicit;

impl HasData for Elicit {
    type Data<'a> = ElicitCtxView<'a>;
}

/// Links every function of every frozen version of this package, and nothing else. They wait, so
/// guests must be instantiated and called with wasmtime's async functions.
///
/// # Errors
/// A name is already linked.
pub fn add_to_linker<T: ElicitView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    v1_0::bindings::astrid::elicit::host::add_to_linker::<T, Elicit>(linker, T::elicit)
}
