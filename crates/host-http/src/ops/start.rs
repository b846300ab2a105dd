//! What all requests have in common: the checks, the trip, and the body at its end.

use std::sync::Arc;

use astrid_host_context::{Cancellation, Entry, Failure, HostServices, Scope};
use hyper::header::CONTENT_LENGTH;
use hyper::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;

use crate::Error;
use crate::body::{Body, Bounds, Parts, Share, Source, Tail};
use crate::consent::check_literal;
use crate::ctx::{HttpCtx, HttpCtxView};
use crate::decode::{Decoded, codings};
use crate::error::Phase;
use crate::fields::to_guest;
use crate::integrity::Integrity;
use crate::journal::Journal;
use crate::limits::{REQUESTS, STREAMS};
use crate::request::{Checked, Options, Request};
use crate::secrets::fill;
use crate::settings::{Mode, Plan};
use crate::stream::HttpStream;
use crate::target::HttpUrl;
use crate::trip::{Landed, Trip, allow, binds_connection};
use crate::wire::Wire;

/// A request that passed every check and has its place.
pub(super) struct Started {
    pub(super) trip: Trip,
    pub(super) plan: Plan,
    pub(super) integrity: Option<Integrity>,
    pub(super) share: Option<Share>,
    pub(super) declared_length: Option<u64>,
    pub(super) began: Instant,
    pub(super) until: Option<Instant>,
}

/// A response with its body to be read.
pub(super) struct Opened {
    pub(super) stream: HttpStream,
    pub(super) url: HttpUrl,
    pub(super) count: u32,
    /// What the header says the body's length is, where it will not be decoded.
    pub(super) announced: Option<u64>,
}

/// What a request needs of its store, owned, so that it can be waited on.
pub(super) struct Desk {
    ctx: HttpCtx,
    services: HostServices,
}

impl HttpCtxView<'_> {
    pub(super) fn desk(&self) -> Desk {
        Desk { ctx: self.ctx.clone(), services: self.host.services.clone() }
    }
}

impl Desk {
    /// The contract's checks in its order; nothing has left the host when it returns.
    pub(super) async fn start(
        &self,
        entry: &Entry,
        request: Request,
        options: &Options,
        mode: Mode,
    ) -> Result<Started, Error> {
        let started = self.check(entry, request, options, mode).await;
        let outcomes = self.ctx.client.outcomes();
        started.inspect_err(|error| outcomes.count(entry.call().capsule(), error.outcome()))
    }

    async fn check(
        &self,
        entry: &Entry,
        request: Request,
        options: &Options,
        mode: Mode,
    ) -> Result<Started, Error> {
        let client = &self.ctx.client;
        let checked = Checked::parse(request, options)?;
        let plan = client.settings().plan(options, mode);
        allow(entry, &checked.url)?;
        let call = entry.call();
        let scope = Scope { principal: call.principal().cloned(), capsule: call.capsule().clone() };
        let filled = fill(checked.fields, &*self.ctx.secrets, &scope).await?;
        if !filled.used.is_empty() {
            entry.fact("secrets", || filled.used.join(" "));
        }
        client.rates().take(&scope, entry.limit(&REQUESTS))?;
        let share = match mode {
            Mode::Buffered => None,
            Mode::Streamed => Some(self.share(entry)?),
        };
        let (host, port) = (checked.url.host(), checked.url.port());
        let consented = check_literal(client.airlock(), &*self.ctx.consent, entry, host, port).await?;
        entry.recordable()?;
        if plan.is_over_at_once() {
            return Err(Error::Timeout(Phase::Total));
        }
        let began = Instant::now();
        let until = plan.total.map(|total| began + total);
        let journal = Journal {
            services: self.services.clone(),
            call: call.clone(),
            outcomes: client.outcomes().clone(),
        };
        let what = (checked.method, checked.url, checked.body.into());
        let trip = Trip::new(client.clone(), journal, plan.clone(), what, filled)?.consented(consented);
        let (integrity, declared_length) = (checked.integrity, checked.declared_length);
        Ok(Started { trip, plan, integrity, share, declared_length, began, until })
    }

    fn share(&self, entry: &Entry) -> Result<Share, Error> {
        let client = &self.ctx.client;
        let permit = entry.reserve(&STREAMS, 1)?;
        let limit = client.settings().max_streams_per_capsule;
        let slot = client.slots().take(entry.call().capsule(), limit);
        let slot = slot.ok_or(astrid_host_context::QuotaExceeded {
            resource: "http.streams-per-capsule",
            limit: limit as u64,
            requested: 1,
        });
        let slot = slot.map_err(|exceeded| Error::Refused(exceeded.into()))?;
        let exchanges = client.exchanges().clone();
        Ok(Share { _permit: permit, _slot: slot, who: entry.call().principal().cloned(), exchanges })
    }
}

/// What of a request still matters once its response has begun.
pub(super) struct Ending {
    pub(super) plan: Plan,
    pub(super) integrity: Option<Integrity>,
    pub(super) share: Option<Share>,
    /// When a stream must be over; a buffered request is timed as a whole.
    pub(super) until: Option<Instant>,
    pub(super) reusable: bool,
    /// The token of whoever opened the response.
    pub(super) owner: Cancellation,
    pub(super) tail: Option<Tail>,
}

/// The response's body behind its bounds.
pub(super) fn open(landed: Landed, ending: Ending) -> Opened {
    let Landed { response, lease, exchange, url, method, count } = landed;
    let Ending { plan, integrity, share, until, reusable, owner, tail } = ending;
    let (head, incoming) = response.into_parts();
    let mut header = head.headers;
    let reusable = reusable && !binds_connection(&header);
    let empty =
        method == Method::HEAD || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let codings = if plan.decompress && !empty { codings(&header) } else { Vec::new() };
    let announced = if empty || !codings.is_empty() { None } else { length(&header) };
    let wire = Wire::new(incoming);
    let source = if codings.is_empty() {
        Source::Raw(wire)
    } else {
        header.remove(hyper::header::CONTENT_ENCODING);
        header.remove(CONTENT_LENGTH);
        Source::Decoded(wire.clone(), Box::new(Decoded::new(wire, &codings)))
    };
    let decoded = (!codings.is_empty()).then_some(plan.max_decompressed);
    let bounds = Bounds { delivered: plan.max_response, decoded, until };
    let parts = Parts { source, lease, reusable, bounds, integrity, exchange, owner, share, tail };
    let stream = HttpStream {
        status: head.status.as_u16(),
        headers: to_guest(&header),
        body: Body::new(parts),
        between_bytes: plan.between_bytes,
    };
    Opened { stream, url, count, announced }
}

fn length(header: &HeaderMap) -> Option<u64> {
    header.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Runs `work` until the total limit, if there is one.
pub(super) async fn within<T>(
    until: Option<Instant>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match until {
        Some(at) => tokio::time::timeout_at(at, work).await.unwrap_or(Err(Error::Timeout(Phase::Total))),
        None => work.await,
    }
}

/// The next chunk, waited for at most `between`.
pub(super) async fn chunk(
    body: &Arc<Body>,
    between: Option<std::time::Duration>,
) -> Result<Option<bytes::Bytes>, Error> {
    match between {
        Some(limit) => {
            let next = tokio::time::timeout(limit, body.next());
            next.await.unwrap_or(Err(Error::Timeout(Phase::BetweenBytes)))
        }
        None => body.next().await,
    }
}
