//! Whose files a call reaches, and that it reaches no other.

use std::os::unix::fs::symlink;

use crate::place::{Place, arm};
use astrid_host_fs::op_table::{READ, WRITE};
use astrid_host_fs::{FsView, HANDLES, OpenMode, arms::V1_0 as Arm};
use astrid_host_testkit::FakeHost;

// fs case 38, on four stores
#[tokio::test]
async fn principals_have_homes_and_scratch_of_their_own() {
    let place = Place::new();
    let mut host = place.host(FakeHost::builder());
    for who in ["alice", "bob"] {
        host.fake.serve(who);
        for path in ["home://n", "tmp://n"] {
            host.fs().write_file(path.into(), who.into()).await.unwrap();
        }
    }
    let stores = [(); 4].map(|()| FakeHost::builder().build());
    let mut stores = stores.map(|fake| crate::common::State { fake, ctx: host.ctx.clone() });
    for round in 0..10_000 {
        let who = if round % 3 == 0 { "alice" } else { "bob" };
        let host = stores.get_mut(round % 4).unwrap();
        host.fake.serve(who);
        host.fake.recorder().clear();
        for path in ["home://n", "tmp://n"] {
            assert_eq!(host.fs().read_file(path.into()).await.unwrap(), who.as_bytes());
        }
    }
}

// fs case 38
#[tokio::test]
async fn a_call_without_principal_has_no_home() {
    let place = Place::new();
    let mut host = place.host(FakeHost::builder().no_principal());
    for path in ["home://n", "tmp://n"] {
        assert_eq!(arm(host.fs().read_file(path.into()).await), Err(Arm::CapabilityDenied));
    }
    host.fake.set_call(|call| call.principal(astrid_host_context::Principal::anonymous()));
    assert_eq!(arm(host.fs().exists("home://".into()).await), Err(Arm::CapabilityDenied));
    assert!(!place.at("home").exists());
}

// fs case 33
#[tokio::test]
async fn what_the_host_keeps_in_a_home_is_reached_by_no_path() {
    let mut place = Place::new();
    std::fs::create_dir_all(place.at("home/alice/.config/env")).unwrap();
    std::fs::write(place.at("home/alice/.config/env/x.env.json"), "secret").unwrap();
    symlink(".config/env", place.at("home/alice/alias")).unwrap();
    for openat2 in [true, false] {
        place.openat2 = openat2;
        let mut host = place.host(FakeHost::builder());
        let denied = Err(Arm::CapabilityDenied);
        for path in ["home://.config/env/x.env.json", "home://alias/x.env.json", "home://.local/tmp"] {
            assert_eq!(arm(host.fs().read_file(path.into()).await.map(drop)), denied, "{path}");
        }
        assert_eq!(arm(host.fs().read_dir("home://alias".into()).await.map(drop)), denied);
        assert_eq!(arm(host.fs().remove_dir_all("home://.local".into()).await.map(drop)), denied);
        assert_eq!(arm(host.fs().remove_dir_all("home://.config".into()).await.map(drop)), denied);
        assert_eq!(arm(host.fs().rename("home://.config".into(), "home://c".into()).await), denied);
        assert_eq!(arm(host.fs().exists("home://.config".into()).await), Ok(true));
        host.fs().write_file("home://.config/own.toml".into(), vec![1]).await.unwrap();
    }
    assert_eq!(std::fs::read(place.at("home/alice/.config/env/x.env.json")).unwrap(), b"secret");
}

// fs cases 4, 12
#[tokio::test]
async fn a_grant_is_asked_for_the_path_as_written_and_for_where_it_leads() {
    let place = Place::new();
    std::fs::create_dir(place.at("workspace/src")).unwrap();
    std::fs::write(place.at("workspace/secret"), "s").unwrap();
    symlink("../secret", place.at("workspace/src/l")).unwrap();
    let mut host = place.host(FakeHost::builder().deny(READ, "path:workspace://secret"));
    for path in ["secret", "src/../secret", "src/l", "./secret"] {
        assert_eq!(arm(host.fs().read_file(path.into()).await), Err(Arm::CapabilityDenied), "{path}");
    }
    let last = host.fake.recorder().audited().pop().unwrap();
    assert_eq!(last.target.as_deref(), Some("workspace://secret"));
}

