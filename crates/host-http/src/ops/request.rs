//! Requests whose response is held whole.

use std::time::Duration;

use astrid_host_context::Entry;

use super::start::{Ending, Opened, Started, chunk, open, within};
use crate::Error;
use crate::ctx::HttpCtxView;
use crate::op_table::REQUEST;
use crate::request::{Options, Request};
use crate::settings::Mode;

/// A response held whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, decoded.
    pub body: Vec<u8>,
    /// How it came about.
    pub meta: Meta,
}

/// How a response came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The URL that answered, without credentials.
    pub final_url: String,
    /// Redirects followed.
    pub redirect_count: u32,
    /// Wall time over all hops.
    pub elapsed: Duration,
    /// Body bytes before decoding.
    pub wire_bytes: u64,
}

impl HttpCtxView<'_> {
    /// Sends a request and takes the whole response. Any status is a response.
    ///
    /// # Errors
    /// In this order: form of the request, policy, secrets, [`crate::limits::REQUESTS`], airlock, audit
    /// sink, time limits of 0; then whatever the network brings.
    pub async fn request(&mut self, request: Request, options: &Options) -> Result<Response, Error> {
        let (entry, desk) = (self.host.enter(&REQUEST), self.desk());
        entry
            .run(Box::pin(async {
                self.host.call.progress().mark_yielded();
                let started = desk.start(&entry, request, options, Mode::Buffered).await?;
                // Only now: what is refused has waited for nothing (ipc chapter §3.6).
                self.host.call.progress().mark_waited_outside();
                within(started.until, collect(&entry, started)).await
            }))
            .await
    }
}

async fn collect(entry: &Entry, started: Started) -> Result<Response, Error> {
    let Started { trip, plan, integrity, began, .. } = started;
    let cap = plan.max_response.unwrap_or(u64::MAX);
    let between = plan.between_bytes;
    let landed = trip.run(entry).await?;
    let owner = entry.call().cancellation().clone();
    let ending = Ending { plan, integrity, share: None, until: None, reusable: true, owner, tail: None };
    let Opened { stream, url, count, announced } = open(landed, ending);
    if announced.is_some_and(|length| length > cap) {
        return Err(Error::BodyTooLarge(cap));
    }
    let expected = announced.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut body = Vec::with_capacity(expected);
    while let Some(bytes) = chunk(&stream.body, between).await? {
        body.extend_from_slice(&bytes);
    }
    entry.moved(body.len());
    let meta = Meta {
        final_url: url.text().to_owned(),
        redirect_count: count,
        elapsed: began.elapsed(),
        wire_bytes: stream.body.wire_bytes(),
    };
    Ok(Response { status: stream.status, headers: stream.headers, body, meta })
}
