//! Interfaces `error` and `poll`.

use wasmtime::component::Resource;

use super::astrid::io::{error, poll};
use crate::error::arms;
use crate::{Error, IoCtxView, IoError, Pollable};

impl error::Host for IoCtxView<'_> {}

impl error::HostError for IoCtxView<'_> {
    fn to_debug_string(&mut self, error: Resource<IoError>) -> wasmtime::Result<String> {
        Ok(self.debug_string(&error)?.to_owned())
    }

    fn drop(&mut self, error: Resource<IoError>) -> wasmtime::Result<()> {
        Ok(self.drop_resource(error)?)
    }
}

impl poll::Host for IoCtxView<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<Pollable>>) -> Result<Vec<u32>, Error> {
        IoCtxView::poll(self, &pollables).await
    }

    fn convert_error_code(&mut self, error: Error) -> wasmtime::Result<poll::ErrorCode> {
        Ok(match error.into() {
            arms::Poll1_0::InvalidInput => poll::ErrorCode::InvalidInput,
            arms::Poll1_0::Closed => poll::ErrorCode::Closed,
            arms::Poll1_0::TooLarge => poll::ErrorCode::TooLarge,
            arms::Poll1_0::Cancelled => poll::ErrorCode::Cancelled,
            arms::Poll1_0::Unknown(phrase) => poll::ErrorCode::Unknown(phrase.to_owned()),
            arms::Poll1_0::Trap(error) => return Err(error.into()),
        })
    }
}

impl poll::HostPollable for IoCtxView<'_> {
    fn ready(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<bool> {
        Ok(IoCtxView::ready(self, &pollable)?)
    }

    async fn block(&mut self, pollable: Resource<Pollable>) -> Result<(), Error> {
        IoCtxView::block(self, &pollable).await
    }

    fn drop(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<()> {
        Ok(self.drop_resource(pollable)?)
    }
}
