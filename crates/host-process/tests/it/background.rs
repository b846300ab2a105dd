//! Children that a handle owns.

use astrid_host_io::IoView;
use astrid_host_process::limits::BACKGROUND;
use astrid_host_process::{ProcessView, Signal, SpawnRequest};
use astrid_host_testkit::FakeHost;

use crate::common::scripted::Obeys;
use crate::common::{arm_of, desk, eventually, is_alive, puppets, run, sh};

// process case 25
#[tokio::test]
async fn a_principal_has_eight_children_over_all_capsules_and_tiers_until_one_is_reaped() {
    let (mut desk, mut script) = puppets();
    let mut other = desk.store(FakeHost::builder().capsule("other"));
    let mut handles = Vec::new();
    let mut puppets = Vec::new();
    for _ in 0..4 {
        handles.push(desk.state.hold(sh("")).await);
        puppets.push(script.next().await);
        other.keep(sh("")).await;
        puppets.push(script.next().await);
    }
    assert_eq!(arm_of(desk.state.process().spawn_background(sh("")).await), "Quota");
    assert_eq!(arm_of(other.process().spawn_persistent(sh("")).await), "Quota");
    let mut bob = desk.store(FakeHost::builder().principal("bob"));
    bob.hold(sh("")).await;
    script.next().await;
    // A handle that is dropped frees nothing while its child lives.
    puppets[0].obeys(Obeys::Nothing);
    desk.state.process().drop_handle(handles.remove(0)).unwrap();
    assert_eq!(puppets[0].told(), [None]);
    assert_eq!(arm_of(desk.state.process().spawn_background(sh("")).await), "Quota");
    puppets[0].exit(0);
    let before = desk.processes.running();
    eventually(|| desk.processes.running() < before).await;
    desk.state.hold(sh("")).await;
}

#[tokio::test]
async fn a_profile_may_allow_fewer_children_and_no_more_than_64() {
    let (desk, _script) = puppets();
    let mut one = desk.store(FakeHost::builder().principal("one").limit(&BACKGROUND, 1));
    one.hold(sh("")).await;
    assert_eq!(arm_of(one.process().spawn_background(sh("")).await), "Quota");
    let mut many = desk.store(FakeHost::builder().principal("many").limit(&BACKGROUND, 1000));
    for _ in 0..64 {
        many.hold(sh("")).await;
    }
    assert_eq!(arm_of(many.process().spawn_background(sh("")).await), "Quota");
}

// process case 39
#[tokio::test]
async fn a_kill_says_whether_the_child_was_alive_and_gives_its_last_words_once() {
    let mut desk = desk();
    let handle = desk.state.hold(sh("echo last; exec sleep 600")).await;
    let written = desk.state.process().handle_subscribe_logs(&handle).unwrap();
    desk.state.io().block(&written).await.unwrap();
    let killed = desk.state.process().handle_kill(&handle).await.unwrap();
    assert!(killed.killed);
    assert_eq!(killed.exit.unwrap().signal, Some(9));
    assert_eq!(killed.stdout, "last\n");
    let again = desk.state.process().handle_kill(&handle).await.unwrap();
    assert_eq!((again.killed, again.exit, again.stdout.as_str()), (false, killed.exit, ""));
}

// process case 40
#[tokio::test]
async fn the_pid_is_the_commands_and_is_closed_after_its_end() {
    let mut desk = desk();
    let handle = desk.state.hold(run("sleep", &["600"])).await;
    let pid = desk.state.process().handle_os_pid(&handle).unwrap();
    assert_eq!(std::fs::read(format!("/proc/{pid}/cmdline")).unwrap(), b"sleep\x00600\x00");
    desk.state.process().handle_kill(&handle).await.unwrap();
    assert_eq!(arm_of(desk.state.process().handle_os_pid(&handle)), "Closed");
}

// process case 42
#[tokio::test]
async fn a_dropped_handle_kills_the_tree_and_frees_its_place() {
    let mut desk = desk();
    let handle = desk.state.hold(sh("sleep 600 & echo $!; sleep 600")).await;
    let text = desk.state.logs_until(&handle, |text| text.ends_with('\n')).await;
    let grandchild: u32 = text.trim().parse().unwrap();
    let pid = desk.state.process().handle_os_pid(&handle).unwrap();
    desk.state.process().drop_handle(handle).unwrap();
    eventually(|| !is_alive(pid) && !is_alive(grandchild) && desk.processes.running() == 0).await;
}

#[tokio::test]
async fn a_store_that_goes_takes_its_children_with_it() {
    let desk = desk();
    let mut other = desk.store(FakeHost::builder());
    let handle = other.hold(run("sleep", &["600"])).await;
    let pid = other.process().handle_os_pid(&handle).unwrap();
    drop(other);
    eventually(|| !is_alive(pid) && desk.processes.running() == 0).await;
}

// process case 37
#[tokio::test]
async fn a_signal_reaches_the_commands_own_handler() {
    let mut desk = desk();
    let request = sh("trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done");
    let handle = desk.state.hold(request).await;
    desk.state.logs_until(&handle, |text| text.contains("ready")).await;
    desk.state.process().handle_signal(&handle, Signal::Term).unwrap();
    let exit = desk.state.process().handle_wait(&handle, None).await.unwrap();
    assert_eq!((exit.code, exit.signal), (Some(7), None));
    assert_eq!(arm_of(desk.state.process().handle_signal(&handle, Signal::Term)), "Closed");
}

// process case 38
#[tokio::test]
async fn a_stopped_child_waits_and_goes_on() {
    let mut desk = desk();
    let handle = desk.state.hold(run("cat", &[])).await;
    desk.state.process().handle_write_stdin(&handle, b"x").await.unwrap();
    desk.state.logs_until(&handle, |text| text == "x").await;
    let pid = desk.state.process().handle_os_pid(&handle).unwrap();
    desk.state.process().handle_signal(&handle, Signal::Stop).unwrap();
    let is_stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.split(") ").nth(1).is_some_and(|rest| rest.starts_with('T'))
    };
    eventually(is_stopped).await;
    assert_eq!(arm_of(desk.state.process().handle_wait(&handle, Some(30)).await), "WaitTimeout");
    desk.state.process().handle_signal(&handle, Signal::Cont).unwrap();
    desk.state.process().handle_close_stdin(&handle).unwrap();
    assert_eq!(desk.state.process().handle_wait(&handle, None).await.unwrap().code, Some(0));
}

#[tokio::test]
async fn a_store_knows_whether_it_holds_children_that_would_die_with_it() {
    let (mut desk, mut script) = puppets();
    desk.state.keep(sh("")).await;
    assert!(!desk.state.ctx.holds_children(), "a kept child outlives the store");
    script.next().await;
    let handle = desk.state.hold(sh("")).await;
    assert!(desk.state.ctx.holds_children() && !desk.store(FakeHost::builder()).ctx.holds_children());
    script.next().await.exit(0);
    desk.state.process().handle_wait(&handle, None).await.unwrap();
    assert!(!desk.state.ctx.holds_children());
}

// process case 44
#[tokio::test]
async fn fields_for_children_that_are_kept_are_not_even_looked_at() {
    let (mut desk, _script) = puppets();
    let keep = astrid_host_process::Keep { idle_timeout_ms: Some(0), ..Default::default() };
    let request = SpawnRequest { keep, ..sh("") };
    assert_eq!(arm_of(desk.state.process().spawn_persistent(request.clone()).await), "InvalidInput");
    desk.state.hold(request).await;
}
