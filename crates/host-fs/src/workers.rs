//! What is asked of the system on a runtime's own threads: nothing that may wait for a device.

use std::path::Path;
use std::sync::Arc;

use astrid_host_context::{CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices, Principal};
use wasmtime::component::ResourceTable;

use crate::direct::sys::record;
use crate::{Direct, Directories, FsCtx, FsCtxView, FsView, Mounts, OpenMode, Overlays};

const STORES: usize = 64;

/// What takes nothing but memory, and is asked of nothing but memory.
#[cfg(target_os = "linux")]
const QUICK: [&str; 3] = ["openat2 from memory", "stat of a descriptor", "read from memory"];

fn rounds() -> usize {
    if std::env::var_os("ASTRID_LONG_TESTS").is_some() { 1000 } else { 20 }
}

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

fn store(number: usize, fs: &FsCtx) -> State {
    let who = Principal::parse(&format!("p{}", number % 8)).unwrap();
    let call = CallContext::builder(CapsuleId::parse("stress").unwrap()).principal(who).build();
    let services = HostServices::ruled_by(|_| Ok(()));
    State { call: CallSlot::new(call), services, table: ResourceTable::new(), fs: fs.clone() }
}

/// Every function that looks, reads, writes or makes names, on files of the store's own.
async fn work(mut host: State, number: usize) {
    let (d, f, g) = (format!("d{number}"), format!("d{number}/f"), format!("d{number}/g"));
    for round in 0..rounds() {
        host.fs().mkdir_all(format!("{d}/s{round}")).await.unwrap();
        host.fs().write_file(f.clone(), vec![7; 512]).await.unwrap();
        host.fs().append(f.clone(), vec![8; 10]).await.unwrap();
        assert_eq!(host.fs().stat(f.clone()).await.unwrap().size, 522);
        assert_eq!(host.fs().read_file(f.clone()).await.unwrap().len(), 522);
        let handle = host.fs().open(f.clone(), OpenMode::ReadWrite).await.unwrap();
        host.fs().write_at(&handle, 0, vec![9; 10]).await.unwrap();
        assert_eq!(host.fs().read_at(&handle, 0, 100).await.unwrap().len(), 100);
        host.fs().set_len(&handle, 100).await.unwrap();
        assert_eq!(host.fs().stat_handle(&handle).await.unwrap().size, 100);
        host.fs().sync_data(&handle).await.unwrap();
        host.fs().drop_handle(handle);
        host.fs().copy(f.clone(), g.clone()).await.unwrap();
        host.fs().rename(g.clone(), format!("{d}/h")).await.unwrap();
        host.fs().hard_link(f.clone(), g.clone()).await.unwrap();
        assert_eq!(host.fs().canonicalize(g.clone()).await.unwrap(), format!("workspace://{g}"));
        assert!(host.fs().read_dir(d.clone()).await.unwrap().len() >= 4);
        assert!(!host.fs().exists(format!("{d}/missing")).await.unwrap());
        host.fs().unlink(g.clone()).await.unwrap();
        assert_eq!(host.fs().remove_dir_all(format!("{d}/s{round}")).await.unwrap(), 1);
    }
}

fn stress(thread: &'static str, mounts: Arc<dyn Mounts>) -> Vec<String> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).thread_name(thread).enable_all().build().unwrap();
    let fs = FsCtx::builder().mounts(mounts).build();
    record::listen(thread);
    runtime.block_on(async {
        let mut stores = tokio::task::JoinSet::new();
        for number in 0..STORES {
            stores.spawn(work(store(number, &fs), number));
        }
        while let Some(ended) = stores.join_next().await {
            ended.unwrap();
        }
    });
    drop(runtime);
    record::heard(thread)
}

fn lower(directory: &Path) -> Arc<Direct> {
    Arc::new(Direct::builder().open(directory).unwrap())
}

// the targets' 64 parallel stores: what never waits cannot stall, however slow the device is
#[test]
fn no_worker_asks_the_system_for_what_may_wait() {
    let directory = tempfile::tempdir().unwrap();
    let mounts = Directories::new().workspace(lower(directory.path()));
    let heard = stress("worker over a directory", Arc::new(mounts));
    let slow = heard.iter().find(|said| !QUICK.contains(&said.as_str()));
    assert_eq!(slow, None, "of {}", heard.len());
    // The quick way is taken, so the threads that were listened to are the ones that work.
    #[cfg(target_os = "linux")]
    assert!(heard.len() >= STORES * rounds(), "{}", heard.len());
}

#[test]
fn no_worker_asks_the_system_for_what_may_wait_over_an_overlay() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::create_dir(at("lower")).unwrap();
    let kept = at("kept");
    let overlays = Overlays::new(lower(&at("lower")), move |who| Some(kept.join(who.as_str())));
    let mounts = Directories::new().overlays(Arc::new(overlays));
    let heard = stress("worker over an overlay", Arc::new(mounts));
    let slow = heard.iter().find(|said| !QUICK.contains(&said.as_str()));
    assert_eq!(slow, None, "of {}", heard.len());
    assert_eq!(std::fs::read_dir(at("lower")).unwrap().count(), 0);
}
