//! One request over one connection, and the one second try.

use std::sync::Arc;

use astrid_host_context::CapsuleId;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Response, Uri, Version};

use crate::client::HttpClient;
use crate::connect::{Beyond, Caller, Connected};
use crate::payload::Payload;
use crate::pool::{Lease, Line};
use crate::settings::Plan;
use crate::target::HttpUrl;
use crate::{Error, fault};

/// A request as it leaves the host, but for what the protocol's version decides.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: HttpUrl,
    pub(crate) header: HeaderMap,
}

/// A response's beginning, with the connection that the rest will come over.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) response: Response<Incoming>,
    pub(crate) lease: Lease,
}

struct Failed {
    error: Error,
    /// Not one byte was sent, and here it is again.
    unsent: Option<Payload>,
    /// The connection ended before the response began.
    dead: bool,
}

impl HttpClient {
    /// Sends over `first`. If that had waited in the pool and turns out to be dead, a fresh
    /// connection gets a second try, unless the server may already have acted on the first.
    pub(crate) async fn transmit(
        self: &Arc<Self>,
        first: Connected,
        outgoing: &Outgoing,
        payload: Payload,
        capsule: &CapsuleId,
        plan: &Plan,
        beyond: Beyond,
    ) -> Result<Arrived, Error> {
        let again = match &payload {
            Payload::Whole { rest, .. } if repeatable(&outgoing.method) => Some(rest.clone()),
            _ => None,
        };
        let pooled = first.pooled;
        let failed = match send(first.lease, outgoing, payload, plan).await {
            Ok(arrived) => return Ok(arrived),
            Err(failed) => failed,
        };
        let payload = match (failed.unsent, again) {
            (Some(payload), _) if pooled => payload,
            (None, Some(bytes)) if pooled && failed.dead => Payload::whole(bytes),
            _ => return Err(failed.error),
        };
        let caller = Caller { capsule, plan, beyond };
        let fresh = self.connect(&caller, &outgoing.url, true).await?;
        send(fresh.lease, outgoing, payload, plan).await.map_err(|failed| failed.error)
    }
}

/// Methods that a server may be asked twice.
fn repeatable(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE].contains(method)
}

async fn send(
    mut lease: Lease,
    outgoing: &Outgoing,
    payload: Payload,
    plan: &Plan,
) -> Result<Arrived, Failed> {
    let sent = payload.sent();
    let fail = |error| Failed { error, unsent: None, dead: false };
    let request = request(outgoing, payload, matches!(lease.line, Line::Http2 { .. })).map_err(fail)?;
    let overdue = sent.overdue(plan.between_bytes, plan.first_byte);
    let outcome = match &mut lease.line {
        Line::Http1 { sender: Some(sender), .. } => {
            let response = sender.try_send_request(request);
            tokio::select! {
                biased;
                outcome = response => outcome,
                phase = overdue => return Err(fail(Error::Timeout(phase))),
            }
        }
        Line::Http1 { sender: None, .. } => return Err(fail(Error::Closed)),
        Line::Http2 { sender, .. } => {
            let response = sender.try_send_request(request);
            tokio::select! {
                biased;
                outcome = response => outcome,
                phase = overdue => return Err(fail(Error::Timeout(phase))),
            }
        }
    };
    match outcome {
        Ok(response) => Ok(Arrived { response, lease }),
        Err(mut failed) => {
            let unsent = failed.take_message().map(Request::into_body);
            let error = fault::of_hyper(failed.error());
            let dead = matches!(error, Error::Connection(_));
            Err(Failed { error, unsent, dead })
        }
    }
}

fn request(outgoing: &Outgoing, payload: Payload, http2: bool) -> Result<Request<Payload>, Error> {
    let invalid = || Error::Invalid("the url holds characters that no request may");
    let url = &outgoing.url;
    let mut header = outgoing.header.clone();
    let uri = if http2 {
        header.remove(HOST);
        url.text().parse::<Uri>().map_err(|_| invalid())?
    } else {
        Uri::from(url.path().parse::<PathAndQuery>().map_err(|_| invalid())?)
    };
    let mut request = Request::new(payload);
    *request.method_mut() = outgoing.method.clone();
    *request.uri_mut() = uri;
    *request.version_mut() = if http2 { Version::HTTP_2 } else { Version::HTTP_11 };
    *request.headers_mut() = header;
    Ok(request)
}

/// The `host` field, first of all fields.
pub(crate) fn host_field(url: &HttpUrl) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(&url.authority()).map_err(|_| Error::Invalid("the url's host fits no header"))
}
