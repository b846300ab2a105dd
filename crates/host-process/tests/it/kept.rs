//! Children that are kept: who may, how many, what is told of them.

use astrid_host_context::Attribution;
use astrid_host_process::limits::{BACKGROUND, RETAINED};
use astrid_host_process::op_table::MAY_PERSIST;
use astrid_host_process::{Grade, Keep, Phase, ProcessView, SpawnRequest};
use astrid_host_testkit::FakeHost;

use crate::common::scripted::GRADE;
use crate::common::{arm_of, caller, desk, eventually, puppets, puppets_of, run, sh};

fn labelled(label: &str) -> SpawnRequest {
    SpawnRequest { keep: Keep { label: Some(label.to_owned()), ..Keep::default() }, ..sh("") }
}

// process case 43
#[tokio::test]
async fn keeping_needs_the_capability_a_proven_principal_and_a_sandbox_that_holds() {
    let (mut desk, script) = puppets_of(FakeHost::builder().deny(MAY_PERSIST, "*"));
    assert_eq!(arm_of(desk.state.process().spawn_persistent(sh("")).await), "CapabilityDenied");
    let alice = || "alice".parse().unwrap();
    let (mut desk, _) = puppets();
    for who in [
        None,
        Some(caller(Attribution::System)),
        Some(caller(Attribution::Claimed(alice()))),
        Some(caller(Attribution::Verified("bob".parse().unwrap()))),
    ] {
        desk.state.fake.set_call(|call| call.caller(who));
        assert_eq!(arm_of(desk.state.process().spawn_persistent(sh("")).await), "PersistUnsupported");
    }
    let (mut off, off_script) = puppets();
    off_script.grade(Ok(Grade { persistent: false, ..GRADE }));
    assert_eq!(arm_of(off.state.process().spawn_persistent(sh("")).await), "PersistUnsupported");
    assert_eq!(script.starts() + off_script.starts(), 0);
}

// process case 48
#[tokio::test]
async fn so_many_ids_are_kept_until_one_is_released() {
    let fake = FakeHost::builder().limit(&BACKGROUND, 64);
    let (mut desk, mut script) = puppets_of(fake);
    let mut ids = Vec::new();
    for _ in 0..32 {
        ids.push(desk.state.keep(sh("")).await);
        script.next().await.exit(0);
    }
    assert_eq!(arm_of(desk.state.process().spawn_persistent(sh("")).await), "RegistryFull");
    eventually(|| desk.processes.running() == 0).await;
    desk.state.process().wait(&ids[0], 10_000).await.unwrap();
    desk.state.process().release_process(&ids[0]).unwrap();
    desk.state.keep(sh("")).await;
    assert_eq!(arm_of(desk.state.process().spawn_persistent(sh("")).await), "RegistryFull");
}

// process case 48
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_starts_that_race_for_one_place_one_gets_it() {
    let (desk, _script) = puppets();
    for _ in 0..20 {
        let (mut one, mut two) = (
            desk.store(FakeHost::builder().limit(&RETAINED, 1)),
            desk.store(FakeHost::builder().limit(&RETAINED, 1)),
        );
        let race = (
            tokio::spawn(async move { (arm_of(one.process().spawn_persistent(sh("")).await), one) }),
            tokio::spawn(async move { (arm_of(two.process().spawn_persistent(sh("")).await), two) }),
        );
        let ((first, mut state), (second, _)) = (race.0.await.unwrap(), race.1.await.unwrap());
        let mut arms = [first, second];
        arms.sort();
        assert_eq!(arms, ["RegistryFull", "ok"]);
        let all = state.process().list_processes(None).await.unwrap();
        state.process().stop(&all[0].id, Some(0)).await.unwrap();
    }
}

