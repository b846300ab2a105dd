//! Requests written piece by piece.

use std::fmt;
use std::sync::Arc;

use astrid_host_context::{Cancellation, Failure};
use astrid_host_io::{IoTable, OutputStream, Pollable};
use hyper::header::{CONTENT_LENGTH, HeaderValue};

use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;
use wasmtime::component::Resource;

use super::start::{Ending, Started, open, within};
use crate::Error;
use crate::body::{Share, Tail};
use crate::ctx::HttpCtxView;
use crate::integrity::Integrity;
use crate::journal::Exchange;
use crate::op_table::{BODY_SINK, FINISH, UPLOAD_START, WRITABLE};
use crate::open::{Cut, Seat};
use crate::payload::Payload;
use crate::request::{Options, Request};
use crate::send::Arrived;
use crate::settings::{Mode, Plan};
use crate::stream::HttpStream;
use crate::trip::{Trip, Turn};
use crate::upload_body::{Upload, UploadBody, UploadSink};

/// A guest's request whose body is still being written. Dropping it breaks the request off.
pub struct HttpUpload {
    upload: Arc<Upload>,
    pending: Option<Pending>,
    /// Ends the sending with the principal whose call opened it, and with the handle.
    sending: JoinHandle<()>,
    _seat: Option<Seat>,
}

/// What the response will need.
struct Pending {
    trip: Trip,
    exchange: Exchange,
    arrival: oneshot::Receiver<Result<Arrived, Error>>,
    plan: Plan,
    integrity: Option<Integrity>,
    share: Option<Share>,
    until: Option<Instant>,
    owner: Cancellation,
}

impl Drop for HttpUpload {
    fn drop(&mut self) {
        if self.pending.is_some() {
            self.upload.fail("the request was given up");
        }
        self.sending.abort();
    }
}

impl fmt::Debug for HttpUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpUpload").field("finished", &self.pending.is_none()).finish_non_exhaustive()
    }
}

