//! What calls on cached files cost beside the floor: the same syscalls made directly, in the same run.
#![expect(clippy::unwrap_used, reason = "a bench that cannot run must fail")]

use std::hint::black_box;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use astrid_host_context::{CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices, Principal};
use astrid_host_fs::{Direct, Directories, FsCtx, FsCtxView, FsView};
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, StatxFlags};
use wasmtime::component::ResourceTable;

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

/// Best of fifteen runs of each in turn, in nanoseconds a call: other work on the machine only ever adds.
async fn compare(calls: u32, mut floor: impl AsyncFnMut(), mut view: impl AsyncFnMut()) -> (f64, f64) {
    let mut best = (f64::MAX, f64::MAX);
    for _ in 0..15 {
        best.0 = best.0.min(once(calls, &mut floor).await);
        best.1 = best.1.min(once(calls, &mut view).await);
    }
    best
}

async fn once(calls: u32, run: &mut impl AsyncFnMut()) -> f64 {
    let started = Instant::now();
    for _ in 0..calls {
        run().await;
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}

fn open(root: &OwnedFd, path: &str, flags: OFlags) -> OwnedFd {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    rustix::fs::openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve).unwrap()
}

fn stat(fd: &OwnedFd) -> u64 {
    let mask = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    rustix::fs::statx(fd, "", AtFlags::EMPTY_PATH, mask).unwrap().stx_size
}

fn read(root: &OwnedFd, path: &str) -> Vec<u8> {
    let fd = open(root, path, OFlags::RDONLY);
    let mut content = vec![0; usize::try_from(stat(&fd)).unwrap() + 1];
    let read = rustix::io::pread(&fd, &mut content[..], 0).unwrap();
    content.truncate(read);
    content
}

fn write(root: &OwnedFd, name: &str, content: &[u8]) {
    let old = rustix::fs::statx(root, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS).unwrap();
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(root, "temporary", flags, Mode::from_raw_mode(0o644)).unwrap();
    rustix::io::pwrite(&fd, content, 0).unwrap();
    black_box((stat(&fd), old));
    rustix::fs::renameat(root, "temporary", root, name).unwrap();
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let directory = tempfile::tempdir().unwrap();
    let at = |path: &str| directory.path().join(path);
    std::fs::create_dir_all(at("a/b")).unwrap();
    std::fs::create_dir(at("many")).unwrap();
    std::fs::write(at("a/b/small"), vec![7; 4096]).unwrap();
    std::fs::write(at("a/b/large"), vec![7; 1 << 20]).unwrap();
    std::fs::write(at("written"), vec![7; 4096]).unwrap();
    for n in 0..4096 {
        std::fs::write(at(&format!("many/entry-{n:04}")), "").unwrap();
    }
    let root = rustix::fs::open(directory.path(), OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
    let workspace = Direct::builder().open(directory.path()).unwrap();
    let call = CallContext::builder(CapsuleId::parse("bench").unwrap())
        .principal(Principal::parse("alice").unwrap())
        .build();
    let mut host = State {
        call: CallSlot::new(call),
        services: HostServices::ruled_by(|_| Ok(())),
        table: ResourceTable::new(),
        fs: FsCtx::builder().mounts(Arc::new(Directories::new().workspace(Arc::new(workspace)))).build(),
    };
    let content = vec![7_u8; 4096];
    let mut rows = Vec::new();

    let costs = compare(
        5000,
        async || {
            black_box(stat(&open(&root, "a/b/small", OFlags::PATH)));
        },
        async || {
            black_box(host.fs().stat("a/b/small".into()).await.unwrap());
        },
    )
    .await;
    rows.push(("stat of a cached path, limit 1.5x + 1 us", costs));

    for (what, path, calls) in [
        ("read-file 4 KiB, limit 1.5x + 1 us", "a/b/small", 5000),
        ("read-file 1 MiB, limit 1.2x", "a/b/large", 100),
    ] {
        let costs = compare(
            calls,
            async || {
                black_box(read(&root, path));
            },
            async || {
                black_box(host.fs().read_file(path.into()).await.unwrap());
            },
        )
        .await;
        rows.push((what, costs));
    }

    let costs = compare(
        500,
        async || write(&root, "written", &content),
        async || host.fs().write_file("written".into(), content.clone()).await.unwrap(),
    )
    .await;
    rows.push(("write-file 4 KiB, limit 1.3x", costs));

    // What of it is leaving the worker: the same syscalls on tokio's blocking threads, and a call that
    // hands over and finds nothing to do.
    let shared = Arc::new(root.try_clone().unwrap());
    let costs = compare(
        500,
        async || {
            let (root, content) = (shared.clone(), content.clone());
            tokio::task::spawn_blocking(move || write(&root, "written", &content)).await.unwrap();
        },
        async || host.fs().write_file("written".into(), content.clone()).await.unwrap(),
    )
    .await;
    rows.push(("the same, floor on another thread too", costs));
    let costs = compare(
        500,
        async || {
            black_box(rustix::fs::unlinkat(&root, "gone", AtFlags::empty()).unwrap_err());
        },
        async || {
            black_box(host.fs().unlink("gone".into()).await.unwrap_err());
        },
    )
    .await;
    rows.push(("unlink of what is missing: a hand-over", costs));

    let costs = compare(
        10,
        async || {
            let fd = open(&root, "many", OFlags::RDONLY | OFlags::DIRECTORY);
            black_box(rustix::fs::Dir::new(fd).unwrap().count());
        },
        async || {
            assert_eq!(host.fs().read_dir("many".into()).await.unwrap().len(), 4096);
        },
    )
    .await;
    rows.push(("readdir of 4,096 entries, limit 2 ms", costs));

    println!("on {:<38} floor ns     view ns   of the floor", directory.path().display());
    for (what, (floor, view)) in rows {
        println!("{what:<40} {floor:>10.0} {view:>11.0} {:>8.2}x", view / floor);
    }
}
