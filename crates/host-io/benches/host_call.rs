//! What one call costs on the host's side: the envelope beside the bare work, a full poll, and a splice
//! of shared chunks and through the adapters. Prints figures; `cargo bench -p astrid-host-io`.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set up must fail")]

use std::hint::black_box;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use astrid_host_context::{
    CallContext, CallSlot, Cancellation, CapsuleId, HostContext, HostCx, HostServices, Principal,
};
use astrid_host_io::adapters::{AsyncReadInput, AsyncWriteOutput};
use astrid_host_io::{
    HostInput, HostOutput, IoCtx, IoCtxView, IoTable, IoView, Readiness, ReadyState, StreamFailure,
};
use bytes::Bytes;
use wasmtime::component::ResourceTable;

struct State {
    call: CallSlot,
    services: HostServices,
    table: ResourceTable,
    io: IoCtx,
}

impl HostContext for State {
    fn host(&mut self) -> HostCx<'_> {
        HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
    }
}

impl IoView for State {
    fn io(&mut self) -> IoCtxView<'_> {
        let host = HostCx { call: &mut self.call, services: &self.services, table: &mut self.table };
        IoCtxView { ctx: &mut self.io, host }
    }
}

struct Always(bool);

impl Readiness for Always {
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<ReadyState> {
        if black_box(self.0) { Poll::Ready(ReadyState::Ready) } else { Poll::Pending }
    }
}

/// Gives the same chunk for ever, and takes anything.
struct Memory(Bytes);

impl Readiness for Memory {
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<ReadyState> {
        Poll::Ready(ReadyState::Ready)
    }
}

impl HostInput for Memory {
    fn peek(&mut self, max: usize) -> Result<Bytes, StreamFailure> {
        Ok(self.0.slice(..max.min(self.0.len())))
    }

    fn consume(&mut self, _: usize) {}
}

impl HostOutput for Memory {
    fn capacity(&mut self) -> Result<usize, StreamFailure> {
        Ok(1 << 20)
    }

    fn push(&mut self, bytes: Bytes) -> Result<(), StreamFailure> {
        black_box(bytes);
        Ok(())
    }

    fn start_flush(&mut self) -> Result<(), StreamFailure> {
        Ok(())
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StreamFailure>> {
        Poll::Ready(Ok(()))
    }
}

/// The best of ten runs: what the work costs when nobody else uses the core.
fn each(times: u32, mut work: impl FnMut()) -> Duration {
    let run = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..times).for_each(|_| work());
        start.elapsed() / times
    };
    (0..10).map(|_| run(&mut work)).min().unwrap_or_default()
}

fn state() -> State {
    let call = CallContext::builder(CapsuleId::parse("bench").unwrap())
        .principal(Principal::parse("alice").unwrap())
        .build();
    State {
        call: CallSlot::new(call),
        services: HostServices::ruled_by(|_| Ok(())),
        table: ResourceTable::new(),
        io: IoCtx::new(),
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// Parks many calls on pollables that are never ready, then cancels them all.
async fn parked(calls: u32) {
    let token = Cancellation::new();
    let stores: Vec<_> = (0..calls)
        .map(|_| {
            let mut state = state();
            let next = state.call.to_builder().cancellation(token.child()).build();
            state.call.replace(next);
            let pollable = state.host().push_pollable(Always(false)).unwrap();
            (state, pollable)
        })
        .collect();
    let before = resident_kib();
    let waits: Vec<_> = stores
        .into_iter()
        .map(|(mut state, pollable)| tokio::spawn(async move { state.io().block(&pollable).await.is_err() }))
        .collect();
    tokio::task::yield_now().await;
    let each = (resident_kib() - before) * 1024 / u64::from(calls);
    let start = Instant::now();
    token.cancel();
    for wait in waits {
        assert!(wait.await.unwrap());
    }
    println!(
        "{calls} parked calls: {each} bytes each with their task and state (target 4096), all cancelled in {:?} (target 100ms)",
        start.elapsed()
    );
}

fn main() {
    // `cargo test --benches` only wants to see that it runs.
    let scale = if std::env::args().any(|arg| arg == "--bench") { 100 } else { 1 };
    let mut state = state();

    let bare = state.table.push(Always(true)).unwrap();
    let bare_call = each(1000 * scale, || {
        let source = state.table.get_mut(&bare).unwrap();
        black_box(source.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
    });
    let ready = state.host().push_pollable(Always(true)).unwrap();
    let full_call = each(1000 * scale, || {
        black_box(state.io().ready(&ready).unwrap());
    });
    let envelope = full_call.saturating_sub(bare_call);
    println!(
        "pollable.ready: bare {bare_call:?}, with envelope {full_call:?}: envelope {envelope:?} (target 150ns)"
    );

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut members: Vec<_> = (0..255).map(|_| state.host().push_pollable(Always(false)).unwrap()).collect();
    members.push(ready);
    let poll = runtime.block_on(async {
        let mut best = Duration::MAX;
        for _ in 0..10 * scale {
            let start = Instant::now();
            black_box(state.io().poll(&members).await.unwrap());
            best = best.min(start.elapsed());
        }
        best
    });
    println!("poll of 255 idle and 1 ready: {poll:?} (target 50µs)");

    runtime.block_on(parked(100 * scale));

    let chunk = Bytes::from(vec![7; 64 * 1024]);
    let source = state.host().push_input(Memory(chunk.clone())).unwrap();
    let sink = state.host().push_output(Memory(chunk)).unwrap();
    let read = state.host().push_input(AsyncReadInput::new(tokio::io::repeat(7))).unwrap();
    let write = state.host().push_output(AsyncWriteOutput::new(tokio::io::sink())).unwrap();
    for (name, sink, source) in [("shared chunks", &sink, &source), ("the tokio adapters", &write, &read)] {
        let mut moved = 0;
        let splice = each(10 * scale, || moved = state.io().splice(sink, source, u64::MAX).unwrap());
        let gib = moved as f64 / splice.as_secs_f64() / f64::from(1 << 30);
        println!("splice of {moved} bytes through {name}: {splice:?}, {gib:.1} GiB/s (target 1)");
    }
}
