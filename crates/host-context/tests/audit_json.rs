//! The JSON-lines sink: what a line holds, rotation, and loss that is counted instead of waited for.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use std::path::Path;
use std::sync::Arc;

use astrid_host_context::{
    Audit, Budgets, CallContext, CapsuleId, CapsuleSecurityGate, Denial, Entry, HostServices, JsonLines, Op,
    Principal, Refusal, Request, Target,
};

struct AllowAll;

impl CapsuleSecurityGate for AllowAll {
    fn check(&self, _: &Request<'_>) -> Result<(), Denial> {
        Ok(())
    }
}

static OP: Op = Op::new("test", "op", Audit::Record);

fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn record(sink: JsonLines, calls: usize) {
    let services = HostServices::new(Arc::new(AllowAll), Arc::new(Budgets::new()), Arc::new(sink));
    let call = CallContext::builder(CapsuleId::parse("c").unwrap()).invocation(9).build();
    for _ in 0..calls {
        let entry = Entry::new(&call, &services, &OP);
        let _ = entry.run_now(|| {
            entry.target(Target::Key("k\n"));
            entry.fact("count", || "2".to_owned());
            entry.moved(3);
            Err::<(), _>(Refusal::Cancelled)
        });
    }
}

#[test]
fn a_record_is_one_line_with_who_what_outcome_and_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    record(JsonLines::open(&path, 1 << 20, 2).unwrap(), 1);
    let lines = lines(&path);
    let line = lines.first().unwrap();
    assert_eq!(lines.len(), 1);
    for (key, value) in [
        ("domain", "test"),
        ("function", "op"),
        ("capsule", "c"),
        ("target", "k\n"),
        ("outcome", "cancelled"),
        ("class", "cancelled"),
        ("count", "2"),
    ] {
        assert_eq!(line.get(key).unwrap(), value, "{key}");
    }
    assert_eq!(line.get("bytes").unwrap(), 3);
    assert_eq!(line.get("invocation").unwrap(), 9);
}

#[test]
fn the_file_rotates_at_its_size_and_older_files_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    record(JsonLines::open(&path, 2_000, 2).unwrap(), 200);
    let mut names: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"]);
    for name in names {
        let path = dir.path().join(name);
        assert!(std::fs::metadata(&path).unwrap().len() <= 2_000);
        assert!(!lines(&path).is_empty());
    }
}

#[test]
fn what_does_not_fit_the_queue_is_counted_and_every_record_is_accounted_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    record(JsonLines::open(&path, u64::MAX, 0).unwrap(), 30_000);
    let (mut written, mut lost) = (0, 0);
    for line in lines(&path) {
        match line.get("lost_records") {
            Some(n) => lost += n.as_u64().unwrap(),
            None => written += 1,
        }
    }
    assert_eq!(written + lost, 30_000);
}

static PUBLISH: Op = Op::new("test", "publish", Audit::Event);

// ipc §2.12: one record per (capsule, principal, topic, outcome) and second
#[test]
fn masses_are_folded_by_principal_target_and_outcome_and_none_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let sink = Arc::new(JsonLines::open(&path, 1 << 24, 1).unwrap());
    let services = HostServices::new(Arc::new(AllowAll), Arc::new(Budgets::new()), sink.clone());
    let call = |who: &str| {
        let who = Principal::parse(who).unwrap();
        CallContext::builder(CapsuleId::parse("c").unwrap()).principal(who).build()
    };
    let (alice, bob) = (call("alice"), call("bob"));
    let mut seq = 0;
    let mut publish = |call: &CallContext, topic: &str, refused: bool| {
        seq += 1;
        let entry = Entry::new(call, &services, &PUBLISH);
        let _ = entry.run_now(|| {
            entry.target(Target::Topic(topic));
            entry.moved(2);
            entry.fact("seq", || seq.to_string());
            let denial = || Denial::new("no".to_owned());
            if refused { Err(Refusal::Denied(denial())) } else { Ok(()) }
        });
    };
    // Far more than the queue holds.
    for _ in 0..50_000 {
        publish(&alice, "t", false);
    }
    for _ in 0..10 {
        publish(&bob, "t", false);
        publish(&bob, "u", true);
    }
    assert_eq!(sink.lost(), 0);
    drop(services);
    drop(sink);
    let sum = |who: &str, outcome: &str, key: &str| -> u64 {
        let of = lines(&path).into_iter().filter(|l| l["principal"] == who && l["outcome"] == outcome);
        of.map(|l| l[key].as_u64().unwrap()).sum()
    };
    assert_eq!((sum("alice", "allowed", "times"), sum("alice", "allowed", "bytes")), (50_000, 100_000));
    assert_eq!((sum("bob", "allowed", "times"), sum("bob", "denied", "times")), (10, 10));
    // A slow machine may take several seconds over it, but not thousands.
    assert!(lines(&path).len() < 200);
    let first = lines(&path).into_iter().find(|l| l["principal"] == "alice").unwrap();
    assert_eq!((&first["first_seq"], &first["target"]), (&"1".into(), &"t".into()));
    assert!(first.get("seq").is_none());
}

#[tokio::test]
async fn what_was_waited_for_is_in_the_file_while_the_sink_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let sink = Arc::new(JsonLines::open(&path, 1 << 20, 1).unwrap());
    let services = HostServices::new(Arc::new(AllowAll), Arc::new(Budgets::new()), sink.clone());
    let call = CallContext::builder(CapsuleId::parse("c").unwrap()).build();
    for count in 1..=20 {
        let _ = Entry::new(&call, &services, &OP).run_now(|| Err::<(), _>(Refusal::Cancelled));
        services.audit().written().await;
        assert_eq!(lines(&path).len(), count);
    }
}