/// A capsule that may see one file, one directory and no more, with mounts that must not be asked.
struct Unasked;

impl astrid_host_fs::Mounts for Unasked {
    fn ready(
        &self,
        _: &astrid_host_context::Scope,
        _: astrid_host_fs::Scheme,
    ) -> Option<astrid_host_fs::Mount> {
        unreachable!("a denied path was looked for")
    }

    fn open(&self, _: &astrid_host_context::Scope, _: astrid_host_fs::Scheme) -> astrid_host_fs::Mount {
        unreachable!("a denied path was looked for")
    }
}

// fs case 3: without a mount there is no descriptor, and without one no syscall about a path
#[tokio::test]
async fn a_denied_path_is_never_looked_for() {
    let fake = FakeHost::builder().deny(READ, "*").deny(WRITE, "*");
    let mut host = crate::common::state(fake, std::sync::Arc::new(Unasked));
    let denied = Err(Arm::CapabilityDenied);
    assert_eq!(arm(host.fs().exists("there".into()).await.map(drop)), denied);
    assert_eq!(arm(host.fs().stat("home://there".into()).await.map(drop)), denied);
    assert_eq!(arm(host.fs().read_file("tmp://there".into()).await.map(drop)), denied);
    assert_eq!(arm(host.fs().write_file("there".into(), vec![]).await), denied);
    assert_eq!(arm(host.fs().copy("a".into(), "b".into()).await), denied);
}

// fs case 12, security-gate case 10
#[tokio::test]
async fn a_link_that_leaves_what_is_granted_is_denied_for_every_function_that_follows_it() {
    let place = Place::new();
    std::fs::create_dir_all(place.at("workspace/src")).unwrap();
    std::fs::create_dir_all(place.at("workspace/secret/d")).unwrap();
    std::fs::write(place.at("workspace/secret/f"), "s").unwrap();
    symlink("../secret", place.at("workspace/src/l")).unwrap();
    symlink("../secret/f", place.at("workspace/src/f")).unwrap();
    let fake = ["path:workspace://secret", "path:workspace://secret/f", "path:workspace://secret/new"];
    let fake = fake.iter().fold(FakeHost::builder(), |it, path| it.deny(READ, path).deny(WRITE, path));
    let mut host = place.host(fake);
    let denied = Err(Arm::CapabilityDenied);
    assert_eq!(arm(host.fs().read_file("src/l/f".into()).await.map(drop)), denied);
    assert_eq!(arm(host.fs().read_file("src/f".into()).await.map(drop)), denied);
    assert_eq!(arm(host.fs().exists("src/f".into()).await.map(drop)), denied);
    assert_eq!(arm(host.fs().read_dir("src/l".into()).await.map(drop)), denied);
    assert_eq!(arm(host.fs().canonicalize("src/l".into()).await.map(drop)), denied);
    assert_eq!(arm(host.fs().write_file("src/f".into(), vec![]).await), denied);
    assert_eq!(arm(host.fs().write_file("src/l/new".into(), vec![]).await), denied);
    assert_eq!(arm(host.fs().append("src/f".into(), vec![1]).await), denied);
    assert_eq!(arm(host.fs().copy("src/f".into(), "src/g".into()).await), denied);
    // The link itself lies in what is granted.
    host.fs().unlink("src/f".into()).await.unwrap();
    assert_eq!(std::fs::read(place.at("workspace/secret/f")).unwrap(), b"s");
    assert_eq!(std::fs::read_dir(place.at("workspace/secret")).unwrap().count(), 2);
}

