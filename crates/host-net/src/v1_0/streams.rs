//! Resource `tcp-stream`.

use std::net::Shutdown;

use astrid_host_io::{InputStream, OutputStream, Pollable};
use wasmtime::component::Resource;

use super::astrid::net::host;
use crate::{Error, FrameRead, NetCtxView, TcpStream};

type This = Resource<TcpStream>;

impl host::HostTcpStream for NetCtxView<'_> {
    async fn read(&mut self, this: This) -> Result<host::NetReadStatus, Error> {
        Ok(match NetCtxView::read(self, &this).await? {
            FrameRead::Data(frame) => host::NetReadStatus::Data(frame),
            FrameRead::Closed => host::NetReadStatus::Closed,
            FrameRead::Pending => host::NetReadStatus::Pending,
        })
    }

    async fn write(&mut self, this: This, data: Vec<u8>) -> Result<(), Error> {
        NetCtxView::write(self, &this, &data).await
    }

    async fn read_bytes(&mut self, this: This, max_bytes: u32) -> Result<Vec<u8>, Error> {
        NetCtxView::read_bytes(self, &this, max_bytes).await
    }

    async fn write_bytes(&mut self, this: This, data: Vec<u8>) -> Result<u32, Error> {
        NetCtxView::write_bytes(self, &this, &data).await
    }

    async fn peek(&mut self, this: This, max_bytes: u32) -> Result<Vec<u8>, Error> {
        NetCtxView::peek(self, &this, max_bytes).await
    }

    async fn shutdown(&mut self, this: This, how: host::ShutdownHow) -> Result<(), Error> {
        let how = match how {
            host::ShutdownHow::Receive => Shutdown::Read,
            host::ShutdownHow::Send => Shutdown::Write,
            host::ShutdownHow::Both => Shutdown::Both,
        };
        NetCtxView::shutdown(self, &this, how).await
    }

    fn peer_addr(&mut self, this: This) -> Result<String, Error> {
        NetCtxView::peer_addr(self, &this)
    }

    fn local_addr(&mut self, this: This) -> Result<String, Error> {
        NetCtxView::local_addr(self, &this)
    }

    fn set_nodelay(&mut self, this: This, nodelay: bool) -> Result<(), Error> {
        NetCtxView::set_nodelay(self, &this, nodelay)
    }

    fn nodelay(&mut self, this: This) -> Result<bool, Error> {
        NetCtxView::nodelay(self, &this)
    }

    fn set_read_timeout(&mut self, this: This, timeout_ms: Option<u64>) -> Result<(), Error> {
        NetCtxView::set_read_timeout(self, &this, timeout_ms)
    }

    fn read_timeout(&mut self, this: This) -> Result<Option<u64>, Error> {
        NetCtxView::read_timeout(self, &this)
    }

    fn set_write_timeout(&mut self, this: This, timeout_ms: Option<u64>) -> Result<(), Error> {
        NetCtxView::set_write_timeout(self, &this, timeout_ms)
    }

    fn write_timeout(&mut self, this: This) -> Result<Option<u64>, Error> {
        NetCtxView::write_timeout(self, &this)
    }

    fn set_hop_limit(&mut self, this: This, hops: u32) -> Result<(), Error> {
        NetCtxView::set_hop_limit(self, &this, hops)
    }

    fn hop_limit(&mut self, this: This) -> Result<u32, Error> {
        NetCtxView::hop_limit(self, &this)
    }

    fn set_keepalive(&mut self, this: This, keepalive_secs: Option<u64>) -> Result<(), Error> {
        NetCtxView::set_keepalive(self, &this, keepalive_secs)
    }

    fn keepalive(&mut self, this: This) -> Result<Option<u64>, Error> {
        NetCtxView::keepalive(self, &this)
    }

    fn set_linger(&mut self, this: This, linger_ms: Option<u64>) -> Result<(), Error> {
        NetCtxView::set_linger(self, &this, linger_ms)
    }

    fn linger(&mut self, this: This) -> Result<Option<u64>, Error> {
        NetCtxView::linger(self, &this)
    }

    fn set_reuseaddr(&mut self, this: This, reuse: bool) -> Result<(), Error> {
        NetCtxView::set_reuseaddr(self, &this, reuse)
    }

    fn reuseaddr(&mut self, this: This) -> Result<bool, Error> {
        NetCtxView::reuseaddr(self, &this)
    }

    fn subscribe_readable(&mut self, this: This) -> wasmtime::Result<Resource<Pollable>> {
        Ok(NetCtxView::subscribe_readable(self, &this)?)
    }

    fn read_stream(&mut self, this: This) -> wasmtime::Result<Resource<InputStream>> {
        Ok(NetCtxView::read_stream(self, &this)?)
    }

    fn write_stream(&mut self, this: This) -> wasmtime::Result<Resource<OutputStream>> {
        Ok(NetCtxView::write_stream(self, &this)?)
    }

    fn drop(&mut self, this: This) -> wasmtime::Result<()> {
        Ok(self.drop_handle(this)?)
    }
}