// process case 47
#[tokio::test]
async fn a_kept_child_survives_its_instance_and_not_the_host() {
    let desk = desk();
    let id = desk.store(FakeHost::builder()).keep(run("sleep", &["600"])).await;
    let mut fresh = desk.store(FakeHost::builder());
    let info = fresh.process().status(&id).await.unwrap();
    assert_eq!(
        (info.phase, info.command.as_str(), info.label.as_str()),
        (Phase::Running, "sleep 600", "sleep")
    );
    let pid = info.os_pid.unwrap();
    assert!(crate::common::is_alive(pid));
    drop(fresh);
    drop(desk);
    eventually(|| !crate::common::is_alive(pid)).await;
    let mut after = crate::common::desk();
    assert!(after.state.process().list_processes(None).await.unwrap().is_empty());
}

// process case 66
#[tokio::test]
async fn lists_are_in_order_filtered_by_label_and_many_are_asked_for_at_once() {
    let (mut desk, mut script) = puppets();
    let first = desk.state.keep(labelled("my-db-1")).await;
    let second = desk.state.keep(labelled("web")).await;
    let mut bob = desk.store(FakeHost::builder().principal("bob"));
    let foreign = {
        bob.fake.set_call(|call| call.caller(Some(crate::common::verified("bob"))));
        bob.keep(labelled("db")).await
    };
    let puppet = script.next().await;
    let mut view = desk.state.process();
    let labels = |infos: Vec<astrid_host_process::ProcessInfo>| {
        infos.into_iter().map(|info| info.label).collect::<Vec<_>>()
    };
    assert_eq!(labels(view.list_processes(None).await.unwrap()), ["my-db-1", "web"]);
    assert_eq!(labels(view.list_processes(Some("")).await.unwrap()), ["my-db-1", "web"]);
    assert_eq!(labels(view.list_processes(Some("db")).await.unwrap()), ["my-db-1"]);
    assert!(view.list_processes(Some("DB")).await.unwrap().is_empty());
    let asked = [second.clone(), "bogus".to_owned(), second.clone(), foreign, first.clone()];
    assert_eq!(labels(view.status_many(&asked).await.unwrap()), ["web", "my-db-1"]);
    assert_eq!(view.status_many(&vec![first.clone(); 256]).await.unwrap().len(), 1);
    assert_eq!(arm_of(view.status_many(&vec![first.clone(); 257]).await), "InvalidInput");
    puppet.say("abc").await;
    puppet.exit(3);
    view.wait(&first, 10_000).await.unwrap();
    let info = view.status(&first).await.unwrap();
    assert_eq!((info.phase, info.os_pid, info.buffered_bytes), (Phase::Exited, None, 3));
    assert_eq!((info.exit.unwrap().code, info.stdin_open), (Some(3), false));
    assert_eq!((info.cpu_ms, info.mem_bytes_peak), (Some(20), Some(4096)));
}

#[tokio::test]
async fn one_record_is_made_of_many() {
    let (mut desk, _script) = puppets();
    let id = desk.state.keep(sh("")).await;
    desk.state.fake.recorder().clear();
    desk.state.process().status_many(&[id, "x".to_owned()]).await.unwrap();
    assert_eq!(desk.state.fake.recorder().audited().len(), 1);
}

// process case 56
#[tokio::test]
async fn labels_and_rings_are_clamped() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(labelled(&"é".repeat(200))).await;
    assert_eq!(desk.state.process().status(&id).await.unwrap().label, "é".repeat(64));
    let id = desk.state.keep(labelled("a\nb")).await;
    assert_eq!(desk.state.process().status(&id).await.unwrap().label, "ab");
    script.next().await;
    script.next().await;
    let small = Keep { log_ring_bytes: Some(1), ..Keep::default() };
    let id = desk.state.keep(SpawnRequest { keep: small, ..sh("") }).await;
    let puppet = script.next().await;
    puppet.say(vec![b'x'; 5000]).await;
    puppet.exit(0);
    desk.state.process().wait(&id, 10_000).await.unwrap();
    let info = desk.state.process().status(&id).await.unwrap();
    assert_eq!((info.buffered_bytes, info.bytes_dropped), (4096, 904));
}

