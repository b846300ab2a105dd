//! A store without a guest, and peers for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use astrid_airlock::{Airlock, LocalEgress, Scripted};
use astrid_host_context::{CapsuleId, HostContext, HostCx};
use astrid_host_io::{IoCtx, IoCtxView, IoView};
use astrid_host_net::{NetCtx, NetCtxBuilder, NetCtxView, NetView, TcpListener, TcpStream};
use astrid_host_testkit::{FakeHost, FakeHostBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wasmtime::component::Resource;

pub(crate) type Stream = Resource<TcpStream>;

pub(crate) struct Store {
    pub(crate) host: FakeHost,
    pub(crate) net: NetCtx,
    pub(crate) io: IoCtx,
}

impl Store {
    pub(crate) fn net(&mut self) -> NetCtxView<'_> {
        NetCtxView { ctx: &mut self.net, host: self.host.cx() }
    }

    pub(crate) fn io(&mut self) -> IoCtxView<'_> {
        IoCtxView { ctx: &mut self.io, host: self.host.cx() }
    }

    /// A second store of the same capsule and services.
    pub(crate) async fn connect(&mut self, to: SocketAddr) -> Stream {
        self.net().connect_tcp(&to.ip().to_string(), to.port()).await.unwrap()
    }

    /// A loopback listener and its port.
    pub(crate) async fn listen(&mut self) -> (Resource<TcpListener>, SocketAddr) {
        let listener = self.net().bind_tcp("127.0.0.1", 0).await.unwrap();
        let address = self.net().listener_addr(&listener).unwrap().parse().unwrap();
        (listener, address)
    }

    /// A stream of the store and the peer at its other end.
    pub(crate) async fn pair(&mut self) -> (Stream, tokio::net::TcpStream) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = self.connect(listener.local_addr().unwrap()).await;
        let (peer, _) = listener.accept().await.unwrap();
        (stream, peer)
    }

    pub(crate) fn drop_stream(&mut self, stream: Stream) {
        self.net().drop_handle(stream).unwrap();
    }
}

impl HostContext for Store {
    fn host(&mut self) -> HostCx<'_> {
        self.host.cx()
    }
}

impl NetView for Store {
    fn net(&mut self) -> NetCtxView<'_> {
        Self::net(self)
    }
}

impl IoView for Store {
    fn io(&mut self) -> IoCtxView<'_> {
        Self::io(self)
    }
}

pub(crate) fn capsule() -> CapsuleId {
    CapsuleId::parse("fake").unwrap()
}

/// Rules that admit the test's capsule to all of loopback.
pub(crate) fn loopback() -> LocalEgress {
    let mut rules = LocalEgress::new();
    for entry in ["127.0.0.1:*", "localhost:*", "[::1]:*"] {
        rules.allow(&capsule(), entry).unwrap();
    }
    rules
}

pub(crate) fn airlock() -> Arc<Airlock> {
    let dns = Scripted::new().answer("localhost", ["127.0.0.1".parse().unwrap()]);
    Arc::new(Airlock::builder().rules(loopback()).resolver(Arc::new(dns)).build())
}

/// Loopback admitted, everything allowed.
pub(crate) fn store() -> Store {
    store_with(FakeHost::builder(), |net| net)
}

pub(crate) fn store_with(host: FakeHostBuilder, net: impl FnOnce(NetCtxBuilder) -> NetCtxBuilder) -> Store {
    Store { host: host.build(), net: net(NetCtx::builder(airlock())).build(), io: IoCtx::new() }
}

pub(crate) fn store_behind(airlock: Arc<Airlock>) -> Store {
    Store { host: FakeHost::builder().build(), net: NetCtx::builder(airlock).build(), io: IoCtx::new() }
}

pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(payload);
    frame
}

/// What the peer got, until the end.
pub(crate) async fn rest(peer: &mut tokio::net::TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    peer.read_to_end(&mut all).await.unwrap();
    all
}

/// Breaks the connection off.
pub(crate) fn reset(peer: tokio::net::TcpStream) {
    socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
}

pub(crate) async fn send(peer: &mut tokio::net::TcpStream, bytes: &[u8]) {
    peer.write_all(bytes).await.unwrap();
}

/// Bytes that show a gap, a repeat or a swap.
pub(crate) fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}
