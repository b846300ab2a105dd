//! Runs that are cancelled, and turns.

use std::time::Duration;

use astrid_host_process::{ProcessView, Signal};
use astrid_host_testkit::FakeHost;
use tokio::time::Instant;

use crate::common::scripted::Obeys;
use crate::common::{PATIENCE, arm_of, desk, eventually, is_alive, puppets, run, sh};

// process case 22
#[tokio::test(start_paused = true)]
async fn a_tools_cancellation_reaches_the_principals_runs_of_that_call_and_of_none() {
    let (desk, mut script) = puppets();
    let alice = "alice".parse().unwrap();
    let mut mine = desk.store(FakeHost::builder());
    mine.ctx.set_call_id(Some("call-1"));
    let mut other_call = desk.store(FakeHost::builder());
    other_call.ctx.set_call_id(Some("call-2"));
    let unnamed = desk.store(FakeHost::builder().capsule("other"));
    let mut bob = desk.store(FakeHost::builder().principal("bob"));
    bob.ctx.set_call_id(Some("call-1"));
    let spawn = |mut state: crate::common::State| {
        tokio::spawn(async move { arm_of(state.process().spawn(sh("")).await) })
    };
    let mut runs = Vec::new();
    let mut puppets = Vec::new();
    for state in [mine, unnamed, other_call, bob] {
        runs.push(spawn(state));
        puppets.push(script.next().await);
    }
    puppets[0].obeys(Obeys::Signals);
    let begun = Instant::now();
    desk.processes.request_cancel(&alice, &["call-1".to_owned(), "call-9".to_owned()]);
    assert_eq!(runs.remove(0).await.unwrap(), "Cancelled");
    assert_eq!((begun.elapsed(), puppets[0].told()), (Duration::ZERO, vec![Some(Signal::Int)]));
    assert_eq!(runs.remove(0).await.unwrap(), "Cancelled");
    assert_eq!((begun.elapsed().as_secs(), puppets[1].told()), (2, vec![Some(Signal::Int), None]));
    assert!(puppets[2].told().is_empty() && puppets[3].told().is_empty());
    puppets[2].exit(0);
    puppets[3].exit(0);
    for run in runs {
        assert_eq!(run.await.unwrap(), "ok");
    }
}

#[tokio::test]
async fn a_tools_cancellation_leaves_children_that_somebody_holds_alone() {
    let (mut desk, mut script) = puppets();
    desk.state.hold(sh("")).await;
    let puppet = script.next().await;
    desk.processes.request_cancel(&"alice".parse().unwrap(), &[]);
    assert!(puppet.told().is_empty());
}

// process case 21
#[tokio::test]
async fn a_run_ends_with_its_capsule_and_leaves_nothing() {
    let mut desk = desk();
    let unload = desk.state.fake.capsule_cancellation();
    let file = desk.workspace().join("pids");
    let script =
        format!("echo $$ > {0}.new; sleep 600 & echo $! >> {0}.new; mv {0}.new {0}; wait", file.display());
    let processes = desk.processes.clone();
    let cancel = async {
        eventually(|| file.exists()).await;
        unload.cancel();
        std::fs::read_to_string(&file).unwrap()
    };
    let mut view = desk.state.process();
    let (done, pids) = tokio::join!(view.spawn(sh(&script)), cancel);
    assert_eq!(arm_of(done), "Cancelled");
    eventually(|| pids.split_whitespace().all(|pid| !is_alive(pid.parse().unwrap()))).await;
    eventually(|| processes.running() == 0).await;
}

