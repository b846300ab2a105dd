//! `stop` and `release-process`.

use std::time::Duration;

use astrid_host_process::{ProcessView, Signal};
use astrid_host_testkit::FakeHost;
use tokio::time::Instant;

use crate::common::scripted::Obeys;
use crate::common::{arm_of, desk, puppets, sh};

// process case 57
#[tokio::test(start_paused = true)]
async fn a_child_that_ignores_sigterm_is_killed_after_its_grace_and_forgotten() {
    let (mut desk, mut script) = puppets();
    for (grace, waited) in [(Some(200), 200), (None, 5000), (Some(u64::MAX), 30_000), (Some(0), 0)] {
        let id = desk.state.keep(sh("")).await;
        let puppet = script.next().await;
        let begun = Instant::now();
        let exit = desk.state.process().stop(&id, grace).await.unwrap();
        assert_eq!((exit.signal, begun.elapsed()), (Some(9), Duration::from_millis(waited)));
        let asked = [Some(Signal::Term), Some(Signal::Cont), None];
        assert_eq!(puppet.told(), if waited == 0 { &asked[2..] } else { &asked });
        assert_eq!(arm_of(desk.state.process().status(&id).await), "NoSuchProcess");
    }
}

// process case 58
#[tokio::test]
async fn a_child_that_is_stopped_ends_by_its_own_handler() {
    let mut desk = desk();
    let request = sh("trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done");
    let id = desk.state.keep(request).await;
    let handle = desk.state.process().attach(&id).unwrap();
    desk.state.logs_until(&handle, |text| text.contains("ready")).await;
    desk.state.process().signal(&id, Signal::Stop).unwrap();
    let exit = desk.state.process().stop(&id, Some(30_000)).await.unwrap();
    assert_eq!((exit.code, exit.signal), (Some(7), None));
}

// process case 58
#[tokio::test(start_paused = true)]
async fn a_guest_that_is_cancelled_while_it_stops_a_child_has_stopped_it() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let puppet = script.next().await;
    let token = desk.state.fake.cancellation();
    let mut view = desk.state.process();
    let (stopped, ()) = tokio::join!(view.stop(&id, Some(1000)), async { token.cancel() });
    assert_eq!(arm_of(stopped), "Cancelled");
    assert_eq!(puppet.ended().await.signal, Some(9));
    desk.state.fake.serve("alice");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(arm_of(desk.state.process().status(&id).await), "NoSuchProcess");
}

#[tokio::test]
async fn who_stops_a_child_at_the_same_time_gets_the_same_answer() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let puppet = script.next().await;
    puppet.obeys(Obeys::Signals);
    let mut other = desk.store(FakeHost::builder());
    let (mut one, mut two) = (desk.state.process(), other.process());
    let (first, second) = tokio::join!(one.stop(&id, None), two.stop(&id, None));
    assert_eq!((first.unwrap().signal, second.unwrap().signal), (Some(15), Some(15)));
    assert_eq!(arm_of(one.stop(&id, None).await), "NoSuchProcess");
}

// process case 59
#[tokio::test]
async fn only_an_ended_child_is_released_and_again_is_fine() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let puppet = script.next().await;
    let mut view = desk.state.process();
    assert_eq!(arm_of(view.release_process(&id)), "InvalidInput");
    puppet.exit(0);
    view.wait(&id, 10_000).await.unwrap();
    assert_eq!(arm_of(view.signal(&id, Signal::Term)), "ok", "an ended child is told in vain");
    assert_eq!(arm_of(view.release_process(&id)), "ok");
    assert_eq!(arm_of(view.release_process(&id)), "ok");
    assert_eq!(arm_of(view.status(&id).await), "NoSuchProcess");
}

#[tokio::test]
async fn stopping_an_ended_child_gives_its_end_and_forgets_it() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    script.next().await.exit(4);
    let mut view = desk.state.process();
    view.wait(&id, 10_000).await.unwrap();
    assert_eq!(view.stop(&id, None).await.unwrap().code, Some(4));
    assert_eq!(arm_of(view.status(&id).await), "NoSuchProcess");
}
