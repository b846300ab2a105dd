//! The ends of principals and capsules.

use astrid_host_context::Uuid;
use astrid_host_process::ProcessView;
use astrid_host_testkit::FakeHost;

use crate::common::{arm_of, eventually, puppets, sh, verified};

#[tokio::test]
async fn a_principal_that_is_removed_loses_all_its_children_and_nobody_elses() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let kept = script.next().await;
    let handle = desk.state.hold(sh("")).await;
    let held = script.next().await;
    let mut bob = desk.store(FakeHost::builder().principal("bob"));
    bob.fake.set_call(|call| call.caller(Some(verified("bob"))));
    let bobs = bob.keep(sh("")).await;
    let untouched = script.next().await;
    let mut running = desk.store(FakeHost::builder());
    let run = tokio::spawn(async move { arm_of(running.process().spawn(sh("")).await) });
    let ran = script.next().await;
    desk.processes.end_principal(&"alice".parse().unwrap());
    for puppet in [&kept, &held, &ran] {
        assert_eq!(puppet.ended().await.signal, Some(9));
    }
    assert_eq!(run.await.unwrap(), "Cancelled");
    assert_eq!(arm_of(desk.state.process().status(&id).await), "NoSuchProcess");
    assert_eq!(desk.state.process().handle_wait(&handle, None).await.unwrap().signal, Some(9));
    assert!(untouched.told().is_empty() && bob.process().status(&bobs).await.is_ok());
    eventually(|| desk.processes.running() == 1).await;
    assert!(desk.events.all().is_empty());
}

#[tokio::test]
async fn a_capsule_that_is_unloaded_loses_its_children_and_a_new_load_has_none_of_them() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let old = script.next().await;
    let mut next = desk.store(FakeHost::builder().capsule_uuid(Uuid::from_u128(2)));
    next.hold(sh("")).await;
    let new = script.next().await;
    desk.processes.end_load(desk.state.fake.call().capsule_uuid());
    assert_eq!(old.ended().await.signal, Some(9));
    assert_eq!(arm_of(next.process().status(&id).await), "NoSuchProcess");
    assert!(new.told().is_empty());
}

#[tokio::test]
async fn a_start_that_is_under_way_when_its_principal_goes_comes_to_nothing() {
    let (mut desk, script) = puppets();
    script.hang(true);
    let processes = desk.processes.clone();
    let end = async {
        eventually(|| script.starts() == 1).await;
        processes.end_principal(&"alice".parse().unwrap());
    };
    let mut view = desk.state.process();
    let (done, ()) = tokio::join!(view.spawn_persistent(sh("")), end);
    assert_eq!(arm_of(done), "Cancelled");
    assert!(view.list_processes(None).await.unwrap().is_empty());
    assert_eq!(processes.running(), 0);
}
