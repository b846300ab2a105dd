//! `astrid:http` for wasmtime hosts: requests that only reach addresses the airlock let through.
//!
//! ```
//! use std::sync::Arc;
//! use astrid_airlock::Airlock;
//! use astrid_host_context::*;
//! use astrid_host_http::{HttpClient, HttpCtx, HttpCtxView, HttpView, Options, Request};
//! use wasmtime::component::{Linker, ResourceTable};
//!
//! struct State { call: CallSlot, services: HostServices, table: ResourceTable, http: HttpCtx }
//!
//! impl HostContext for State {
//!     fn host(&mut self) -> HostCx<'_> {
//!         HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
//!     }
//! }
//!
//! impl HttpView for State {
//!     fn http(&mut self) -> HttpCtxView<'_> {
//!         let host = HostCx { call: &mut self.call, services: &self.services, table: &mut self.table };
//!         HttpCtxView { ctx: &mut self.http, host }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut linker = Linker::<State>::new(&wasmtime::Engine::default());
//! astrid_host_http::add_to_linker(&mut linker)?; // io is linked by astrid-host-io
//!
//! let client = HttpClient::builder(Arc::new(Airlock::builder().build())).build()?;
//! let mut state = State {
//!     call: CallSlot::new(CallContext::builder(CapsuleId::parse("notes")?).build()),
//!     services: HostServices::ruled_by(|_| Ok(())),
//!     table: ResourceTable::new(),
//!     http: HttpCtx::builder(client).build(),
//! };
//! // What the guest's call becomes; the cloud's metadata is out of reach:
//! let request = Request { url: "http://169.254.169.254/".into(), method: "GET".into(), ..Request::default() };
//! let refused = state.http().request(request, &Options::default()).await.unwrap_err();
//! assert!(matches!(refused, astrid_host_http::Error::Airlock(_)));
//! # Ok(())
//! # }
//! ```
//!
//! The client is hyper's connections with a pool and a connector of our own. A client library on top
//! (reqwest, hyper-util's legacy client) resolves and pools by itself: it can neither dial exactly the
//! judged address and judge it again when a connection is used a second time, nor tell in which phase
//! a request failed, nor count wire bytes, nor hand out trailers.
//!
//! | concept | type | file |
//! |---|---|---|
//! | what all stores share | [`HttpClient`], [`HttpSettings`] | `client.rs`, `settings.rs`, `pool.rs`, `rate.rs`, `outcomes.rs`, `tls.rs` |
//! | a request and its checks | [`Request`], [`Options`] | `request.rs`, `target.rs`, `fields.rs`, `integrity.rs` |
//! | asking about a local address | [`Consent`] | `consent.rs` |
//! | secrets in headers | [`Secrets`] | `secrets.rs` |
//! | one hop, all hops | | `connect.rs`, `heads.rs`, `send.rs`, `trip.rs`, `redirect.rs` |
//! | a response's body | [`HttpStream`] | `wire.rs`, `decode.rs`, `body.rs`, `stream.rs` |
//! | a request's body | [`HttpUpload`] | `payload.rs`, `upload_body.rs` |
//! | two records a hop | [`WIRE_REQUEST`], [`WIRE_RESPONSE`] | `journal.rs` |
//! | the functions themselves | the inherent methods of [`HttpCtxView`] | `ops/` |
#![forbid(unsafe_code)]

pub mod error;
pub mod limits;
pub mod v1_0;

mod body;
mod client;
mod connect;
mod consent;
mod ctx;
mod decode;
mod fault;
mod fields;
mod heads;
mod integrity;
mod journal;
mod op_table;
mod open;
mod ops;
mod opted_in;
mod outcomes;
mod payload;
mod pool;
mod rate;
mod redirect;
#[cfg(test)]
mod redirect_tests;
mod request;
mod secrets;
mod send;
mod settings;
mod stream;
mod target;
mod tls;
mod trip;
mod upload_body;
mod wire;

pub use client::{HttpClient, HttpClientBuilder};
pub use consent::{Consent, Consenting, NoConsent, Wish};
pub use ctx::{Http, HttpCtx, HttpCtxBuilder, HttpCtxView, HttpView};
pub use error::{Error, Phase, arms};
pub use op_table::{MAY_REQUEST, WIRE_REQUEST, WIRE_RESPONSE};
pub use ops::{HttpUpload, Meta, Response};
pub use request::{Options, RedirectPolicy, Request, Timeouts};
pub use secrets::{NoSecrets, SecretAnswer, Secrets, SecretsUnavailable};
pub use settings::HttpSettings;
pub use stream::HttpStream;
pub use tls::SetupError;

use wasmtime::component::Linker;

/// Adds `astrid:http/host@1.0.0`, and nothing else.
///
/// # Errors
/// The name is already in the linker.
pub fn add_to_linker<T: HttpView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    v1_0::astrid::http::host::add_to_linker::<T, Http>(linker, T::http)
}
