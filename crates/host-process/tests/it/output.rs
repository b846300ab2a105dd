//! What a child wrote, as text.

use std::sync::Arc;

use astrid_host_process::ProcessView;

use crate::common::direct::Direct;
use crate::common::{arm_of, desk, desk_with, puppets, sh};
use astrid_host_testkit::FakeHost;

// process case 32
#[tokio::test]
async fn a_ring_keeps_the_last_mebibyte() {
    let mut desk = desk();
    for (size, expected) in [(1_048_576, 1_048_576), (1_048_577, 1_048_576)] {
        let script = format!("printf a; head -c {} /dev/zero | tr '\\0' x; printf z", size - 2);
        let handle = desk.state.hold(sh(&script)).await;
        desk.state.process().handle_wait(&handle, None).await.unwrap();
        let logs = desk.state.process().handle_read_logs(&handle).unwrap();
        assert_eq!((logs.stdout.len(), logs.running), (expected, false));
        assert_eq!(logs.stdout.starts_with('a'), size == expected);
        assert!(logs.stdout.ends_with("xz"));
    }
}

// process case 33
#[tokio::test]
async fn a_character_that_comes_in_two_pieces_comes_whole() {
    let (mut desk, mut script) = puppets();
    let handle = desk.state.hold(sh("")).await;
    let puppet = script.next().await;
    puppet.say(b"a\xc3").await;
    assert_eq!(desk.state.logs_until(&handle, |text| text == "a").await, "a");
    assert_eq!(desk.state.process().handle_read_logs(&handle).unwrap().stdout, "");
    puppet.say(b"\xa9").await;
    assert_eq!(desk.state.logs_until(&handle, |text| text == "é").await, "é");
    puppet.say(b"\xff").await;
    assert_eq!(desk.state.logs_until(&handle, |text| !text.is_empty()).await, "\u{fffd}");
    puppet.say(b"\xe2\x82").await;
    puppet.exit(0);
    desk.state.process().handle_wait(&handle, None).await.unwrap();
    let logs = desk.state.process().handle_read_logs(&handle).unwrap();
    assert_eq!((logs.stdout.as_str(), logs.running), ("\u{fffd}", false));
}

// process case 34
#[tokio::test]
async fn after_the_end_every_look_has_the_exit_and_only_the_first_has_text() {
    let mut desk = desk();
    let handle = desk.state.hold(sh("printf x; printf e >&2; exit 3")).await;
    desk.state.process().handle_wait(&handle, None).await.unwrap();
    for text in [("x", "e"), ("", ""), ("", "")] {
        let logs = desk.state.process().handle_read_logs(&handle).unwrap();
        assert_eq!((logs.stdout.as_str(), logs.stderr.as_str()), text);
        assert_eq!((logs.running, logs.exit.unwrap().code), (false, Some(3)));
    }
}

// process case 36
#[tokio::test]
async fn waiting_with_output_takes_all_at_the_end_and_nothing_before() {
    let mut desk = desk();
    let handle = desk.state.hold(sh("printf x; read line; exit 4")).await;
    let mut view = desk.state.process();
    assert_eq!(arm_of(view.handle_wait_with_output(&handle, Some(0)).await), "WaitTimeout");
    assert_eq!(arm_of(view.handle_wait_with_output(&handle, Some(20)).await), "WaitTimeout");
    view.handle_write_stdin(&handle, b"\n").await.unwrap();
    let done = view.handle_wait_with_output(&handle, None).await.unwrap();
    assert_eq!((done.stdout.as_str(), done.exit.code), ("x", Some(4)));
    let again = view.handle_wait_with_output(&handle, Some(0)).await.unwrap();
    assert_eq!((again.stdout.as_str(), again.exit.code), ("", Some(4)));
}

// process case 53
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_sees_the_end_misses_a_byte() {
    let desk = desk_with(Arc::new(Direct), FakeHost::builder(), |builder| builder);
    let mut state = desk.store(FakeHost::builder());
    for _ in 0..100 {
        let id = state.keep(sh("printf tail")).await;
        while state.process().status(&id).await.unwrap().exit.is_none() {
            tokio::task::yield_now().await;
        }
        let chunk =
            state.process().read_since(&id, astrid_host_process::LogStream::Stdout, None, 99).unwrap();
        assert_eq!((&chunk.data[..], chunk.drained_eof), (&b"tail"[..], true));
        state.process().release_process(&id).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_pipe_that_somebody_keeps_open_delays_the_end_by_two_seconds_and_no_more() {
    let (mut desk, mut script) = puppets();
    let handle = desk.state.hold(sh("")).await;
    let puppet = script.next().await;
    puppet.say("x").await;
    puppet.exit_with_open_pipes(0);
    let begun = tokio::time::Instant::now();
    let done = desk.state.process().handle_wait_with_output(&handle, None).await.unwrap();
    assert_eq!(done.stdout, "x");
    assert_eq!(begun.elapsed().as_secs(), 2);
    let logs = desk.state.process().handle_read_logs(&handle).unwrap();
    assert!(!logs.running && logs.exit.is_some());
}
