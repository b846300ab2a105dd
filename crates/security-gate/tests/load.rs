//! Many threads, one gate.
#![expect(dead_code, reason = "each test binary uses some of the helpers")]

mod common;

use astrid_host_context::{Action, CapsuleId, CapsuleSecurityGate, Principal, Request, Target};
use common::gate;

const CAPABILITIES: &str = r#"
    net = ["api.github.com", "*.x.io", "127.0.0.1"]
    net_connect = ["db.local:5432"]
    fs_read = ["cwd://src", "home://notes"]
    host_process = ["git status"]
    identity = ["link"]
    uplink = true
"#;

/// Questions of every kind; every second one is denied.
fn questions(args: &[String]) -> Vec<(Action, Target<'_>)> {
    let url = |name| (Action::new("http", "request"), Target::Other { kind: "url", name });
    let path = |path| (Action::new("fs", "read"), Target::Path(path));
    let endpoint = |port| (Action::new("net", "connect"), Target::Endpoint { host: "db.local", port });
    let command = |program| (Action::new("process", "spawn"), Target::Command { program, args });
    vec![
        url("https://v1.api.github.com/repos"),
        url("https://evil.io/"),
        path("workspace://src/a/b.rs"),
        path("workspace://srcx"),
        path("home://notes/today"),
        path("home://diary"),
        endpoint(5432),
        endpoint(1),
        command("git"),
        command("bash"),
        (Action::new("identity", "link"), Target::None),
        (Action::new("identity", "admin"), Target::None),
        (Action::new("uplink", "send"), Target::None),
        (Action::new("uplink", "receive"), Target::None),
    ]
}

// security-gate case 25: identical answers under load; the bench measures the time
#[test]
fn a_hundred_thousand_checks_from_64_threads_answer_alike() {
    let gate = gate(CAPABILITIES);
    let (capsule, alice) = (CapsuleId::parse("demo").unwrap(), Principal::parse("alice").unwrap());
    let args = vec!["status".to_owned(), "-s".to_owned()];
    let questions = questions(&args);
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for round in 0..100_000 / 64 {
                    let at = round % questions.len();
                    let (action, target) = questions[at];
                    let request = Request { principal: Some(&alice), capsule: &capsule, action, target };
                    assert_eq!(gate.check(&request).is_ok(), at.is_multiple_of(2), "{action:?} {target:?}");
                }
            });
        }
    });
}

// security-gate case 25: nothing is allocated where the answer is yes
#[test]
fn an_allowed_check_allocates_nothing() {
    let gate = gate(CAPABILITIES);
    let (capsule, alice) = (CapsuleId::parse("demo").unwrap(), Principal::parse("alice").unwrap());
    let args = vec!["status".to_owned()];
    for (action, target) in questions(&args).into_iter().step_by(2) {
        let request = Request { principal: Some(&alice), capsule: &capsule, action, target };
        let counted = allocation_counter::measure(|| assert!(gate.check(&request).is_ok()));
        assert_eq!(counted.count_total, 0, "{action:?} {target:?}");
    }
}
