//! Splicing against tokio's copy, a datagram echo against plain tokio, and what idle connections cost.
#![expect(clippy::unwrap_used, reason = "a bench that cannot set up must fail")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use astrid_airlock::{Airlock, LocalEgress};
use astrid_host_context::{
    Budgets, CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices, NoAudit,
};
use astrid_host_io::{IoCtx, IoCtxView, limits::POLLABLES};
use astrid_host_net::{NetCtx, NetCtxView, limits};
use astrid_host_testkit::AllowAll;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use wasmtime::component::ResourceTable;

struct Store {
    call: CallSlot,
    services: HostServices,
    table: ResourceTable,
    net: NetCtx,
    io: IoCtx,
}

impl HostContext for Store {
    fn host(&mut self) -> HostCx<'_> {
        HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
    }
}

impl Store {
    fn new() -> Self {
        let capsule = CapsuleId::parse("bench").unwrap();
        let mut rules = LocalEgress::new();
        rules.allow(&capsule, "127.0.0.1:*").unwrap();
        let budgets = Budgets::new()
            .with_limit(&limits::STREAMS, 2000)
            .with_limit(&limits::CAPSULE_STREAMS, 2000)
            .with_limit(&POLLABLES, 4000);
        Self {
            call: CallSlot::new(CallContext::builder(capsule).build()),
            services: HostServices::new(Arc::new(AllowAll), Arc::new(budgets), Arc::new(NoAudit)),
            table: ResourceTable::new(),
            net: NetCtx::builder(Arc::new(Airlock::builder().rules(rules).build())).build(),
            io: IoCtx::new(),
        }
    }

    fn net(&mut self) -> NetCtxView<'_> {
        let host = HostCx { call: &mut self.call, services: &self.services, table: &mut self.table };
        NetCtxView { ctx: &mut self.net, host }
    }

    fn io(&mut self) -> IoCtxView<'_> {
        let host = HostCx { call: &mut self.call, services: &self.services, table: &mut self.table };
        IoCtxView { ctx: &mut self.io, host }
    }
}

const TOTAL: usize = 1 << 30;

async fn pump(mut source: TcpStream) {
    let block = vec![7u8; 1 << 20];
    for _ in 0..TOTAL / block.len() {
        source.write_all(&block).await.unwrap();
    }
}

async fn sink(mut sink: TcpStream) -> usize {
    let mut block = vec![0; 1 << 20];
    let mut all = 0;
    loop {
        match sink.read(&mut block).await.unwrap() {
            0 => return all,
            n => all += n,
        }
    }
}

async fn splice() -> (Duration, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut store = Store::new();
    let a = store.net().connect_tcp("127.0.0.1", port).await.unwrap();
    let source = tokio::spawn(pump(listener.accept().await.unwrap().0));
    let b = store.net().connect_tcp("127.0.0.1", port).await.unwrap();
    let sink = tokio::spawn(sink(listener.accept().await.unwrap().0));
    let input = store.net().read_stream(&a).unwrap();
    let output = store.net().write_stream(&b).unwrap();
    let before = Instant::now();
    let (mut moved, mut calls) = (0, 0);
    while moved < TOTAL as u64 {
        moved += store.io().blocking_splice(&output, &input, 1 << 20).await.unwrap();
        calls += 1;
    }
    store.io().blocking_flush(&output).await.unwrap();
    store.net().shutdown(&b, std::net::Shutdown::Write).await.unwrap();
    assert_eq!(sink.await.unwrap(), TOTAL);
    source.await.unwrap();
    (before.elapsed(), calls)
}

async fn plain_copy() -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut a = TcpStream::connect(address).await.unwrap();
    let source = tokio::spawn(pump(listener.accept().await.unwrap().0));
    let mut b = TcpStream::connect(address).await.unwrap();
    let sink = tokio::spawn(sink(listener.accept().await.unwrap().0));
    let before = Instant::now();
    let copy = tokio::spawn(async move { tokio::io::copy_bidirectional(&mut a, &mut b).await });
    source.await.unwrap();
    assert_eq!(sink.await.unwrap(), TOTAL);
    copy.await.unwrap().unwrap();
    before.elapsed()
}

const ECHOES: u32 = 50_000;

async fn udp_echo() -> (Duration, Duration) {
    let mirror = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = mirror.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        loop {
            let (n, from) = mirror.recv_from(&mut buffer).await.unwrap();
            mirror.send_to(buffer.get(..n).unwrap(), from).await.unwrap();
        }
    });
    let data = [7; 512];
    let plain = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut buffer = [0; 2048];
    let before = Instant::now();
    for _ in 0..ECHOES {
        plain.send_to(&data, to).await.unwrap();
        plain.recv_from(&mut buffer).await.unwrap();
    }
    let raw = before.elapsed();
    let mut store = Store::new();
    let socket = store.net().udp_bind("127.0.0.1", 0).await.unwrap();
    let before = Instant::now();
    for _ in 0..ECHOES {
        store.net().send_to(&socket, &data, "127.0.0.1", to.port()).await.unwrap();
        store.net().recv_from(&socket, 2048).await.unwrap().unwrap();
    }
    (raw, before.elapsed())
}

/// User and system time of the process, in the kernel's ticks of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let behind_name = stat.rsplit_once(')').unwrap().1;
    let ticks: u64 = behind_name.split_whitespace().skip(11).take(2).map(|n| n.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

async fn idle() -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut store = Store::new();
    let mut peers = Vec::new();
    let mut waits = Vec::new();
    for _ in 0..1000 {
        let stream = store.net().connect_tcp("127.0.0.1", port).await.unwrap();
        peers.push(listener.accept().await.unwrap());
        waits.push(store.net().subscribe_readable(&stream).unwrap());
    }
    // 256 at once is the contract's limit; the rest are registered once and stay silent.
    for part in waits.chunks(256).skip(1) {
        let _ = tokio::time::timeout(Duration::from_millis(10), store.io().poll(part)).await;
    }
    let before = cpu();
    let first = waits.get(..256).unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(5), store.io().poll(first)).await.is_err());
    cpu() - before
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    for _ in 0..3 {
        let (spliced, calls) = splice().await;
        let copied = plain_copy().await;
        let rate = |took: Duration| TOTAL as f64 / took.as_secs_f64() / 1e9;
        println!(
            "splice 1 GiB: {:.2} GB/s in {calls} calls; tokio copy_bidirectional: {:.2} GB/s; ratio {:.2}",
            rate(spliced),
            rate(copied),
            rate(spliced) / rate(copied),
        );
        let (raw, ours) = udp_echo().await;
        println!(
            "udp echo: {:?} a round trip; plain tokio: {:?}; ratio {:.2}",
            ours / ECHOES,
            raw / ECHOES,
            ours.as_secs_f64() / raw.as_secs_f64(),
        );
    }
    println!("1,000 idle connections for 5 s: {:?} of cpu time", idle().await);
}
