//! A request with its redirects, from the checks to the final response's header.

use std::sync::Arc;

use astrid_host_context::{CapsuleId, Entry, Failure, Target};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue, RANGE,
};
use hyper::{Method, Response};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::Error;
use crate::client::HttpClient;
use crate::connect::{Beyond, Caller, Connected};
use crate::fields::{Field, check_response};
use crate::journal::{Exchange, Journal, Leaving};
use crate::limits::{DRAIN_BYTES, DRAIN_TIME};
use crate::op_table::MAY_REQUEST;
use crate::payload::Payload;
use crate::pool::Lease;
use crate::redirect::{Hop, Step, step, strip};
use crate::secrets::Filled;
use crate::send::{Arrived, Outgoing, host_field};
use crate::settings::Plan;
use crate::target::HttpUrl;
use crate::wire::Wire;

/// A request on its way, changed by each redirect.
pub(crate) struct Trip {
    pub(crate) client: Arc<HttpClient>,
    pub(crate) journal: Journal,
    pub(crate) plan: Plan,
    pub(crate) method: Method,
    pub(crate) url: HttpUrl,
    pub(crate) body: Bytes,
    fields: Vec<(Field, HeaderValue)>,
    secrets: Vec<String>,
    told: Vec<Zeroizing<String>>,
    count: u32,
    /// No redirect came from another origin yet.
    at_home: bool,
    /// Somebody let the first URL's address pass.
    consented: bool,
}

/// The final response.
pub(crate) struct Landed {
    pub(crate) response: Response<Incoming>,
    pub(crate) lease: Lease,
    pub(crate) exchange: Exchange,
    pub(crate) url: HttpUrl,
    pub(crate) method: Method,
    pub(crate) count: u32,
}

/// Asks the policy about a URL; the record names only host and port, since a query may hold secrets.
pub(crate) fn allow(entry: &Entry, url: &HttpUrl) -> Result<(), Error> {
    let verdict = entry.allow(MAY_REQUEST, Target::Other { kind: "url", name: url.text() });
    entry.target(Target::Endpoint { host: &url.host().text(), port: url.port() });
    Ok(verdict?)
}

impl Trip {
    pub(crate) fn new(
        client: Arc<HttpClient>,
        journal: Journal,
        plan: Plan,
        (method, url, body): (Method, HttpUrl, Bytes),
        filled: Filled,
    ) -> Result<Self, Error> {
        let Filled { values, used, told } = filled;
        let mut trip = Self {
            client,
            journal,
            plan,
            method,
            url,
            body,
            fields: values,
            secrets: used,
            told,
            count: 0,
            at_home: true,
            consented: false,
        };
        trip.sign_in()?;
        Ok(trip)
    }

