//! The face of `astrid:net@1.0.0`: generated bindings, and conversion to and from the engine.
//!
//! `astrid:request-context` names these modules in its own `bindgen!`:
//! `with: { "astrid:net": astrid_host_net::v1_0::astrid::net }`.
#![expect(missing_docs, reason = "generated from the WIT file, which says what things are")]

mod listeners;
mod streams;
mod udp;

use wasmtime::component::Resource;

use self::astrid::net::host;
use crate::error::arms;
use crate::{Error, NetCtxView, TcpListener, TcpStream, UdpSocket, UnixListener};

wasmtime::component::bindgen!({
    path: "wit",
    interfaces: "import astrid:net/host@1.0.0;",
    imports: {
        "astrid:net/host@1.0.0.[method]unix-listener.accept": async | trappable,
        "astrid:net/host@1.0.0.[method]unix-listener.poll-accept": async | trappable,
        "astrid:net/host@1.0.0.[method]tcp-listener.accept": async | trappable,
        "astrid:net/host@1.0.0.[method]tcp-listener.poll-accept": async | trappable,
        "astrid:net/host@1.0.0.[method]tcp-stream.read": async | trappable,
        "astrid:net/host@1.0.0.[method]tcp-stream.write": async | trappable,
        "astrid:net/host@1.0.0.[method]tcp-stream.read-bytes": async | trappable,
        "astrid:net/host@1.0.0.[method]tcp-stream.write-bytes": async | trappable,
        "astrid:net/host@1.0.0.[method]tcp-stream.peek": async | trappable,
        "astrid:net/host@1.0.0.[method]tcp-stream.shutdown": async | trappable,
        "astrid:net/host@1.0.0.[method]udp-socket.send-to": async | trappable,
        "astrid:net/host@1.0.0.[method]udp-socket.recv-from": async | trappable,
        "astrid:net/host@1.0.0.[method]udp-socket.connect": async | trappable,
        "astrid:net/host@1.0.0.[method]udp-socket.disconnect": async | trappable,
        "astrid:net/host@1.0.0.[method]udp-socket.send": async | trappable,
        "astrid:net/host@1.0.0.[method]udp-socket.recv": async | trappable,
        "astrid:net/host@1.0.0.bind-unix": async | trappable,
        "astrid:net/host@1.0.0.bind-tcp": async | trappable,
        "astrid:net/host@1.0.0.connect-tcp": async | trappable,
        "astrid:net/host@1.0.0.udp-bind": async | trappable,
        "astrid:net/host@1.0.0.lookup-host": async | trappable,
        default: trappable,
    },
    trappable_error_type: { "astrid:net/host@1.0.0.error-code" => crate::Error },
    with: {
        "astrid:io": astrid_host_io::v1_0::astrid::io,
        "astrid:net/host@1.0.0.unix-listener": crate::UnixListener,
        "astrid:net/host@1.0.0.tcp-listener": crate::TcpListener,
        "astrid:net/host@1.0.0.tcp-stream": crate::TcpStream,
        "astrid:net/host@1.0.0.udp-socket": crate::UdpSocket,
    },
});

impl host::Host for NetCtxView<'_> {
    async fn bind_unix(&mut self) -> Result<Resource<UnixListener>, Error> {
        NetCtxView::bind_unix(self).await
    }

    async fn bind_tcp(&mut self, host: String, port: u16) -> Result<Resource<TcpListener>, Error> {
        NetCtxView::bind_tcp(self, &host, port).await
    }

    async fn connect_tcp(&mut self, host: String, port: u16) -> Result<Resource<TcpStream>, Error> {
        NetCtxView::connect_tcp(self, &host, port).await
    }

    async fn udp_bind(&mut self, host: String, port: u16) -> Result<Resource<UdpSocket>, Error> {
        NetCtxView::udp_bind(self, &host, port).await
    }

    async fn lookup_host(&mut self, host: String) -> Result<Vec<String>, Error> {
        NetCtxView::lookup_host(self, &host).await
    }

    fn convert_error_code(&mut self, error: Error) -> wasmtime::Result<host::ErrorCode> {
        arm(error.into())
    }
}

/// Also what `astrid:request-context` makes of net's errors.
pub fn arm(arm: arms::V1_0) -> wasmtime::Result<host::ErrorCode> {
    Ok(match arm {
        arms::V1_0::WouldBlock => host::ErrorCode::WouldBlock,
        arms::V1_0::Closed => host::ErrorCode::Closed,
        arms::V1_0::CapabilityDenied => host::ErrorCode::CapabilityDenied,
        arms::V1_0::AirlockRejected => host::ErrorCode::AirlockRejected,
        arms::V1_0::ConnectionRefused => host::ErrorCode::ConnectionRefused,
        arms::V1_0::ConnectionReset => host::ErrorCode::ConnectionReset,
        arms::V1_0::Timeout => host::ErrorCode::Timeout,
        arms::V1_0::AddressInUse => host::ErrorCode::AddressInUse,
        arms::V1_0::AddressNotAvailable => host::ErrorCode::AddressNotAvailable,
        arms::V1_0::NameUnresolvable => host::ErrorCode::NameUnresolvable,
        arms::V1_0::InvalidHandle => host::ErrorCode::InvalidHandle,
        arms::V1_0::NotTcp => host::ErrorCode::NotTcp,
        arms::V1_0::Quota => host::ErrorCode::Quota,
        arms::V1_0::Unknown(text) => host::ErrorCode::Unknown(text),
        arms::V1_0::Trap(error) => return Err(error.into()),
    })
}
