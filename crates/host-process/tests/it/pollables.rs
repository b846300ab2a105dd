//! Waiting for a child among other things.

use astrid_host_io::IoView;
use astrid_host_process::ProcessView;

use crate::common::{puppets, sh};

// process case 41
#[tokio::test]
async fn the_end_and_new_output_can_be_waited_for_together() {
    let (mut desk, mut script) = puppets();
    let handle = desk.state.hold(sh("")).await;
    let puppet = script.next().await;
    let exit = desk.state.process().handle_subscribe_exit(&handle).unwrap();
    let logs = desk.state.process().handle_subscribe_logs(&handle).unwrap();
    assert!(!desk.state.io().ready(&exit).unwrap() && !desk.state.io().ready(&logs).unwrap());
    let both = [exit, logs];
    let (ready, ()) = tokio::join!(async { desk.state.io().poll(&both).await }, puppet.say("x"));
    assert_eq!(ready.unwrap(), [1]);
    desk.state.process().handle_read_logs(&handle).unwrap();
    assert!(!desk.state.io().ready(&both[1]).unwrap(), "everything was taken");
    let end = async { puppet.exit(0) };
    let (ready, ()) = tokio::join!(async { desk.state.io().poll(&both).await }, end);
    assert_eq!(ready.unwrap(), [0, 1]);
    assert!(desk.state.io().ready(&both[0]).unwrap() && desk.state.io().ready(&both[1]).unwrap());
}

// process case 41
#[tokio::test]
async fn pollables_outlive_their_handle_and_say_that_it_is_gone() {
    let (mut desk, mut script) = puppets();
    let handle = desk.state.hold(sh("")).await;
    let _puppet = script.next().await;
    let exit = desk.state.process().handle_subscribe_exit(&handle).unwrap();
    let logs = desk.state.process().handle_subscribe_logs(&handle).unwrap();
    desk.state.process().drop_handle(handle).unwrap();
    for pollable in [&exit, &logs] {
        assert!(desk.state.io().ready(pollable).unwrap());
        assert!(matches!(desk.state.io().block(pollable).await, Err(astrid_host_io::Error::Closed)));
    }
}

#[tokio::test]
async fn half_a_character_wakes_nobody() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let handle = desk.state.process().attach(&id).unwrap();
    let puppet = script.next().await;
    let logs = desk.state.process().handle_subscribe_logs(&handle).unwrap();
    puppet.say(b"\xc3").await;
    while desk.state.process().status(&id).await.unwrap().buffered_bytes == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!desk.state.io().ready(&logs).unwrap());
    puppet.say(b"\xa9").await;
    desk.state.io().block(&logs).await.unwrap();
    assert_eq!(desk.state.process().handle_read_logs(&handle).unwrap().stdout, "é");
}

#[tokio::test]
async fn pollables_of_an_attached_handle_go_with_the_id() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let _puppet = script.next().await;
    let handle = desk.state.process().attach(&id).unwrap();
    let exit = desk.state.process().handle_subscribe_exit(&handle).unwrap();
    assert!(!desk.state.io().ready(&exit).unwrap());
    desk.state.process().stop(&id, Some(0)).await.unwrap();
    assert!(matches!(desk.state.io().block(&exit).await, Err(astrid_host_io::Error::Closed)));
}