    /// Userinfo of the URL becomes credentials, unless the guest sent some of its own.
    fn sign_in(&mut self) -> Result<(), Error> {
        let Some(userinfo) = self.url.userinfo() else { return Ok(()) };
        if self.fields.iter().any(|(field, _)| field.name == AUTHORIZATION) {
            return Ok(());
        }
        let text = format!("Basic {}", BASE64.encode(userinfo));
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| Error::Invalid("the url's credentials fit no header"))?;
        value.set_sensitive(true);
        self.fields.push((Field { name: AUTHORIZATION, value: text, secret: false }, value));
        Ok(())
    }

    /// The first URL's literal address may be dialled although the rules keep it out.
    pub(crate) fn consented(mut self, consented: bool) -> Self {
        self.consented = consented;
        self
    }

    /// What the next hop may reach. Consent is to the origin it was given for.
    pub(crate) fn beyond(&self) -> Beyond {
        Beyond { opted_in: self.at_home, consented: self.consented && self.at_home }
    }

    fn capsule(&self) -> CapsuleId {
        self.journal.call.capsule().clone()
    }

    /// What goes over the wire. `length` is a declared one.
    pub(crate) fn outgoing(&self) -> Result<Outgoing, Error> {
        let mut header = HeaderMap::with_capacity(self.fields.len() + 4);
        header.insert(HOST, host_field(&self.url)?);
        for (field, value) in &self.fields {
            header.append(field.name.clone(), value.clone());
        }
        header.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        if self.plan.decompress && !header.contains_key(RANGE) {
            header.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip, br, zstd, deflate"));
        }
        Ok(Outgoing { method: self.method.clone(), url: self.url.clone(), header })
    }

    /// A connection for the next hop.
    pub(crate) async fn connect(&self) -> Result<Connected, Error> {
        let capsule = self.capsule();
        let caller = Caller { capsule: &capsule, plan: &self.plan, beyond: self.beyond() };
        self.client.connect(&caller, &self.url, false).await
    }

    /// The first record of the next hop.
    pub(crate) async fn leave(&self) -> Exchange {
        let fields: Vec<Field> = self.fields.iter().map(|(field, _)| field.clone()).collect();
        let leaving = Leaving {
            method: &self.method,
            url: &self.url,
            fields: &fields,
            body: &self.body,
            hop: self.count,
            secrets: &self.secrets,
            told: &self.told,
        };
        self.journal.leaving(&leaving).await
    }

    /// Sends until a response is final.
    pub(crate) async fn run(mut self, entry: &Entry) -> Result<Landed, Error> {
        loop {
            let exchange = self.leave().await;
            // Boxed, as are the parts of it: most of a request's state is of one phase only.
            let sent = Box::pin(self.hop()).await;
            match self.settle(entry, exchange, sent, false).await? {
                Turn::Landed(landed) => return Ok(*landed),
                Turn::Again(next) => self = *next,
            }
        }
    }

    async fn hop(&self) -> Result<Arrived, Error> {
        let connected = self.connect().await?;
        let outgoing = self.outgoing()?;
        let payload = Payload::whole(self.body.clone());
        let capsule = self.capsule();
        self.client.transmit(connected, &outgoing, payload, &capsule, &self.plan, self.beyond()).await
    }

    /// Takes what a hop came to: the answer, an error, or another hop.
    pub(crate) async fn settle(
        mut self,
        entry: &Entry,
        mut exchange: Exchange,
        sent: Result<Arrived, Error>,
        streamed: bool,
    ) -> Result<Turn, Error> {
        let judged = sent.and_then(|arrived| {
            let (status, header) = (arrived.response.status(), arrived.response.headers());
            exchange.status(status.as_u16());
            if status.as_u16() == 101 {
                return Err(Error::Protocol("the server switches protocols, which nobody asked for"));
            }
            check_response(header)?;
            let opted_in = arrived.lease.origin.owner.is_some();
            let hop = Hop { url: &self.url, method: &self.method, count: self.count, opted_in, streamed };
            Ok((step(status, header, &hop, &self.plan)?, arrived))
        });
        let (step, arrived) = match judged {
            Ok(judged) => judged,
            Err(error) => {
                exchange.end(error.outcome(), 0, false);
                return Err(self.redirected(error));
            }
        };
        let Arrived { response, lease } = arrived;
        let Step::Follow { url, method, keep_body } = step else {
            let Self { url, method, count, .. } = self;
            return Ok(Turn::Landed(Box::new(Landed { response, lease, exchange, url, method, count })));
        };
        drain(response, lease, exchange, !streamed).await;
        let leaves = !self.url.same_origin(&url);
        strip(&mut self.fields, leaves, keep_body);
        self.at_home &= !leaves;
        self.count += 1;
        (self.url, self.method) = (url, method);
        if !keep_body {
            self.body = Bytes::new();
        }
        allow(entry, &self.url)?;
        if !self.beyond().consented {
            let airlock = self.client.airlock();
            let literal = airlock.check_literal(&self.capsule(), self.url.host(), self.url.port());
            literal.map_err(|refused| self.redirected(refused.into()))?;
        }
        entry.recordable()?;
        Ok(Turn::Again(Box::new(self)))
    }

    /// Behind a redirect the airlock's word is another one: the guest did not name the address.
    fn redirected(&self, error: Error) -> Error {
        match error {
            Error::Airlock(astrid_airlock::Refused::Blocked { .. }) if self.count > 0 => {
                Error::RedirectBlocked("its address may not be reached")
            }
            other => other,
        }
    }
}

/// What [`Trip::settle`] came to.
pub(crate) enum Turn {
    Landed(Box<Landed>),
    Again(Box<Trip>),
}

/// Reads a redirect's body, if it is short, to keep the connection.
async fn drain(response: Response<Incoming>, lease: Lease, exchange: Exchange, reusable: bool) {
    let reusable = reusable && !binds_connection(response.headers());
    let wire = Wire::new(response.into_body());
    let read = async {
        loop {
            match std::future::poll_fn(|cx| wire.poll_data(cx)).await {
                Ok(Some(_)) if wire.bytes() <= DRAIN_BYTES as u64 => {}
                Ok(None) => return true,
                Ok(Some(_)) | Err(_) => return false,
            }
        }
    };
    let complete = timeout(DRAIN_TIME, read).await.unwrap_or(false);
    if complete && reusable {
        lease.release();
    }
    exchange.end(astrid_host_context::Outcome::Allowed, wire.bytes(), complete);
}

/// The server authenticates connections and not requests, or framed its answer in two ways: nobody
/// else may use this connection.
pub(crate) fn binds_connection(header: &HeaderMap) -> bool {
    let bound = |value: &HeaderValue| {
        let scheme = value.as_bytes().split(|b| *b == b' ').next().unwrap_or_default().to_ascii_lowercase();
        matches!(scheme.as_slice(), b"negotiate" | b"ntlm")
    };
    let twice = header.contains_key("content-length") && header.contains_key("transfer-encoding");
    twice || header.get_all(HeaderName::from_static("www-authenticate")).iter().any(bound)
}
