//! Waits for a child's end.

use std::time::Duration;

use astrid_host_process::ProcessView;
use tokio::time::Instant;

use crate::common::{arm_of, puppets, sh};

// process case 35
#[tokio::test(start_paused = true)]
async fn a_wait_looks_once_or_waits_so_long_and_always_has_the_same_answer_afterwards() {
    let (mut desk, mut script) = puppets();
    let handle = desk.state.hold(sh("")).await;
    let puppet = script.next().await;
    let mut view = desk.state.process();
    let begun = Instant::now();
    assert_eq!(arm_of(view.handle_wait(&handle, Some(0)).await), "WaitTimeout");
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(arm_of(view.handle_wait(&handle, Some(100)).await), "WaitTimeout");
    assert_eq!(begun.elapsed().as_millis(), 100);
    assert!(puppet.told().is_empty(), "the child is not touched");
    let wait = view.handle_wait(&handle, None);
    let end = async {
        tokio::time::sleep(Duration::from_secs(10_000)).await;
        puppet.exit(5);
    };
    let (exit, ()) = tokio::join!(wait, end);
    let exit = exit.unwrap();
    assert_eq!(exit.code, Some(5));
    for timeout in [None, Some(0), Some(u64::MAX)] {
        assert_eq!(view.handle_wait(&handle, timeout).await.unwrap(), exit);
    }
}

// process case 60
#[tokio::test(start_paused = true)]
async fn a_wait_by_id_ends_after_five_minutes_and_one_on_an_attached_handle_has_a_limit() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let _puppet = script.next().await;
    let begun = Instant::now();
    let mut view = desk.state.process();
    assert_eq!(arm_of(view.wait(&id, u64::MAX).await), "WaitTimeout");
    assert_eq!(begun.elapsed().as_secs(), 300);
    assert_eq!(arm_of(view.wait(&id, 0).await), "WaitTimeout");
    let handle = view.attach(&id).unwrap();
    assert_eq!(arm_of(view.handle_wait(&handle, None).await), "InvalidInput");
    assert_eq!(arm_of(view.handle_wait_with_output(&handle, None).await), "InvalidInput");
    assert_eq!(arm_of(view.handle_wait(&handle, Some(10)).await), "WaitTimeout");
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_call() {
    let (mut desk, mut script) = puppets();
    let handle = desk.state.hold(sh("")).await;
    let puppet = script.next().await;
    desk.state.fake.set_call(|call| call.deadline(Some(Instant::now() + Duration::from_secs(2))));
    let begun = Instant::now();
    assert_eq!(arm_of(desk.state.process().handle_wait(&handle, None).await), "Cancelled");
    assert_eq!(begun.elapsed().as_secs(), 2);
    desk.state.fake.serve("alice");
    desk.state.fake.set_call(|call| call.deadline(None));
    let token = desk.state.fake.capsule_cancellation();
    let mut view = desk.state.process();
    let (waited, ()) = tokio::join!(view.handle_wait(&handle, None), async { token.cancel() });
    assert_eq!(arm_of(waited), "Cancelled");
    assert!(puppet.told().is_empty());
}

#[tokio::test]
async fn a_wait_is_a_cooperative_one() {
    let (mut desk, mut script) = puppets();
    let handle = desk.state.hold(sh("")).await;
    let puppet = script.next().await;
    let progress = desk.state.fake.call().progress().clone();
    progress.take_yielded();
    let mut view = desk.state.process();
    let (exit, ()) = tokio::join!(view.handle_wait(&handle, None), async { puppet.exit(0) });
    exit.unwrap();
    assert!(progress.take_yielded() && progress.has_waited_outside());
}
