//! How long runtime workers are kept while 64 stores write 1,000 files each: the longest that a worker was
//! in one poll, and the longest that a task which wants to run every millisecond had to wait. Beside two
//! floors, which say what the machine adds: nobody writing, and plain threads that write as much. A poll is
//! counted without the time in which its thread could have run and the system gave it no core.
#![expect(clippy::unwrap_used, reason = "a bench that cannot run must fail")]

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use astrid_host_context::{CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices, Principal};
use astrid_host_fs::{Direct, Directories, FsCtx, FsCtxView, FsView, Mounts, Overlays};
use wasmtime::component::ResourceTable;

const STORES: usize = 64;
const WRITES: usize = 1000;
const WORKERS: usize = 2;
const BEAT: Duration = Duration::from_millis(1);
/// What no worker may be kept longer than.
const LIMIT: Duration = Duration::from_millis(5);
/// How long the floor is measured.
const IDLE: Duration = Duration::from_secs(5);

struct State {
    call: CallSlot,
    services: HostServices,
    table: ResourceTable,
    fs: FsCtx,
}

impl HostContext for State {
    fn host(&mut self) -> HostCx<'_> {
        HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
    }
}

impl FsView for State {
    fn fs(&mut self) -> FsCtxView<'_> {
        let Self { call, services, table, fs } = self;
        FsCtxView { ctx: fs, host: HostCx { call, services, table } }
    }
}

/// Of each worker the longest poll by the wall clock, the longest without what it waited for a core, and how
/// many of the latter took more than the limit.
type Longest = Arc<Mutex<BTreeMap<String, (Duration, Duration, u32)>>>;

/// How long this thread could have run and had no core, as far as the system says.
fn queued() -> Duration {
    let said = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = said.split(' ').nth(1).and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// A future whose polls are timed.
struct Timed<F>(Pin<Box<F>>, Longest);

impl<F: Future> Future for Timed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let (queued_before, started) = (queued(), Instant::now());
        let polled = self.0.as_mut().poll(cx);
        let took = started.elapsed();
        let own = took.saturating_sub(queued().saturating_sub(queued_before));
        let mut longest = self.1.lock().unwrap();
        let worker = longest.entry(format!("{:?}", std::thread::current().id())).or_default();
        *worker = (worker.0.max(took), worker.1.max(own), worker.2 + u32::from(own > LIMIT));
        polled
    }
}

/// Beats until told to stop; the longest wait between two beats on each worker's tasks.
async fn beat(stop: tokio::sync::watch::Receiver<bool>) -> Duration {
    let mut longest = Duration::ZERO;
    let mut last = Instant::now();
    while !*stop.borrow() {
        tokio::time::sleep(BEAT).await;
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    longest
}

/// The longest gap of any of as many beating tasks as there are workers, while `work` is done.
async fn gaps(work: impl Future) -> Duration {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let beats: Vec<_> = (0..WORKERS).map(|_| tokio::spawn(beat(stopped.clone()))).collect();
    work.await;
    stop.send(true).unwrap();
    let mut longest = Duration::ZERO;
    for beating in beats {
        longest = longest.max(beating.await.unwrap());
    }
    longest
}

async fn write(fs: FsCtx, longest: Longest) {
    let mut stores = tokio::task::JoinSet::new();
    for store in 0..STORES {
        let who = Principal::parse(&format!("p{}", store % 8)).unwrap();
        let call = CallContext::builder(CapsuleId::parse("bench").unwrap()).principal(who).build();
        let services = HostServices::ruled_by(|_| Ok(()));
        let mut host =
            State { call: CallSlot::new(call), services, table: ResourceTable::new(), fs: fs.clone() };
        let work = async move {
            for _ in 0..WRITES {
                host.fs().write_file(format!("f{store}"), vec![7; 512]).await.unwrap();
            }
        };
        stores.spawn(Timed(Box::pin(work), longest.clone()));
    }
    while let Some(ended) = stores.join_next().await {
        ended.unwrap();
    }
}

/// As many threads as the pool has, writing as much with the standard library.
async fn write_plainly(directory: std::path::PathBuf) {
    let threads = (std::thread::available_parallelism().unwrap().get() * 4).max(16);
    let writing = (0..threads).map(|thread| {
        let directory = directory.clone();
        tokio::task::spawn_blocking(move || {
            for round in 0..STORES * WRITES / threads {
                let (new, old) = (format!("new{thread}"), format!("old{}", (thread + round) % STORES));
                std::fs::write(directory.join(&new), [7; 512]).unwrap();
                std::fs::rename(directory.join(new), directory.join(old)).unwrap();
            }
        })
    });
    for ended in writing.collect::<Vec<_>>() {
        ended.await.unwrap();
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("lower")).unwrap();
    let workspace = || Arc::new(Direct::builder().open(&directory.path().join("lower")).unwrap());
    let kept = directory.path().join("kept");
    let overlays = Overlays::new(workspace(), move |who| Some(kept.join(who.as_str())));
    let backends: [(&str, Arc<dyn Mounts>); 2] = [
        ("a directory", Arc::new(Directories::new().workspace(workspace()))),
        ("an overlay", Arc::new(Directories::new().overlays(Arc::new(overlays)))),
    ];
    println!("{STORES} stores x {WRITES} writes of 512 bytes on {WORKERS} workers, limit 5 ms a worker");
    let floor = gaps(tokio::time::sleep(IDLE)).await;
    println!("{:<14} longest gap of a beat every 1 ms {floor:>10.2?}", "nobody");
    let plain = directory.path().join("plain");
    std::fs::create_dir(&plain).unwrap();
    let started = Instant::now();
    let gap = gaps(write_plainly(plain)).await;
    let took = started.elapsed();
    println!("{:<14} longest gap of a beat every 1 ms {gap:>10.2?}   {took:.1?} in all", "plain threads");
    for (what, mounts) in backends {
        let longest = Longest::default();
        let started = Instant::now();
        let gap = gaps(write(FsCtx::builder().mounts(mounts).build(), longest.clone())).await;
        let took = started.elapsed();
        println!("{what:<14} longest gap of a beat every 1 ms {gap:>10.2?}   {took:.1?} in all");
        for (number, (wall, own, over)) in longest.lock().unwrap().values().enumerate() {
            println!(
                "{what:<14} worker {number}: longest poll {own:>10.2?}, {over} over {LIMIT:?}; with waits for a core {wall:.2?}"
            );
        }
    }
}