// process case 23
#[tokio::test(start_paused = true)]
async fn a_run_ends_at_the_deadline_and_is_killed_at_once() {
    let (mut desk, mut script) = puppets();
    desk.state.fake.set_call(|call| call.deadline(Some(Instant::now() + Duration::from_secs(2))));
    let begun = Instant::now();
    let mut view = desk.state.process();
    let (done, puppet) = tokio::join!(view.spawn(sh("")), script.next());
    assert_eq!(arm_of(done), "Cancelled");
    assert_eq!((begun.elapsed().as_millis(), puppet.told()), (2000, vec![None]));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_cannot_be_killed_does_not_hold_the_call() {
    let (mut desk, mut script) = puppets();
    let token = desk.state.fake.cancellation();
    let begun = Instant::now();
    let processes = desk.processes.clone();
    let mut view = desk.state.process();
    let end = async {
        let puppet = script.next().await;
        puppet.obeys(Obeys::Nothing);
        token.cancel();
        puppet
    };
    let (done, puppet) = tokio::join!(view.spawn(sh("")), end);
    assert_eq!(arm_of(done), "Cancelled");
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert_eq!(processes.running(), 1, "its place is taken until it is gone");
    puppet.exit(0);
    eventually(|| processes.running() == 0).await;
}

// process case 24
#[tokio::test(start_paused = true)]
async fn four_runs_of_a_principal_at_a_time_and_the_others_wait_their_turn() {
    let (desk, mut script) = puppets();
    let begun = Instant::now();
    let spawn = |mut state: crate::common::State| {
        tokio::spawn(async move { arm_of(state.process().spawn(sh("")).await) })
    };
    let capsules = ["a", "b", "c", "d", "e"];
    let runs: Vec<_> =
        capsules.map(|capsule| spawn(desk.store(FakeHost::builder().capsule(capsule)))).into_iter().collect();
    let mut puppets = Vec::new();
    for _ in 0..4 {
        puppets.push(script.next().await);
    }
    let bobs = spawn(desk.store(FakeHost::builder().principal("bob")));
    script.next().await.exit(0);
    assert_eq!(bobs.await.unwrap(), "ok");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(script.starts(), 5, "the fifth of alice waits");
    puppets.iter().for_each(|puppet| puppet.exit(0));
    let fifth = script.next().await;
    assert!(begun.elapsed() >= Duration::from_secs(1));
    fifth.exit(0);
    for run in runs {
        assert_eq!(run.await.unwrap(), "ok");
    }
}

#[tokio::test]
async fn a_run_that_waits_for_its_turn_can_be_cancelled() {
    let (desk, mut script) = puppets();
    let mut puppets = Vec::new();
    for _ in 0..4 {
        let mut state = desk.store(FakeHost::builder());
        tokio::spawn(async move { arm_of(state.process().spawn(sh("")).await) });
        puppets.push(script.next().await);
    }
    let mut fifth = desk.store(FakeHost::builder());
    let token = fifth.fake.cancellation();
    let mut view = fifth.process();
    let (done, ()) = tokio::join!(view.spawn(sh("")), async { token.cancel() });
    assert_eq!(arm_of(done), "Cancelled");
    assert_eq!(script.starts(), 4);
    puppets.iter().for_each(|puppet| puppet.exit(0));
}

#[tokio::test]
async fn a_start_that_takes_its_time_can_be_cancelled_and_holds_nothing_then() {
    let (mut desk, script) = puppets();
    script.hang(true);
    let token = desk.state.fake.cancellation();
    let processes = desk.processes.clone();
    let mut view = desk.state.process();
    let cancel = async {
        eventually(|| script.starts() == 1).await;
        token.cancel();
    };
    let (done, ()) = tokio::join!(view.spawn_background(sh("")), cancel);
    assert_eq!(arm_of(done), "Cancelled");
    assert_eq!(processes.running(), 0);
    desk.state.fake.serve("alice");
    script.hang(false);
    for _ in 0..8 {
        desk.state.hold(sh("")).await;
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_kills_what_it_ran() {
    let mut desk = desk();
    let processes = desk.processes.clone();
    let file = desk.workspace().join("pid");
    let script = format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 600", file.display());
    {
        let mut view = desk.state.process();
        tokio::select! {
            done = view.spawn(sh(&script)) => drop(done.unwrap()),
            () = eventually(|| file.exists()) => {}
        }
    }
    let pid: u32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    tokio::time::timeout(PATIENCE, eventually(|| !is_alive(pid) && processes.running() == 0)).await.unwrap();
}

#[tokio::test]
async fn a_cancelled_call_starts_nothing() {
    let (mut desk, script) = puppets();
    desk.state.fake.cancellation().retire();
    let mut view = desk.state.process();
    assert_eq!(arm_of(view.spawn(run("sh", &[])).await), "Cancelled");
    assert_eq!(arm_of(view.spawn_background(run("sh", &[])).await), "Cancelled");
    assert_eq!(arm_of(view.spawn_persistent(run("sh", &[])).await), "Cancelled");
    assert_eq!(script.starts(), 0);
}
