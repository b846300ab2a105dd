//! The host stops.

use astrid_host_process::{ProcessView, Signal};
use tokio::time::Instant;

use crate::common::scripted::Obeys;
use crate::common::{arm_of, puppets, sh};

#[tokio::test(start_paused = true)]
async fn everything_is_asked_to_end_and_killed_five_seconds_later() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let polite = script.next().await;
    polite.obeys(Obeys::Signals);
    desk.state.process().watch(&id, Some("x".to_owned())).unwrap();
    desk.state.hold(sh("")).await;
    let stubborn = script.next().await;
    let begun = Instant::now();
    desk.processes.shutdown().await;
    assert_eq!(begun.elapsed().as_secs(), 5);
    assert_eq!(polite.told(), [Some(Signal::Term)]);
    assert_eq!(stubborn.told(), [Some(Signal::Term), Some(Signal::Cont), None]);
    let told = desk.events.until(1).await;
    assert!(told[0].payload.contains(r#""reason":"reaped-shutdown""#), "{told:?}");
    assert_eq!(desk.processes.running(), 0);
    assert_eq!(arm_of(desk.state.process().spawn_background(sh("")).await), "Cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_host_without_children_stops_at_once() {
    let (desk, _script) = puppets();
    let begun = Instant::now();
    desk.processes.shutdown().await;
    assert!(begun.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn who_cannot_be_killed_does_not_keep_the_host_from_stopping() {
    let (mut desk, mut script) = puppets();
    desk.state.hold(sh("")).await;
    script.next().await.obeys(Obeys::Nothing);
    let begun = Instant::now();
    desk.processes.shutdown().await;
    assert_eq!(begun.elapsed().as_secs(), 10);
}
