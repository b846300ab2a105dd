//! A directory that turns into a link to the outside and back, as fast as it can, under readers and writers.
//!
//! 20,000 flips, or 1,000,000 with `ASTRID_LONG_TESTS` set.

use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::{State, state};
use crate::place::{Place, arm};
use astrid_host_fs::{Direct, Directories, FsView, Overlays, Text, arms::V1_0 as Arm};
use astrid_host_testkit::FakeHost;

fn flips() -> usize {
    if std::env::var_os("ASTRID_LONG_TESTS").is_some() { 1_000_000 } else { 20_000 }
}

async fn flip(openat2: bool, open: fn(&Place) -> State) {
    let place = Place { openat2, ..Place::new() };
    let (real, link, p) = (place.at("workspace/real"), place.at("workspace/link"), place.at("workspace/p"));
    std::fs::create_dir(place.at("outside")).unwrap();
    std::fs::write(place.at("outside/f"), "outside").unwrap();
    std::fs::create_dir(&p).unwrap();
    std::fs::write(p.join("f"), "inside").unwrap();
    symlink(place.at("outside"), &link).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let flipper = std::thread::spawn({
        let done = done.clone();
        move || {
            for _ in 0..flips() / 2 {
                std::fs::rename(&p, &real).unwrap();
                std::fs::rename(&link, &p).unwrap();
                std::fs::rename(&p, &link).unwrap();
                std::fs::rename(&real, &p).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        }
    });
    let first = open(&place);
    let mut tasks = Vec::new();
    for task in 0..8 {
        let fake = FakeHost::builder().build();
        let (done, mut host) = (done.clone(), State { fake, ctx: first.ctx.clone() });
        tasks.push(tokio::spawn(async move {
            let mut reached = 0_u32;
            while !done.load(Ordering::Relaxed) {
                let result = if task % 2 == 0 {
                    host.fs().read_file("p/f".into()).await.map(|content| {
                        assert_eq!(content, b"inside", "a byte from the outside was read");
                    })
                } else if task % 4 == 1 {
                    let copy = format!("copy{task}");
                    match host.fs().copy("p/f".into(), copy.clone()).await {
                        // Gone again where changes are rolled back all the time.
                        Ok(()) => host.fs().read_file(copy).await.map(|content| {
                            assert_eq!(content, b"inside", "a byte from the outside was copied");
                        }),
                        failed => failed,
                    }
                } else {
                    host.fs().write_file("p/f".into(), b"inside".into()).await
                };
                host.fake.recorder().clear();
                match arm(result) {
                    Ok(()) => reached += 1,
                    Err(
                        Arm::NotFound
                        | Arm::BoundaryEscape
                        | Arm::NotDirectory
                        | Arm::Unknown(Text::RetryLimit),
                    ) => {}
                    Err(other) => unreachable!("{other:?}"),
                }
            }
            reached
        }));
    }
    let mut reached = 0;
    for task in tasks {
        reached += task.await.unwrap();
    }
    flipper.join().unwrap();
    assert!(reached > 0, "no call ever reached the file, so nothing was tested");
    assert_eq!(std::fs::read(place.at("outside/f")).unwrap(), b"outside");
    assert_eq!(std::fs::read_dir(place.at("outside")).unwrap().count(), 1);
}

fn direct(place: &Place) -> State {
    place.host(FakeHost::builder())
}

// fs case 13, security-gate case 11
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipping_directory_never_leads_outside() {
    flip(true, direct).await;
}

// fs case 14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipping_directory_never_leads_outside_without_openat2() {
    flip(false, direct).await;
}

/// Before a first write, an overlay reads the lower directory that flips; a rollback makes it so again.
fn overlaid(place: &Place) -> State {
    let lower = Direct::builder().openat2(place.openat2).open(&place.at("workspace")).unwrap();
    let kept = place.at("changes");
    let overlays = Arc::new(Overlays::new(Arc::new(lower), move |who| Some(kept.join(who.as_str()))));
    let who = astrid_host_context::Principal::parse("alice").unwrap();
    let overlay = overlays.of(&who).unwrap().unwrap();
    std::thread::spawn(move || {
        // Ends when the host, and with it every other holder, is gone.
        while Arc::strong_count(&overlay) > 1 {
            overlay.rollback().unwrap();
            std::thread::yield_now();
        }
    });
    state(FakeHost::builder(), Arc::new(Directories::new().overlays(overlays)))
}

// fs cases 13, 51
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipping_directory_never_leads_an_overlay_outside() {
    flip(true, overlaid).await;
}
