//! What a call does while its device is slow, fails or changes a file under it.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::common::{State, state};
use crate::place::{Place, arm};
use crate::tampered::{Device, both};
use astrid_host_context::Cancellation;
use astrid_host_fs::{Fault, FsView, OpenMode, Text, arms::V1_0 as Arm};
use astrid_host_testkit::FakeHost;
use parking_lot::Mutex;
use tokio::sync::Notify;

#[derive(Debug)]
struct Grows(PathBuf, AtomicBool);

impl Device for Grows {
    fn reads(&self) {
        if !self.1.swap(true, Ordering::Relaxed) {
            File::options().write(true).open(&self.0).unwrap().set_len((10 << 20) + 1).unwrap();
        }
    }
}

// fs case 15
#[tokio::test]
async fn a_file_that_grows_past_the_limit_while_it_is_read_is_too_large() {
    let place = Place::new();
    let path = place.at("workspace/f");
    let device = Arc::new(Grows(path.clone(), AtomicBool::new(false)));
    for mounts in both(place.directory.path(), &(device.clone() as Arc<dyn Device>)) {
        File::create(&path).unwrap().set_len(10 << 20).unwrap();
        device.1.store(false, Ordering::Relaxed);
        let mut host = state(FakeHost::builder(), mounts);
        assert_eq!(arm(host.fs().read_file("f".into()).await.map(drop)), Err(Arm::TooLarge));
    }
}

#[derive(Debug)]
struct Cancels {
    token: Mutex<Option<Cancellation>>,
    reads: AtomicUsize,
}

impl Device for Cancels {
    fn reads(&self) {
        if self.reads.fetch_add(1, Ordering::Relaxed) == 3 {
            self.token.lock().take().unwrap().cancel();
        }
    }
}

// fs case 45: at most the piece that is being moved, 1 MiB, is still moved
#[tokio::test]
async fn a_copy_whose_token_fires_ends_with_its_piece_and_leaves_the_destination() {
    let place = Place::new();
    File::create(place.at("workspace/large")).unwrap().set_len(1 << 30).unwrap();
    std::fs::write(place.at("workspace/to"), "old").unwrap();
    let device = Arc::new(Cancels { token: Mutex::default(), reads: AtomicUsize::new(0) });
    for mounts in both(place.directory.path(), &(device.clone() as Arc<dyn Device>)) {
        device.reads.store(0, Ordering::Relaxed);
        let mut host = state(FakeHost::builder(), mounts);
        *device.token.lock() = Some(host.fake.cancellation());
        let ended = arm(host.fs().copy("large".into(), "to".into()).await);
        assert_eq!(ended, Err(Arm::Unknown(Text::Cancelled)));
        assert_eq!(device.reads.load(Ordering::Relaxed), 4);
        host.fake.serve("alice");
        assert_eq!(host.fs().read_file("to".into()).await.unwrap(), b"old");
        assert_eq!(std::fs::read(place.at("workspace/to")).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(place.at("workspace")).unwrap().count(), 2, "a temporary stayed");
        let upper = place.at("changes/changes/tree");
        assert_eq!(std::fs::read_dir(upper).unwrap().count(), 0, "a temporary stayed");
    }
}

#[derive(Debug)]
struct Waits {
    began: Notify,
    goes_on: Mutex<Receiver<()>>,
}

impl Waits {
    fn new() -> (Arc<Self>, Sender<()>) {
        let (send, receive) = channel();
        (Arc::new(Self { began: Notify::new(), goes_on: Mutex::new(receive) }), send)
    }
}

impl Device for Waits {
    fn replaces(&self) {
        self.began.notify_one();
        let _ = self.goes_on.lock().recv();
    }
}

// fs case 46
#[tokio::test]
async fn a_write_in_flight_completes_when_its_principal_is_retired_and_the_next_is_denied() {
    let place = Place::new();
    let (device, go_on) = Waits::new();
    for mounts in both(place.directory.path(), &(device.clone() as Arc<dyn Device>)) {
        let mut host = state(FakeHost::builder(), mounts);
        let mut other = State { fake: FakeHost::builder().principal("bob").build(), ctx: host.ctx.clone() };
        let token = host.fake.cancellation();
        let writing = async { arm(host.fs().write_file("a".into(), b"whole".into()).await) };
        let (written, ()) = tokio::join!(writing, async {
            device.began.notified().await;
            token.retire();
            go_on.send(()).unwrap();
        });
        assert_eq!(written, Ok(()));
        assert_eq!(arm(host.fs().write_file("a".into(), vec![]).await), Err(Arm::CapabilityDenied));
        go_on.send(()).unwrap();
        assert_eq!(arm(other.fs().write_file("b".into(), vec![]).await), Ok(()));
        device.began.notified().await;
        assert_eq!(other.fs().read_file("a".into()).await.unwrap(), b"whole");
    }
}

#[derive(Debug, Default)]
struct FailsOnce(AtomicBool);

impl Device for FailsOnce {
    fn syncs(&self) -> Result<(), Fault> {
        if self.0.swap(true, Ordering::Relaxed) { Ok(()) } else { Err(Fault::Unknown(Text::Io)) }
    }
}

// fs case 50
#[tokio::test]
async fn a_sync_that_failed_once_fails_on_that_handle_for_ever_and_on_no_other() {
    let place = Place::new();
    let device = Arc::new(FailsOnce::default());
    for mounts in both(place.directory.path(), &(device.clone() as Arc<dyn Device>)) {
        device.0.store(false, Ordering::Relaxed);
        let mut host = state(FakeHost::builder(), mounts);
        let f = host.fs().open("f".into(), OpenMode::Write).await.unwrap();
        let failed = Err(Arm::Unknown(Text::Io));
        for _ in 0..2 {
            assert_eq!(arm(host.fs().sync_data(&f).await), failed);
            assert_eq!(arm(host.fs().sync_all(&f).await), failed);
        }
        let other = host.fs().open("f".into(), OpenMode::Read).await.unwrap();
        assert_eq!(arm(host.fs().sync_all(&other).await), Ok(()));
        // Every method of a handle that the host closed says so, whatever went before.
        host.fake.cx().table.get(&other).unwrap().close();
        let closed = Err(Arm::Closed);
        assert_eq!(arm(host.fs().read_at(&other, 0, 1).await.map(drop)), closed);
        assert_eq!(arm(host.fs().sync_data(&other).await), closed);
        assert_eq!(arm(host.fs().stat_handle(&other).await.map(drop)), closed);
    }
}
