//! Lives, idle times and retentions, on a clock that the test moves.

use std::time::Duration;

use astrid_host_process::{Keep, LogStream, ProcessView, Signal, SpawnRequest};
use tokio::time::{Instant, sleep};

use crate::common::scripted::Obeys;
use crate::common::{arm_of, puppets, sh};

fn keep(keep: Keep) -> SpawnRequest {
    SpawnRequest { keep, ..sh("") }
}

// process case 62
#[tokio::test(start_paused = true)]
async fn a_life_ends_with_sigterm_and_the_id_after_its_retention() {
    let (mut desk, mut script) = puppets();
    let times = Keep { max_lifetime_ms: Some(1000), exit_retention_ms: Some(500), ..Keep::default() };
    let id = desk.state.keep(keep(times)).await;
    let puppet = script.next().await;
    puppet.obeys(Obeys::Signals);
    desk.state.process().watch(&id, Some("x".to_owned())).unwrap();
    let begun = Instant::now();
    assert_eq!(puppet.ended().await.signal, Some(15));
    assert!(begun.elapsed() >= Duration::from_millis(999) && begun.elapsed() < Duration::from_millis(1010));
    let event = desk.events.until(1).await.remove(0);
    assert!(event.payload.contains(r#""reason":"reaped-ttl""#), "{event:?}");
    sleep(Duration::from_millis(450)).await;
    assert!(desk.state.process().status(&id).await.is_ok());
    sleep(Duration::from_millis(100)).await;
    assert_eq!(arm_of(desk.state.process().status(&id).await), "NoSuchProcess");
}

#[tokio::test(start_paused = true)]
async fn who_ignores_sigterm_at_the_end_of_its_life_is_killed_five_seconds_later() {
    let (mut desk, mut script) = puppets();
    // Less than a second counts as one.
    let _id = desk.state.keep(keep(Keep { max_lifetime_ms: Some(1), ..Keep::default() })).await;
    let puppet = script.next().await;
    let begun = Instant::now();
    assert_eq!(puppet.ended().await.signal, Some(9));
    assert_eq!(begun.elapsed().as_secs(), 6);
    assert_eq!(puppet.told(), [Some(Signal::Term), Some(Signal::Cont), None]);
}

// process case 63
#[tokio::test(start_paused = true)]
async fn looking_at_its_status_is_no_use_of_a_child_and_reading_is() {
    let (mut desk, mut script) = puppets();
    let idle = || keep(Keep { idle_timeout_ms: Some(500), ..Keep::default() });
    let (looked_at, read) = (desk.state.keep(idle()).await, desk.state.keep(idle()).await);
    let (first, second) = (script.next().await, script.next().await);
    first.obeys(Obeys::Signals);
    for _ in 0..20 {
        sleep(Duration::from_millis(100)).await;
        let mut view = desk.state.process();
        view.status(&looked_at).await.unwrap();
        view.list_processes(None).await.unwrap();
        view.read_since(&read, LogStream::Stdout, None, 0).unwrap();
    }
    assert_eq!(first.told(), [Some(Signal::Term)]);
    assert!(second.told().is_empty());
    assert_eq!(desk.state.process().status(&read).await.unwrap().idle_ms, 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_a_use_for_as_long_as_it_lasts() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(keep(Keep { idle_timeout_ms: Some(500), ..Keep::default() })).await;
    let puppet = script.next().await;
    assert_eq!(arm_of(desk.state.process().wait(&id, 60_000).await), "WaitTimeout");
    assert!(puppet.told().is_empty());
    sleep(Duration::from_millis(400)).await;
    assert!(puppet.told().is_empty());
    sleep(Duration::from_millis(200)).await;
    assert_eq!(puppet.told().first(), Some(&Some(Signal::Term)));
}

// process case 63
#[tokio::test(start_paused = true)]
async fn without_retention_the_id_goes_with_the_child() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(keep(Keep { exit_retention_ms: Some(0), ..Keep::default() })).await;
    script.next().await.exit(0);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(arm_of(desk.state.process().status(&id).await), "NoSuchProcess");
}

#[tokio::test(start_paused = true)]
async fn what_a_guest_says_nothing_about_is_half_an_hour_and_five_minutes_and_ceilings_hold() {
    let (mut desk, mut script) = puppets();
    let _id = desk.state.keep(sh("")).await;
    let puppet = script.next().await;
    let begun = Instant::now();
    let mut long =
        Keep { max_lifetime_ms: Some(u64::MAX), idle_timeout_ms: Some(u64::MAX), ..Keep::default() };
    long.exit_retention_ms = Some(u64::MAX);
    let id = desk.state.keep(keep(long)).await;
    let other = script.next().await;
    while !puppet.told().contains(&None) {
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(begun.elapsed().as_secs() / 10, (30 * 60 + 5) / 10);
    while other.told().is_empty() {
        sleep(Duration::from_secs(60)).await;
    }
    assert_eq!(begun.elapsed().as_secs() / 60, 6 * 60);
    other.exit(0);
    sleep(Duration::from_secs(3590)).await;
    assert!(desk.state.process().status(&id).await.is_ok());
    sleep(Duration::from_secs(20)).await;
    assert_eq!(arm_of(desk.state.process().status(&id).await), "NoSuchProcess");
}
