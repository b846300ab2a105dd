//! Resources `unix-listener` and `tcp-listener`.

use astrid_host_io::Pollable;
use wasmtime::component::Resource;

use super::astrid::net::host;
use crate::{Error, NetCtxView, TcpListener, TcpStream, UnixListener};

impl host::HostUnixListener for NetCtxView<'_> {
    async fn accept(&mut self, this: Resource<UnixListener>) -> Result<Resource<TcpStream>, Error> {
        self.accept_unix(&this).await
    }

    async fn poll_accept(
        &mut self,
        this: Resource<UnixListener>,
        timeout_ms: u64,
    ) -> Result<Option<Resource<TcpStream>>, Error> {
        self.poll_accept_unix(&this, timeout_ms).await
    }

    fn subscribe_readiness(&mut self, this: Resource<UnixListener>) -> wasmtime::Result<Resource<Pollable>> {
        Ok(self.subscribe_unix(&this)?)
    }

    fn drop(&mut self, this: Resource<UnixListener>) -> wasmtime::Result<()> {
        Ok(self.drop_handle(this)?)
    }
}

impl host::HostTcpListener for NetCtxView<'_> {
    async fn accept(&mut self, this: Resource<TcpListener>) -> Result<Resource<TcpStream>, Error> {
        self.accept_tcp(&this).await
    }

    async fn poll_accept(
        &mut self,
        this: Resource<TcpListener>,
        timeout_ms: u64,
    ) -> Result<Option<Resource<TcpStream>>, Error> {
        self.poll_accept_tcp(&this, timeout_ms).await
    }

    fn local_addr(&mut self, this: Resource<TcpListener>) -> Result<String, Error> {
        self.listener_addr(&this)
    }

    fn subscribe_readiness(&mut self, this: Resource<TcpListener>) -> wasmtime::Result<Resource<Pollable>> {
        Ok(self.subscribe_tcp(&this)?)
    }

    fn drop(&mut self, this: Resource<TcpListener>) -> wasmtime::Result<()> {
        Ok(self.drop_handle(this)?)
    }
}
