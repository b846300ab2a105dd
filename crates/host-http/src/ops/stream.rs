//! Responses read piece by piece.

use std::sync::Arc;

use astrid_host_io::{InputStream, IoTable, Pollable};
use bytes::Bytes;
use wasmtime::component::Resource;

use super::start::{Ending, Started, chunk, open, within};
use crate::Error;
use crate::ctx::HttpCtxView;
use crate::fields::to_guest;
use crate::op_table::{BODY_STREAM, CLOSE, HEADERS, READ_CHUNK, READABLE, STATUS, STREAM_START, TRAILERS};
use crate::request::{Options, Request};
use crate::settings::Mode;
use crate::stream::{BodyInput, HttpStream, Readable};

impl HttpCtxView<'_> {
    /// Sends a request and returns with the response's header. Takes one of
    /// [`crate::limits::STREAMS`] until the stream is closed or dropped.
    ///
    /// # Errors
    /// As [`HttpCtxView::request`], and the quota of streams after that of requests.
    pub async fn stream_start(
        &mut self,
        request: Request,
        options: &Options,
    ) -> Result<Resource<HttpStream>, Error> {
        let (entry, desk) = (self.host.enter(&STREAM_START), self.desk());
        entry
            .run(Box::pin(async {
                self.host.call.progress().mark_yielded();
                let started = desk.start(&entry, request, options, Mode::Streamed).await?;
                // Only now: what is refused has waited for nothing (ipc chapter §3.6).
                self.host.call.progress().mark_waited_outside();
                let Started { trip, plan, integrity, share, until, .. } = started;
                let landed = within(until, trip.run(&entry)).await?;
                let owner = entry.call().cancellation().clone();
                let ending = Ending { plan, integrity, share, until, reusable: true, owner, tail: None };
                Ok(self.host.table.push(open(landed, ending).stream)?)
            }))
            .await
    }

    /// The status code, also after the end.
    ///
    /// # Errors
    /// Traps only: an unknown handle.
    pub fn status(&mut self, stream: &Resource<HttpStream>) -> Result<u16, Error> {
        self.host.enter(&STATUS).run_always(|| Ok(self.host.table.get(stream)?.status))
    }

    /// The header fields, also after the end.
    ///
    /// # Errors
    /// Traps only: an unknown handle.
    pub fn headers(&mut self, stream: &Resource<HttpStream>) -> Result<Vec<(String, String)>, Error> {
        self.host.enter(&HEADERS).run_always(|| Ok(self.host.table.get(stream)?.headers.clone()))
    }

    /// The next bytes of the body, at most [`crate::limits::BLOCK`]; empty at the end and ever after.
    ///
    /// # Errors
    /// [`Error::Timeout`] between bytes can be tried again; any other error is told once, then
    /// [`Error::Closed`].
    pub async fn read_chunk(&mut self, stream: &Resource<HttpStream>) -> Result<Bytes, Error> {
        let entry = self.host.enter(&READ_CHUNK);
        entry
            .run(async {
                self.host.call.progress().mark_yielded();
                // Mutable, because a shared table cannot be waited with.
                let stream = self.host.table.get_mut(stream)?;
                let (body, between) = (stream.body.clone(), stream.between_bytes);
                let bytes = chunk(&body, between).await?.unwrap_or_default();
                entry.moved(bytes.len());
                Ok(bytes)
            })
            .await
    }

    /// Gives up the rest of the body and frees the place. May be repeated.
    ///
    /// # Errors
    /// Traps only: an unknown handle.
    pub fn close(&mut self, stream: &Resource<HttpStream>) -> Result<(), Error> {
        self.host.enter(&CLOSE).run_always(|| {
            self.host.table.get(stream)?.body.close();
            Ok(())
        })
    }

    /// A pollable that is ready while a chunk can be read without waiting. It does not keep the
    /// response open.
    ///
    /// # Errors
    /// Traps only: an unknown handle, or the pollable budget used up.
    pub fn subscribe_readable(&mut self, stream: &Resource<HttpStream>) -> Result<Resource<Pollable>, Error> {
        self.host.enter(&READABLE).run_always(|| {
            let body = Arc::downgrade(&self.host.table.get(stream)?.body);
            self.host.push_pollable(Readable(body)).map_err(Error::Handles)
        })
    }

    /// The body as a stream, at the same position as chunks. It keeps the response open by itself.
    ///
    /// # Errors
    /// Traps only: an unknown handle, or the stream budget used up.
    pub fn body_stream(&mut self, stream: &Resource<HttpStream>) -> Result<Resource<InputStream>, Error> {
        self.host.enter(&BODY_STREAM).run_always(|| {
            let stream = self.host.table.get(stream)?;
            let input = BodyInput::new(stream.body.clone(), stream.between_bytes);
            self.host.push_input(input).map_err(Error::Handles)
        })
    }

    /// The fields behind the body, `None` if there were none.
    ///
    /// # Errors
    /// [`Error::Protocol`] before the end was seen, [`Error::Closed`] if it never will be.
    pub fn trailers(
        &mut self,
        stream: &Resource<HttpStream>,
    ) -> Result<Option<Vec<(String, String)>>, Error> {
        self.host.enter(&TRAILERS).run_always(|| {
            let trailers = self.host.table.get(stream)?.body.trailers()?;
            Ok(trailers.filter(|fields| !fields.is_empty()).map(|fields| to_guest(&fields)))
        })
    }

    /// Drops a response and closes it, unless a stream of its body lives on.
    ///
    /// # Errors
    /// Traps only: an unknown handle.
    pub fn drop_stream(&mut self, stream: Resource<HttpStream>) -> Result<(), Error> {
        self.host.enter(&CLOSE).run_always(|| {
            self.host.table.delete(stream)?;
            Ok(())
        })
    }
}