// process case 56
#[tokio::test]
async fn the_largest_ring_has_eight_mebibytes() {
    let mut desk = desk();
    let large = Keep { log_ring_bytes: Some(u32::MAX), ..Keep::default() };
    let request = SpawnRequest { keep: large, ..run("head", &["-c", "9437184", "/dev/zero"]) };
    let id = desk.state.keep(request).await;
    desk.state.process().wait(&id, 60_000).await.unwrap();
    let info = desk.state.process().status(&id).await.unwrap();
    assert_eq!((info.buffered_bytes, info.bytes_dropped), (8 << 20, 1 << 20));
}

// process case 61
#[tokio::test]
async fn an_attached_handle_owns_nothing_and_is_closed_once_the_id_is_gone() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let puppet = script.next().await;
    let mut view = desk.state.process();
    let handle = view.attach(&id).unwrap();
    view.drop_handle(handle).unwrap();
    assert!(puppet.told().is_empty());
    let handle = view.attach(&id).unwrap();
    view.stop(&id, Some(0)).await.unwrap();
    let arms = [
        arm_of(view.handle_read_logs(&handle)),
        arm_of(view.handle_write_stdin(&handle, b"x").await),
        arm_of(view.handle_close_stdin(&handle)),
        arm_of(view.handle_kill(&handle).await),
        arm_of(view.handle_wait(&handle, Some(0)).await),
        arm_of(view.handle_os_pid(&handle)),
    ];
    assert!(arms.iter().all(|arm| arm == "Closed"), "{arms:?}");
    view.drop_handle(handle).unwrap();
}

// process case 61
#[tokio::test]
async fn an_instance_attaches_64_handles() {
    let (mut desk, _script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let mut view = desk.state.process();
    let mut handles: Vec<_> = (0..64).map(|_| view.attach(&id).unwrap()).collect();
    assert_eq!(arm_of(view.attach(&id)), "Quota");
    view.drop_handle(handles.pop().unwrap()).unwrap();
    view.attach(&id).unwrap();
    let mut other = desk.store(FakeHost::builder());
    assert!(other.process().attach(&id).is_ok(), "each instance has its own");
}

#[tokio::test]
async fn killing_through_an_attached_handle_keeps_the_id_and_frees_the_place() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let _puppet = script.next().await;
    let mut view = desk.state.process();
    let handle = view.attach(&id).unwrap();
    let killed = view.handle_kill(&handle).await.unwrap();
    assert_eq!((killed.killed, killed.exit.unwrap().signal), (true, Some(9)));
    assert_eq!(view.status(&id).await.unwrap().phase, Phase::Exited);
    eventually(|| desk.processes.running() == 0).await;
}

#[tokio::test]
async fn the_input_of_a_kept_child_stays_open_only_where_it_was_asked_for() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    assert!(!script.next().await.launch.stdin, "/dev/null");
    let mut view = desk.state.process();
    assert_eq!(arm_of(view.write_stdin(&id, b"x").await), "Closed");
    assert_eq!(arm_of(view.close_stdin(&id)), "ok");
    let request = SpawnRequest { stdin: Some(b"abc".to_vec()), ..sh("") };
    let id = desk.state.keep(request.clone()).await;
    assert_eq!(script.next().await.input().await, b"abc");
    assert_eq!(arm_of(desk.state.process().write_stdin(&id, b"x").await), "Closed");
    let keep = Keep { keep_stdin_open: Some(true), ..Keep::default() };
    let id = desk.state.keep(SpawnRequest { keep, ..request }).await;
    let mut puppet = script.next().await;
    assert!(desk.state.process().status(&id).await.unwrap().stdin_open);
    desk.state.process().write_stdin(&id, b"def").await.unwrap();
    desk.state.process().close_stdin(&id).unwrap();
    assert_eq!(puppet.input().await, b"abcdef");
    assert!(!desk.state.process().status(&id).await.unwrap().stdin_open);
}
