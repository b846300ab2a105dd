//! A tree deeper than any path can say, and few descriptors. Alone in its process, whose limit it lowers.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod common;
#[path = "common/place.rs"]
mod place;

use astrid_host_fs::FsView;
use astrid_host_testkit::FakeHost;
use place::{Place, arm};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, getrlimit, setrlimit};

const LEVELS: u64 = 20_000;

// fs case 32
#[tokio::test]
async fn twenty_thousand_levels_are_removed_with_at_most_sixty_four_descriptors() {
    let place = Place::new();
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    let mut directory = rustix::fs::open(place.at("workspace"), flags, Mode::empty()).unwrap();
    for _ in 0..LEVELS {
        rustix::fs::mkdirat(&directory, "d", Mode::RWXU).unwrap();
        directory = rustix::fs::openat(&directory, "d", flags, Mode::empty()).unwrap();
    }
    drop(directory);
    let mut host = place.host(FakeHost::builder());
    assert_eq!(arm(host.fs().exists("d".into()).await), Ok(true));
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, rustix::process::Rlimit { current: Some(open + 64), ..limit }).unwrap();
    assert_eq!(arm(host.fs().remove_dir_all("d".into()).await), Ok(LEVELS));
    setrlimit(Resource::Nofile, limit).unwrap();
    assert_eq!(std::fs::read_dir(place.at("workspace")).unwrap().count(), 0);
}
