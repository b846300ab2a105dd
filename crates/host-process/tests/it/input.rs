//! What a child is told.

use astrid_host_process::{Keep, ProcessView, SpawnRequest};
use astrid_host_testkit::FakeHost;
use std::sync::Arc;

use crate::common::direct::Direct;
use crate::common::scripted::scripted;
use crate::common::{arm_of, desk, desk_with, puppets, run, sh};

// process case 26
#[tokio::test]
async fn what_is_written_is_read_until_the_input_is_closed() {
    let mut desk = desk();
    let handle = desk.state.hold(run("cat", &[])).await;
    assert_eq!(desk.state.process().handle_write_stdin(&handle, b"hi\n").await.unwrap(), 3);
    assert_eq!(desk.state.logs_until(&handle, |text| text == "hi\n").await, "hi\n");
    let mut view = desk.state.process();
    view.handle_close_stdin(&handle).unwrap();
    view.handle_close_stdin(&handle).unwrap();
    assert_eq!(view.handle_wait(&handle, None).await.unwrap().code, Some(0));
    assert_eq!(arm_of(view.handle_write_stdin(&handle, b"x").await), "Closed");
    view.handle_close_stdin(&handle).unwrap();
}

// process case 27
#[tokio::test]
async fn input_that_a_request_brings_is_all_there_is() {
    let mut desk = desk();
    let request = SpawnRequest { stdin: Some(b"x".to_vec()), ..run("cat", &[]) };
    let handle = desk.state.hold(request).await;
    let mut view = desk.state.process();
    assert_eq!(arm_of(view.handle_write_stdin(&handle, b"y").await), "Closed");
    let done = view.handle_wait_with_output(&handle, None).await.unwrap();
    assert_eq!((done.stdout.as_str(), done.exit.code), ("x", Some(0)));
}

// process case 28
#[tokio::test]
async fn one_write_has_at_most_a_mebibyte() {
    let (mut desk, mut script) = puppets();
    let handle = desk.state.hold(sh("")).await;
    let mut puppet = script.next().await;
    let mut view = desk.state.process();
    assert_eq!(arm_of(view.handle_write_stdin(&handle, &vec![0; 1_048_577]).await), "TooLarge");
    assert_eq!(view.handle_write_stdin(&handle, b"").await.unwrap(), 0);
    let data = vec![b'x'; 1_048_576];
    let write = view.handle_write_stdin(&handle, &data);
    let (written, read) = tokio::join!(write, puppet.input_of(1_048_576));
    assert_eq!(written.unwrap(), 1_048_576);
    assert!(read == data);
    desk.state.process().handle_close_stdin(&handle).unwrap();
    assert!(puppet.input().await.is_empty(), "nothing of what was too large");
}

// process case 29
#[tokio::test]
async fn a_child_is_given_so_many_bytes_altogether_and_its_input_can_still_be_closed() {
    let mut desk =
        desk_with(Arc::new(Direct), FakeHost::builder(), |builder| builder.most_stdin(2 * 1024 * 1024));
    let handle = desk.state.hold(sh("wc -c")).await;
    let mut view = desk.state.process();
    let data = vec![b'x'; 1024 * 1024];
    for _ in 0..2 {
        view.handle_write_stdin(&handle, &data).await.unwrap();
    }
    assert_eq!(arm_of(view.handle_write_stdin(&handle, b"y").await), "TooLarge");
    view.handle_close_stdin(&handle).unwrap();
    let done = view.handle_wait_with_output(&handle, None).await.unwrap();
    assert_eq!(done.stdout.trim(), "2097152");
}

// process case 29
#[tokio::test]
async fn what_the_request_brought_counts_too() {
    let (launcher, mut script) = scripted();
    let mut desk = desk_with(launcher, FakeHost::builder(), |builder| builder.most_stdin(4));
    let keep = Keep { keep_stdin_open: Some(true), ..Keep::default() };
    let id = desk.state.keep(SpawnRequest { stdin: Some(b"abc".to_vec()), keep, ..sh("") }).await;
    let mut puppet = script.next().await;
    let mut view = desk.state.process();
    assert_eq!(arm_of(view.write_stdin(&id, b"de").await), "TooLarge");
    assert_eq!(view.write_stdin(&id, b"d").await.unwrap(), 1);
    view.close_stdin(&id).unwrap();
    assert_eq!(puppet.input().await, b"abcd");
}

// process case 30
#[tokio::test]
async fn a_write_that_is_cancelled_in_the_middle_closes_the_input() {
    let (mut desk, mut script) = puppets();
    let handle = desk.state.hold(sh("")).await;
    let mut puppet = script.next().await;
    let token = desk.state.fake.cancellation();
    let mut view = desk.state.process();
    let data = vec![b'x'; 1_048_576];
    let write = view.handle_write_stdin(&handle, &data);
    let cancel = async {
        puppet.input_of(1).await;
        token.cancel();
    };
    let (written, ()) = tokio::join!(write, cancel);
    assert_eq!(arm_of(written), "Cancelled");
    desk.state.fake.serve("alice");
    assert_eq!(arm_of(desk.state.process().handle_write_stdin(&handle, b"y").await), "Closed");
    let rest = puppet.input().await;
    assert!(rest.len() < data.len() && rest.iter().all(|byte| *byte == b'x'));
}

// process case 31
#[tokio::test]
async fn writes_that_come_together_are_never_mixed() {
    let (mut desk, mut script) = puppets();
    let keep = Keep { keep_stdin_open: Some(true), ..Keep::default() };
    let id = desk.state.keep(SpawnRequest { keep, ..sh("") }).await;
    let mut puppet = script.next().await;
    let mut other = desk.store(FakeHost::builder());
    let (a, b) = (vec![b'A'; 512 * 1024], vec![b'B'; 512 * 1024]);
    let (mut one, mut two) = (desk.state.process(), other.process());
    let writes = (one.write_stdin(&id, &a), two.write_stdin(&id, &b));
    let (first, second, read) = tokio::join!(writes.0, writes.1, puppet.input_of(1024 * 1024));
    assert_eq!((first.unwrap(), second.unwrap()), (512 * 1024, 512 * 1024));
    assert!(read == [&a[..], &b[..]].concat(), "in the order in which they came");
}

#[tokio::test]
async fn closing_ends_a_writer_that_waits() {
    let (mut desk, mut script) = puppets();
    let keep = Keep { keep_stdin_open: Some(true), ..Keep::default() };
    let id = desk.state.keep(SpawnRequest { keep, ..sh("") }).await;
    let mut puppet = script.next().await;
    let mut other = desk.store(FakeHost::builder());
    let data = vec![b'x'; 1_048_576];
    let mut view = desk.state.process();
    let write = view.write_stdin(&id, &data);
    let close = async {
        puppet.input_of(1).await;
        other.process().close_stdin(&id).unwrap();
    };
    let (written, ()) = tokio::join!(write, close);
    assert_eq!(arm_of(written), "Closed");
}

#[tokio::test]
async fn the_end_of_a_child_ends_a_writer_that_waits() {
    let (mut desk, mut script) = puppets();
    let handle = desk.state.hold(sh("")).await;
    let mut puppet = script.next().await;
    let data = vec![b'x'; 1_048_576];
    let mut view = desk.state.process();
    let write = view.handle_write_stdin(&handle, &data);
    let end = async {
        puppet.input_of(1).await;
        puppet.exit(0);
        puppet
    };
    let (written, _puppet) = tokio::join!(write, end);
    assert_eq!(arm_of(written), "Closed");
}
