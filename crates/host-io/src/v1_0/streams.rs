//! Interface `streams`.

use wasmtime::component::Resource;

use super::astrid::io::streams;
use crate::error::arms;
use crate::{Error, InputStream, IoCtxView, IoTable, OutputStream, Pollable};

impl streams::Host for IoCtxView<'_> {
    fn convert_stream_error(&mut self, error: Error) -> wasmtime::Result<streams::StreamError> {
        Ok(match error.into() {
            // With the table full there is no handle left to say more than that it is over.
            arms::Stream1_0::LastOperationFailed(cause) => self
                .host
                .push_error(cause)
                .map_or(streams::StreamError::Closed, streams::StreamError::LastOperationFailed),
            arms::Stream1_0::Closed => streams::StreamError::Closed,
            arms::Stream1_0::Trap(error) => return Err(error.into()),
        })
    }
}

impl streams::HostInputStream for IoCtxView<'_> {
    fn read(&mut self, stream: Resource<InputStream>, len: u64) -> Result<Vec<u8>, Error> {
        IoCtxView::read(self, &stream, len)
    }

    async fn blocking_read(&mut self, stream: Resource<InputStream>, len: u64) -> Result<Vec<u8>, Error> {
        IoCtxView::blocking_read(self, &stream, len).await
    }

    fn skip(&mut self, stream: Resource<InputStream>, len: u64) -> Result<u64, Error> {
        IoCtxView::skip(self, &stream, len)
    }

    async fn blocking_skip(&mut self, stream: Resource<InputStream>, len: u64) -> Result<u64, Error> {
        IoCtxView::blocking_skip(self, &stream, len).await
    }

    fn subscribe(&mut self, stream: Resource<InputStream>) -> wasmtime::Result<Resource<Pollable>> {
        Ok(self.subscribe_input(&stream)?)
    }

    fn drop(&mut self, stream: Resource<InputStream>) -> wasmtime::Result<()> {
        Ok(self.drop_resource(stream)?)
    }
}

impl streams::HostOutputStream for IoCtxView<'_> {
    fn check_write(&mut self, stream: Resource<OutputStream>) -> Result<u64, Error> {
        IoCtxView::check_write(self, &stream)
    }

    fn write(&mut self, stream: Resource<OutputStream>, contents: Vec<u8>) -> Result<(), Error> {
        IoCtxView::write(self, &stream, contents.into())
    }

    async fn blocking_write_and_flush(
        &mut self,
        stream: Resource<OutputStream>,
        contents: Vec<u8>,
    ) -> Result<(), Error> {
        IoCtxView::blocking_write_and_flush(self, &stream, contents.into()).await
    }

    fn flush(&mut self, stream: Resource<OutputStream>) -> Result<(), Error> {
        IoCtxView::flush(self, &stream)
    }

    async fn blocking_flush(&mut self, stream: Resource<OutputStream>) -> Result<(), Error> {
        IoCtxView::blocking_flush(self, &stream).await
    }

    fn subscribe(&mut self, stream: Resource<OutputStream>) -> wasmtime::Result<Resource<Pollable>> {
        Ok(self.subscribe_output(&stream)?)
    }

    fn write_zeroes(&mut self, stream: Resource<OutputStream>, len: u64) -> Result<(), Error> {
        IoCtxView::write_zeroes(self, &stream, len)
    }

    async fn blocking_write_zeroes_and_flush(
        &mut self,
        stream: Resource<OutputStream>,
        len: u64,
    ) -> Result<(), Error> {
        IoCtxView::blocking_write_zeroes_and_flush(self, &stream, len).await
    }

    fn splice(
        &mut self,
        stream: Resource<OutputStream>,
        src: Resource<InputStream>,
        len: u64,
    ) -> Result<u64, Error> {
        IoCtxView::splice(self, &stream, &src, len)
    }

    async fn blocking_splice(
        &mut self,
        stream: Resource<OutputStream>,
        src: Resource<InputStream>,
        len: u64,
    ) -> Result<u64, Error> {
        IoCtxView::blocking_splice(self, &stream, &src, len).await
    }

    fn drop(&mut self, stream: Resource<OutputStream>) -> wasmtime::Result<()> {
        Ok(self.drop_output(stream)?)
    }
}
