//! Ids, and who may use them.

use astrid_host_process::op_table::STATUS;
use astrid_host_process::{LogStream, ProcessView, Signal};
use astrid_host_testkit::FakeHost;

use crate::common::{State, arm_of, puppets, sh};

/// What every call that takes an id makes of one.
async fn all_arms(state: &mut State, id: &str) -> Vec<String> {
    let mut view = state.process();
    vec![
        arm_of(view.attach(id)),
        arm_of(view.status(id).await),
        arm_of(view.read_logs(id)),
        arm_of(view.read_since(id, LogStream::Stdout, None, 1)),
        arm_of(view.write_stdin(id, b"x").await),
        arm_of(view.close_stdin(id)),
        arm_of(view.signal(id, Signal::Term)),
        arm_of(view.wait(id, 0).await),
        arm_of(view.stop(id, Some(0)).await),
        arm_of(view.watch(id, None)),
        arm_of(view.unwatch(id)),
    ]
}

// process cases 46, 59
#[tokio::test]
async fn an_id_of_somebody_else_is_like_one_that_never_was() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let puppet = script.next().await;
    let mut bob = desk.store(FakeHost::builder().principal("bob"));
    let mut other = desk.store(FakeHost::builder().capsule("other"));
    let mut nobody = desk.store(FakeHost::builder().no_principal());
    for state in [&mut bob, &mut other, &mut nobody] {
        for text in [id.as_str(), "x", "", &"a".repeat(52), &"é".repeat(100_000)] {
            assert!(all_arms(state, text).await.iter().all(|arm| arm == "NoSuchProcess"));
            assert_eq!(arm_of(state.process().release_process(text)), "ok");
        }
        assert!(state.process().list_processes(None).await.unwrap().is_empty());
        assert!(state.process().status_many(std::slice::from_ref(&id)).await.unwrap().is_empty());
    }
    assert!(puppet.told().is_empty());
    assert!(desk.state.process().status(&id).await.is_ok());
    desk.state.process().stop(&id, Some(0)).await.unwrap();
    assert!(all_arms(&mut desk.state, &id).await.iter().all(|arm| arm == "NoSuchProcess"));
}

// process case 46
#[tokio::test]
async fn records_of_unknown_foreign_and_garbage_ids_have_one_shape() {
    let (mut desk, _script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let mut bob = desk.store(FakeHost::builder().principal("bob"));
    for text in [id.as_str(), "x", &"a".repeat(52)] {
        let _ = bob.process().status(text).await;
    }
    let records = bob.fake.recorder().audited();
    assert_eq!(records.len(), 3);
    for record in &records {
        assert_eq!(record.op, &STATUS);
        let target = record.target.as_deref().unwrap();
        assert!(target.starts_with("process:") && target.len() == 8 + 16, "{target}");
        assert_eq!((record.outcome, &record.detail, record.facts.len()), (records[0].outcome, &None, 0));
    }
}

// process case 45
#[tokio::test]
async fn an_id_is_in_no_record_and_in_no_debug_text() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let _puppet = script.next().await;
    assert_eq!(id.len(), 52);
    assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte)));
    all_arms(&mut desk.state, &id).await;
    let info = desk.state.keep(sh("")).await;
    let info = desk.state.process().status(&info).await.unwrap();
    let printed = format!("{:?} {:?} {info:?}", desk.state.fake.recorder().told(), desk.processes);
    assert!(!printed.contains(&id) && !printed.contains(&info.id), "{printed}");
}

// process case 46
#[tokio::test]
async fn a_handle_of_another_principal_is_denied_and_dropping_it_is_polite() {
    let (mut desk, mut script) = puppets();
    let handle = desk.state.hold(sh("")).await;
    let puppet = script.next().await;
    desk.state.fake.serve("bob");
    let mut view = desk.state.process();
    let arms = [
        arm_of(view.handle_read_logs(&handle)),
        arm_of(view.handle_write_stdin(&handle, b"x").await),
        arm_of(view.handle_close_stdin(&handle)),
        arm_of(view.handle_signal(&handle, Signal::Term)),
        arm_of(view.handle_kill(&handle).await),
        arm_of(view.handle_wait(&handle, Some(0)).await),
        arm_of(view.handle_wait_with_output(&handle, Some(0)).await),
        arm_of(view.handle_os_pid(&handle)),
    ];
    assert!(arms.iter().all(|arm| arm == "CapabilityDenied"), "{arms:?}");
    assert!(puppet.told().is_empty());
    view.drop_handle(handle).unwrap();
    assert!(puppet.told().is_empty(), "nothing is signalled within the call");
    tokio::task::yield_now().await;
    crate::common::eventually(|| puppet.told().first() == Some(&Some(Signal::Term))).await;
    assert!(!puppet.told().contains(&None));
    puppet.exit(0);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_another_principal_let_go_of_is_killed_after_half_a_minute() {
    let (mut desk, mut script) = puppets();
    let handle = desk.state.hold(sh("")).await;
    let puppet = script.next().await;
    desk.state.fake.serve("bob");
    let begun = tokio::time::Instant::now();
    desk.state.process().drop_handle(handle).unwrap();
    assert_eq!(puppet.ended().await.signal, Some(9));
    assert_eq!(begun.elapsed().as_secs(), 30);
}
