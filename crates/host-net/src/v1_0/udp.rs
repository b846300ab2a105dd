//! Resource `udp-socket`.

use astrid_host_io::Pollable;
use wasmtime::component::Resource;

use super::astrid::net::host;
use crate::{Error, NetCtxView, UdpSocket};

type This = Resource<UdpSocket>;

impl host::HostUdpSocket for NetCtxView<'_> {
    async fn send_to(
        &mut self,
        this: This,
        data: Vec<u8>,
        peer_host: String,
        peer_port: u16,
    ) -> Result<u32, Error> {
        NetCtxView::send_to(self, &this, &data, &peer_host, peer_port).await
    }

    async fn recv_from(&mut self, this: This, max_bytes: u32) -> Result<Option<host::UdpDatagram>, Error> {
        let received = NetCtxView::recv_from(self, &this, max_bytes).await?;
        Ok(received.map(|(data, peer)| host::UdpDatagram {
            data,
            peer_host: peer.ip().to_string(),
            peer_port: peer.port(),
        }))
    }

    async fn connect(&mut self, this: This, peer_host: String, peer_port: u16) -> Result<(), Error> {
        self.udp_connect(&this, &peer_host, peer_port).await
    }

    async fn disconnect(&mut self, this: This) -> Result<(), Error> {
        self.udp_disconnect(&this).await
    }

    async fn send(&mut self, this: This, data: Vec<u8>) -> Result<u32, Error> {
        NetCtxView::send(self, &this, &data).await
    }

    async fn recv(&mut self, this: This, max_bytes: u32) -> Result<Option<Vec<u8>>, Error> {
        NetCtxView::recv(self, &this, max_bytes).await
    }

    fn peer_addr(&mut self, this: This) -> Result<Option<String>, Error> {
        self.udp_peer_addr(&this)
    }

    fn set_read_timeout(&mut self, this: This, timeout_ms: Option<u64>) -> Result<(), Error> {
        self.set_udp_read_timeout(&this, timeout_ms)
    }

    fn local_addr(&mut self, this: This) -> Result<String, Error> {
        self.udp_local_addr(&this)
    }

    fn subscribe_readable(&mut self, this: This) -> wasmtime::Result<Resource<Pollable>> {
        Ok(self.subscribe_udp(&this)?)
    }

    fn drop(&mut self, this: This) -> wasmtime::Result<()> {
        Ok(self.drop_handle(this)?)
    }
}
