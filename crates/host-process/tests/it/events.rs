//! What watchers hear.

use std::time::Duration;

use astrid_host_process::{Keep, ProcessView, Signal, SpawnRequest};
use serde_json::Value;
use tokio::time::sleep;

use crate::common::scripted::Obeys;
use crate::common::{Desk, arm_of, puppets, sh};

fn payload(desk: &Desk, at: usize) -> Value {
    serde_json::from_str(&desk.events.all().get(at).unwrap().payload).unwrap()
}

fn labelled() -> SpawnRequest {
    SpawnRequest { keep: Keep { label: Some("db".to_owned()), ..Keep::default() }, ..sh("") }
}

// process case 64
#[tokio::test]
async fn a_watched_child_that_ends_by_itself_is_told_of_once() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(labelled()).await;
    let puppet = script.next().await;
    desk.state.process().watch(&id, None).unwrap();
    puppet.exit(0);
    let event = desk.events.until(1).await.remove(0);
    assert_eq!(event.topic, format!("astrid.process.v1.exited.{id}"));
    assert_eq!(event.principal.unwrap().as_str(), "alice");
    assert_eq!((event.capsule.as_str(), event.capsule_uuid), ("fake", desk.state.fake.call().capsule_uuid()));
    let told = payload(&desk, 0);
    assert_eq!(
        (&told["reason"], &told["exit_code"], &told["signal"]),
        (&"self-exit".into(), &0.into(), &Value::Null)
    );
    assert_eq!((&told["label"], &told["suffix"]), (&"db".into(), &id.as_str().into()));
    let at: jiff::Timestamp = told["at"].as_str().unwrap().parse().unwrap();
    assert!((jiff::Timestamp::now() - at).total(jiff::Unit::Hour).unwrap() < 1.0);
}

// process case 64
#[tokio::test]
async fn the_reason_says_who_ended_it() {
    let (mut desk, mut script) = puppets();
    for (n, how) in ["stop", "signal", "kill", "handled"].into_iter().enumerate() {
        let id = desk.state.keep(sh("")).await;
        let puppet = script.next().await;
        puppet.obeys(Obeys::Signals);
        let mut view = desk.state.process();
        view.watch(&id, Some("x".to_owned())).unwrap();
        match how {
            "stop" => drop(view.stop(&id, None).await.unwrap()),
            "signal" => view.signal(&id, Signal::Term).unwrap(),
            "kill" => {
                let handle = view.attach(&id).unwrap();
                view.handle_kill(&handle).await.unwrap();
            }
            _ => {
                view.signal(&id, Signal::Usr1).unwrap();
                puppet.exit(0);
            }
        }
        desk.events.until(n + 1).await;
        let expected = if how == "handled" { "self-exit" } else { "killed" };
        assert_eq!(payload(&desk, n)["reason"], expected, "{how}");
    }
}

// process case 64
#[tokio::test]
async fn watching_an_ended_child_tells_at_once_and_unwatching_silences() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let puppet = script.next().await;
    let mut view = desk.state.process();
    view.watch(&id, Some("a".to_owned())).unwrap();
    view.unwatch(&id).unwrap();
    view.unwatch(&id).unwrap();
    puppet.exit(3);
    view.wait(&id, 10_000).await.unwrap();
    view.watch(&id, Some("b.c".to_owned())).unwrap();
    let told = desk.events.until(1).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].topic, "astrid.process.v1.exited.b.c");
    desk.state.process().watch(&id, Some("d".to_owned())).unwrap();
    assert_eq!(desk.events.until(2).await.len(), 2, "armed again");
}

// process case 65
#[tokio::test]
async fn a_suffix_that_makes_no_topic_is_invalid() {
    let (mut desk, _script) = puppets();
    let id = desk.state.keep(sh("")).await;
    for bad in ["A", "a..b", "", "*", "a.b.c.d.e", &"a".repeat(300)] {
        assert_eq!(arm_of(desk.state.process().watch(&id, Some(bad.to_owned()))), "InvalidInput");
    }
}

#[tokio::test(start_paused = true)]
async fn new_output_is_told_of_when_there_was_none_and_not_more_than_ten_times_a_second() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let puppet = script.next().await;
    desk.state.process().watch(&id, Some("x".to_owned())).unwrap();
    puppet.say("abc").await;
    let event = desk.events.until(1).await.remove(0);
    assert_eq!(event.topic, "astrid.process.v1.log-ready.x");
    assert_eq!(
        (payload(&desk, 0)["stdout_bytes"].as_u64(), payload(&desk, 0)["stderr_bytes"].as_u64()),
        (Some(3), Some(0))
    );
    puppet.say("def").await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(desk.events.all().len(), 1, "there was something already");
    for _ in 0..10 {
        desk.state.process().read_logs(&id).unwrap();
        puppet.say("x").await;
        sleep(Duration::from_millis(10)).await;
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(desk.events.all().len(), 3, "one at once and one that was put off");
    assert_eq!(payload(&desk, 2)["stdout_bytes"], 1);
}

#[tokio::test]
async fn a_write_that_had_to_wait_is_told_of_when_it_is_done() {
    let (mut desk, mut script) = puppets();
    let keep = Keep { keep_stdin_open: Some(true), ..Keep::default() };
    let id = desk.state.keep(SpawnRequest { keep, ..sh("") }).await;
    let mut puppet = script.next().await;
    let mut view = desk.state.process();
    view.watch(&id, Some("x".to_owned())).unwrap();
    view.write_stdin(&id, b"at once").await.unwrap();
    assert!(desk.events.all().is_empty());
    let data = vec![0; 200_000];
    let (written, _) = tokio::join!(view.write_stdin(&id, &data), puppet.input_of(200_007));
    written.unwrap();
    let told = desk.events.all();
    assert_eq!((told.len(), told[0].topic.as_str()), (1, "astrid.process.v1.stdin-drained.x"));
    assert_eq!(told[0].payload, r#"{"suffix":"x"}"#);
}