impl HttpCtxView<'_> {
    /// Connects and begins a request whose body is written afterwards. Takes one of
    /// [`crate::limits::STREAMS`], which the response takes over.
    ///
    /// # Errors
    /// As [`HttpCtxView::stream_start`], up to the connection.
    pub async fn upload_start(
        &mut self,
        request: Request,
        options: &Options,
    ) -> Result<Resource<HttpUpload>, Error> {
        let (entry, desk) = (self.host.enter(&UPLOAD_START), self.desk());
        entry
            .run(Box::pin(async {
                self.host.call.progress().mark_yielded();
                let request = Request { body: None, ..request };
                let started = desk.start(&entry, request, options, Mode::Streamed).await?;
                // Only now: what is refused has waited for nothing (ipc chapter §3.6).
                self.host.call.progress().mark_waited_outside();
                let owner = entry.call().cancellation().clone();
                let upload = within(started.until, begin(started, owner)).await?;
                Ok(self.host.table.push(upload)?)
            }))
            .await
    }

    /// The body; every handle is the same stream.
    ///
    /// # Errors
    /// Traps only: an unknown handle, or the stream budget used up.
    pub fn body_sink(&mut self, upload: &Resource<HttpUpload>) -> Result<Resource<OutputStream>, Error> {
        self.host.enter(&BODY_SINK).run_always(|| {
            let sink = UploadSink(self.host.table.get(upload)?.upload.clone());
            self.host.push_output(sink).map_err(Error::Handles)
        })
    }

    /// A pollable that is ready while the body takes bytes, and once it takes no more.
    ///
    /// # Errors
    /// Traps only: an unknown handle, or the pollable budget used up.
    pub fn subscribe_writable(&mut self, upload: &Resource<HttpUpload>) -> Result<Resource<Pollable>, Error> {
        self.host.enter(&WRITABLE).run_always(|| {
            let sink = UploadSink(self.host.table.get(upload)?.upload.clone());
            self.host.push_pollable(sink).map_err(Error::Handles)
        })
    }

    /// Ends the body and waits for the response's header.
    ///
    /// # Errors
    /// [`Error::Closed`] the second time, [`Error::Protocol`] for a body shorter than declared, and
    /// what a stream's start may bring.
    pub async fn finish(&mut self, upload: &Resource<HttpUpload>) -> Result<Resource<HttpStream>, Error> {
        let entry = self.host.enter(&FINISH);
        entry
            .run(Box::pin(async {
                self.host.call.progress().mark_yielded();
                let this = self.host.table.get_mut(upload)?;
                let pending = this.pending.take().ok_or(Error::Closed)?;
                // Until the response is there, ending this call ends the request.
                let guard = Guard { upload: this.upload.clone(), sending: this.sending.abort_handle() };
                let Pending { trip, exchange, arrival, plan, integrity, share, until, owner } = pending;
                if !this.upload.seal() {
                    let short = Error::Protocol("request body shorter than content-length");
                    exchange.end(short.outcome(), 0, false);
                    return Err(short);
                }
                let token = owner.clone();
                let arrived = async {
                    tokio::select! {
                        biased;
                        () = token.fired() => Err(Error::Closed),
                        arrived = arrival => arrived.unwrap_or(Err(Error::Closed)),
                    }
                };
                let (landed, reusable) = within(until, async {
                    let arrived = arrived.await;
                    match trip.settle(&entry, exchange, arrived, true).await? {
                        Turn::Landed(landed) => Ok((*landed, false)),
                        Turn::Again(trip) => Ok((trip.run(&entry).await?, true)),
                    }
                })
                .await?;
                // An answer that came early leaves a body behind that nobody will end.
                let tail: Option<Tail> = Some(Box::new(guard));
                let ending = Ending { plan, integrity, share, until, reusable, owner, tail };
                Ok(self.host.table.push(open(landed, ending).stream)?)
            }))
            .await
    }

    /// Drops an upload, which breaks off a request that was not finished.
    ///
    /// # Errors
    /// Traps only: an unknown handle.
    pub fn drop_upload(&mut self, upload: Resource<HttpUpload>) -> Result<(), Error> {
        self.host.enter(&WRITABLE).run_always(|| {
            self.host.table.delete(upload)?;
            Ok(())
        })
    }
}

/// Breaks off what is left of a request. Nothing is, once body and response are through.
struct Guard {
    upload: Arc<Upload>,
    sending: AbortHandle,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.upload.fail("the request was given up");
        self.sending.abort();
    }
}

async fn begin(started: Started, owner: Cancellation) -> Result<HttpUpload, Error> {
    let Started { trip, plan, integrity, share, declared_length, until, .. } = started;
    let upload = Upload::new(declared_length);
    let exchange = trip.leave().await;
    let connected = match trip.connect().await {
        Ok(connected) => connected,
        Err(error) => {
            exchange.end(error.outcome(), 0, false);
            return Err(error);
        }
    };
    let mut outgoing = trip.outgoing()?;
    if let Some(length) = declared_length {
        outgoing.header.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    let (tell, arrival) = oneshot::channel();
    let payload = Payload::Upload(UploadBody(upload.clone()));
    let (client, capsule) = (trip.client.clone(), trip.journal.call.capsule().clone());
    let (limits, ended, token) = (plan.clone(), upload.clone(), owner.clone());
    let beyond = trip.beyond();
    let sending = tokio::spawn(async move {
        let arrived = tokio::select! {
            biased;
            () = token.fired() => Err(Error::Closed),
            arrived = client.transmit(connected, &outgoing, payload, &capsule, &limits, beyond) => arrived,
        };
        match &arrived {
            Ok(_) => ended.answered(),
            Err(_) => ended.fail("the request failed"),
        }
        let _ = tell.send(arrived);
    });
    let seat = share.as_ref().and_then(|share| share.seat(&upload));
    let pending = Pending { trip, exchange, arrival, plan, integrity, share, until, owner };
    Ok(HttpUpload { upload, pending: Some(pending), sending, _seat: seat })
}

impl Cut for Upload {
    fn cut(&self) {
        self.fail("the request's principal may not have it any more");
    }
}
