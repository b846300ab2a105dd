//! Records.

use astrid_host_context::{AuditEvent, Outcome};
use astrid_host_process::op_table::{MAY_SPAWN, STATUS};
use astrid_host_process::{FileInjection, InjectionPlacement, ProcessView, SpawnRequest};
use astrid_host_testkit::FakeHost;

use crate::common::{State, arm_of, desk, eventually, puppets, puppets_of, run, sh};

fn fact<'a>(record: &'a AuditEvent, name: &str) -> Option<&'a str> {
    record.facts.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

fn of<'a>(records: &'a [AuditEvent], function: &str) -> Vec<&'a AuditEvent> {
    records.iter().filter(|record| record.op.function == function).collect()
}

// process case 1
#[tokio::test]
async fn a_capsule_that_may_start_nothing_leaves_one_denied_record_and_no_child() {
    let (mut desk, script) = puppets_of(FakeHost::builder().deny(MAY_SPAWN, "*"));
    assert_eq!(arm_of(desk.state.process().spawn(run("sh", &["-c", "x"])).await), "CapabilityDenied");
    let records = desk.state.fake.recorder().audited();
    assert_eq!((records.len(), script.starts()), (1, 0));
    assert_eq!(
        (records[0].outcome, records[0].target.as_deref()),
        (Outcome::Denied("policy"), Some("sh -c x"))
    );
    let calls = ids(&mut desk.state).await;
    assert!(calls.iter().all(|arm| arm == "CapabilityDenied"), "{calls:?}");
}

async fn ids(state: &mut State) -> Vec<String> {
    let mut view = state.process();
    vec![
        arm_of(view.status("x").await),
        arm_of(view.list_processes(None).await),
        arm_of(view.status_many(&[]).await),
        arm_of(view.release_process("x")),
        arm_of(view.attach("x")),
    ]
}

#[tokio::test]
async fn a_start_leaves_an_intent_before_and_a_record_after_with_everything_but_secrets() {
    let (mut desk, mut script) = puppets();
    let placement = InjectionPlacement::EnvPointer("POLICY".to_owned());
    let request = SpawnRequest {
        cwd: Some("sub".to_owned()),
        env: vec![("TOKEN".to_owned(), "s3cret".to_owned())],
        stdin: Some(b"s3cret-input".to_vec()),
        file_injections: vec![FileInjection { content: b"s3cret-file".to_vec(), placement }],
        ..run("git", &["push", "a b"])
    };
    let id = desk.state.keep(request).await;
    let puppet = script.next().await;
    puppet.say("s3cret-output").await;
    puppet.exit(0);
    desk.state.process().wait(&id, 10_000).await.unwrap();
    eventually(|| of(&desk.state.fake.recorder().audited(), "reaped").len() == 1).await;
    let records = desk.state.fake.recorder().audited();
    let names: Vec<_> = records.iter().map(|record| record.op.function).collect();
    assert_eq!(&names[..2], ["spawn-intent", "spawn-persistent"]);
    let hash = blake3::hash(b"s3cret-file").to_hex();
    for record in &records[..2] {
        assert_eq!(record.target.as_deref(), Some("git push a b"));
        assert_eq!(fact(record, "args"), Some(r#"["push","a b"]"#));
        assert_eq!(fact(record, "cwd"), Some("sub"));
        assert_eq!(fact(record, "tier"), Some("persistent"));
        assert_eq!(fact(record, "sandbox"), Some("scripted"));
        assert_eq!(fact(record, "component"), Some("c0ffee"));
        assert_eq!(fact(record, "injections"), Some(format!("POLICY={hash}").as_str()));
    }
    let mark = fact(&records[1], "process").unwrap();
    let reaped = of(&records, "reaped")[0];
    assert_eq!(reaped.target.as_deref(), Some(format!("process:{mark}").as_str()));
    assert_eq!(fact(reaped, "reason"), Some("self-exit"));
    let printed = format!("{records:?}");
    assert!(!printed.contains("s3cret") && !printed.contains("TOKEN") && !printed.contains(&id), "{printed}");
}

// process case 78
#[tokio::test]
async fn without_a_place_for_the_record_nothing_is_executed() {
    let (mut desk, script) = puppets();
    desk.state.fake.recorder().refuse_records(true);
    let mut view = desk.state.process();
    assert_eq!(arm_of(view.spawn(sh("")).await), "audit unavailable");
    assert_eq!(arm_of(view.spawn_background(sh("")).await), "audit unavailable");
    assert_eq!(arm_of(view.spawn_persistent(sh("")).await), "audit unavailable");
    assert_eq!((script.starts(), desk.processes.running()), (0, 0));
}

#[tokio::test]
async fn calls_on_children_name_them_by_their_mark_alone() {
    let mut desk = desk();
    let id = desk.state.keep(run("sleep", &["600"])).await;
    let _ = desk.state.process().status(&id).await;
    let handle = desk.state.hold(run("sleep", &["600"])).await;
    desk.state.process().handle_kill(&handle).await.unwrap();
    desk.state.process().stop(&id, Some(0)).await.unwrap();
    let records = desk.state.fake.recorder().audited();
    let marks: Vec<_> = records.iter().filter_map(|record| fact(record, "process")).collect();
    let status = of(&records, STATUS.function)[0].target.as_deref().unwrap();
    assert_eq!(status, format!("process:{}", marks[0]));
    let kill = of(&records, "process-handle.kill")[0].target.as_deref().unwrap();
    assert_eq!(kill, format!("process:{}", marks[1]));
}

#[tokio::test]
async fn an_attempt_that_is_refused_leaves_one_record_with_its_reason() {
    let (mut desk, _script) = puppets();
    let request = SpawnRequest { cwd: Some("../x".to_owned()), ..sh("") };
    desk.state.process().spawn(request).await.unwrap_err();
    let long = run(&"x".repeat(5000), &[&"y".repeat(2_000_000)]);
    desk.state.process().spawn(long).await.unwrap_err();
    let records = desk.state.fake.recorder().audited();
    assert_eq!(records.len(), 2);
    assert_eq!(
        (records[0].outcome, fact(&records[0], "cwd")),
        (Outcome::Denied("boundary-escape"), Some("../x"))
    );
    assert_eq!(
        records[1].target.as_ref().unwrap().len(),
        4096,
        "a record is not longer than a command may be"
    );
}
