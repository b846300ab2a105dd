//! Asking whoever sits at the machine about a local address.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use astrid_airlock::{Airlock, Host};
use astrid_host_context::{CallContext, Entry, Transport};

use crate::Error;

/// How long an answer is waited for (approval chapter §2.4).
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked: may this call reach an address that the airlock keeps out?
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Who asks. Its principal and its request's owner are there.
    pub call: &'a CallContext,
    /// A literal address, never a name.
    pub host: &'a Host,
    /// The port.
    pub port: u16,
}

/// An answer, as soon as somebody gave it.
pub type Consenting<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

/// Asks an operator to let a request through to a local address, on top of what the configuration
/// admits. An implementation remembers what was granted for longer than one request, and counts only
/// answers of the same principal and request owner. Who is silent for a minute is taken to refuse.
pub trait Consent: Send + Sync {
    /// Whether the one request may pass. The future may be dropped at any time.
    fn ask<'a>(&'a self, wish: Wish<'a>) -> Consenting<'a>;
}

/// Nobody is asked, and the airlock's word is the last.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoConsent;

impl Consent for NoConsent {
    fn ask<'a>(&'a self, _: Wish<'a>) -> Consenting<'a> {
        Box::pin(std::future::ready(false))
    }
}

/// The airlock's judgement of a request's first address; where it refuses, that of whoever may be
/// asked. True if somebody let it pass.
pub(crate) async fn check_literal(
    airlock: &Airlock,
    consent: &dyn Consent,
    entry: &Entry,
    host: &Host,
    port: u16,
) -> Result<bool, Error> {
    let call = entry.call();
    let Err(refused) = airlock.check_literal(call.capsule(), host, port) else { return Ok(false) };
    if !may_ask(call) || airlock.vet_consented(host, port).is_err() {
        return Err(refused.into());
    }
    let asked = consent.ask(Wish { call, host, port });
    let granted = tokio::time::timeout(PATIENCE, asked).await.unwrap_or(false);
    if granted {
        entry.fact("consent", || "granted".to_owned());
        return Ok(true);
    }
    Err(refused.into())
}

/// Only a request that began at this machine, whose principal and connection the host knows: from
/// anywhere else, nobody is bothered.
fn may_ask(call: &CallContext) -> bool {
    let provenance = call.caller().map(|caller| &caller.provenance);
    let local =
        provenance.is_some_and(|p| p.transport == Transport::LocalSocket && p.request_owner.is_some());
    local && call.principal().is_some()
}