// fs case 3
#[tokio::test]
async fn a_denied_caller_learns_nothing_about_existence() {
    let place = Place::new();
    std::fs::write(place.at("workspace/there"), "").unwrap();
    let mut host = place.host(FakeHost::builder().deny(READ, "*"));
    for path in ["there", "missing", "there/below"] {
        assert_eq!(arm(host.fs().exists(path.into()).await), Err(Arm::CapabilityDenied), "{path}");
    }
}

// fs case 23
#[tokio::test]
async fn a_handle_opened_without_the_grant_to_read_does_not_read() {
    let place = Place::new();
    std::fs::write(place.at("workspace/f"), "x").unwrap();
    let mut host = place.host(FakeHost::builder().deny(READ, "*"));
    let f = host.fs().open("f".into(), OpenMode::ReadWrite).await.unwrap();
    assert_eq!(arm(host.fs().write_at(&f, 0, vec![1]).await), Ok(1));
    assert_eq!(arm(host.fs().read_at(&f, 0, 1).await), Err(Arm::CapabilityDenied));
}

// fs case 5
#[tokio::test]
async fn without_the_grant_to_write_nothing_changes_and_every_denial_is_recorded() {
    let place = Place::new();
    std::fs::write(place.at("workspace/f"), "x").unwrap();
    let mut host = place.host(FakeHost::builder().deny(WRITE, "*"));
    let f = || "f".to_owned();
    let results = [
        host.fs().open(f(), OpenMode::Write).await.map(drop),
        host.fs().mkdir("d".into()).await,
        host.fs().mkdir_all("d".into()).await,
        host.fs().unlink(f()).await,
        host.fs().write_file(f(), vec![]).await,
        host.fs().append(f(), vec![1]).await,
        host.fs().copy(f(), "g".into()).await,
        host.fs().rename(f(), "g".into()).await,
        host.fs().remove_dir_all("d".into()).await.map(drop),
        host.fs().hard_link(f(), "g".into()).await,
    ];
    let count = results.len();
    assert!(results.into_iter().all(|result| arm(result) == Err(Arm::CapabilityDenied)));
    let audited = host.fake.recorder().audited();
    assert_eq!(audited.len(), count);
    assert!(audited.iter().all(|event| event.outcome.word() == "denied"));
    assert_eq!(std::fs::read_dir(place.at("workspace")).unwrap().count(), 1);
}

// fs cases 19, 24
#[tokio::test]
async fn handles_are_counted_for_and_used_by_their_principal_alone() {
    let place = Place::new();
    std::fs::write(place.at("workspace/f"), "kept").unwrap();
    let mut host = place.host(FakeHost::builder());
    let mut handles = Vec::new();
    for _ in 0..HANDLES.default {
        handles.push(host.fs().open("f".into(), OpenMode::Read).await.unwrap());
    }
    assert_eq!(arm(host.fs().open("f".into(), OpenMode::Write).await.map(drop)), Err(Arm::Quota));
    assert_eq!(std::fs::read(place.at("workspace/f")).unwrap(), b"kept");
    host.fake.serve("bob");
    let alices = handles.pop().unwrap();
    assert_eq!(arm(host.fs().read_at(&alices, 0, 4).await), Err(Arm::CapabilityDenied));
    // Alice's are all taken, bob's sixteen are all there.
    for _ in 0..HANDLES.default {
        host.fs().open("f".into(), OpenMode::Read).await.unwrap();
    }
    assert_eq!(arm(host.fs().open("f".into(), OpenMode::Read).await.map(drop)), Err(Arm::Quota));
    host.fake.serve("alice");
    assert_eq!(host.fs().read_at(&alices, 0, 4).await.unwrap(), b"kept");
    host.fs().drop_handle(alices);
    host.fs().open("f".into(), OpenMode::Read).await.unwrap();
}
