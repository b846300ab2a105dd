//! Consent through real guests: whole chains from a client's frame to a decision, and what a host that ends
//! or is killed leaves.
#![expect(clippy::indexing_slicing, reason = "a test that cannot set up must fail")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::local_clients::{World, send};
use crate::support::{Place, ask, guest};
use astrid_capsule::{Capsule, NewAllowance, Runtime};
use astrid_event_bus::{Draft, Message, Observer, Payload, Topic};
use astrid_host_context::Provenance;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// A capsule that asks for consent when a message comes on `from`.
fn asks(place: &Place, id: &str, from: &str) -> std::path::PathBuf {
    let manifest = format!(
        "[publish]\n\"probe.v1.approved\" = \"opaque\"\n[subscribe]\n\"{from}\" = {{ wit = \"opaque\", handler = \"approve\" }}\n"
    );
    place.capsule(id, &guest("probe"), &manifest)
}

/// A capsule that passes on what comes on `from`.
fn hops(place: &Place, id: &str, from: &str, to: &str) -> std::path::PathBuf {
    let manifest = format!(
        "[env.next]\ndefault = \"{to}\"\n[publish]\n\"{to}\" = \"opaque\"\n[subscribe]\n\"{from}\" = {{ wit = \"opaque\", handler = \"hop\" }}\n"
    );
    place.capsule(id, &guest("probe"), &manifest)
}

async fn next(observer: &mut Observer) -> Message {
    tokio::time::timeout(PATIENCE, observer.recv()).await.unwrap().unwrap()
}

fn json_of(message: &Message) -> Value {
    serde_json::from_slice(message.payload().bytes()).unwrap()
}

/// Says something as whoever `like` speaks for, on the connection it belongs to.
fn announce(runtime: &Runtime, topic: &str, body: &Value, like: &Provenance) {
    let topic = Topic::host(topic).unwrap();
    runtime.bus().announce(Draft::new(topic, Payload::parse(body.to_string()).unwrap(), like.clone()));
}

/// Answers from the front end itself.
fn answer(runtime: &Runtime, prompt: &Message, decision: &str) {
    let id = json_of(prompt)["request_id"].as_str().unwrap().to_owned();
    let body = json!({ "type": "approval_response", "request_id": id, "decision": decision });
    announce(runtime, &format!("astrid.v1.approval.response.{id}"), &body, prompt.provenance());
}

async fn approve(capsule: &Arc<dyn Capsule>, who: &str, resource: &str) -> Value {
    ask(capsule, who, "approve", json!({ "resource": resource })).await
}

// request-context case 8; approval cases 19, 25
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prompt_three_hops_from_a_frame_is_its_connections_and_only_who_serves_that_relays_the_answer() {
    let world = World::new(7).await;
    let (place, runtime) = (&world.place, &world.runtime);
    runtime.load(hops(place, "one", "looper.v1.answer", "probe.v1.hop.1")).await.unwrap();
    runtime.load(hops(place, "two", "probe.v1.hop.1", "probe.v1.hop.2")).await.unwrap();
    let shell = runtime.load(asks(place, "shell", "probe.v1.hop.2")).await.unwrap();
    let relay = "[publish]\n\"astrid.v1.approval.response.*\" = \"opaque\"\n[subscribe]\n\"looper.v1.answer\" = { wit = \"opaque\", handler = \"reply\" }\n\"relay.v1.go\" = { wit = \"opaque\", handler = \"reply\" }\n";
    runtime.load(place.capsule("relay", &guest("probe"), relay)).await.unwrap();
    let deaf = relay.replace("astrid.v1.approval.response.*", "deaf.v1.x");
    runtime
        .load(place.capsule("deaf", &guest("probe"), &deaf.replace("looper.v1.answer", "deaf.v1.x")))
        .await
        .unwrap();
    let mut prompts = runtime.observe("astrid.v1.approval").unwrap();
    let mut answers = runtime.observe("astrid.v1.approval.response.*").unwrap();
    let mut approved = runtime.observe("probe.v1.approved").unwrap();

    let (accepted, mut a) = world.dial("alice", 7).await;
    assert_eq!(accepted["status"], "ok", "{accepted}");
    send(&mut a, json!({ "resource": "git push origin main" }).to_string().as_bytes()).await;
    let prompt = next(&mut prompts).await;
    let said = json_of(&prompt);
    let owners: Vec<_> = runtime.connections().peers().iter().map(|peer| peer.owner.to_string()).collect();
    assert_eq!(owners, [said["request_owner"].as_str().unwrap()], "it is the connection's");
    assert_eq!(
        (&said["resource"], &said["reason"]),
        (&json!("git push origin main"), &json!("Capsule 'shell' requests approval"))
    );

    // Another connection of alice's: its frame makes the relay answer, which does not count.
    let (accepted, mut b) = world.dial("alice", 7).await;
    assert_eq!(accepted["status"], "ok", "{accepted}");
    let reply = json!({ "id": said["request_id"], "decision": "approve_always" });
    send(&mut b, reply.to_string().as_bytes()).await;
    let ignored = next(&mut answers).await;
    assert_ne!(ignored.provenance().request_owner, prompt.provenance().request_owner);
    assert!(runtime.capsule("shell").is_some() && approved.try_recv().unwrap().is_none());
    // Serving the connection's own request. Without the publish key nothing is said at all.
    let go = json!({ "id": said["request_id"], "decision": "approve_session" });
    announce(runtime, "relay.v1.go", &go, prompt.provenance());
    assert_eq!(json_of(&next(&mut approved).await), json!({ "ok": "ApprovalDecision::ApprovedSession" }));
    let counted = next(&mut answers).await;
    assert_eq!(counted.provenance().request_owner, prompt.provenance().request_owner);
    assert!(answers.try_recv().unwrap().is_none(), "the deaf one may not");

    // Remembered, with nobody to ask, for as long as alice is connected.
    let allowance = json!({ "ok": "ApprovalDecision::Allowance" });
    assert_eq!(approve(&shell, "alice", "git push --tags").await, allowance);
    assert_eq!(approve(&shell, "bob", "git push --tags").await, json!({ "ok": "ApprovalDecision::Denied" }));
    runtime.unload("front").await.unwrap();
    let ended = async {
        while approve(&shell, "alice", "git push --tags").await == allowance {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
    assert_eq!(runtime.allowances().await.unwrap(), []);
    runtime.shutdown().await;
}

// approval case 22; request-context case 9
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_asked_without_a_connection_and_one_that_goes_has_denied() {
    let world = World::new(7).await;
    let (place, runtime) = (&world.place, &world.runtime);
    let shell = runtime.load(asks(place, "shell", "looper.v1.answer")).await.unwrap();
    let mut prompts = runtime.observe("astrid.v1.approval").unwrap();
    let mut approved = runtime.observe("probe.v1.approved").unwrap();
    let denied = json!({ "ok": "ApprovalDecision::Denied" });
    assert_eq!(approve(&shell, "alice", "git push").await, denied);
    assert_eq!(json_of(&next(&mut approved).await), denied);
    runtime.publish("looper.v1.answer", r#"{"resource":"git push"}"#, Some("alice")).await.unwrap();
    assert_eq!(json_of(&next(&mut approved).await), denied, "an event of nobody's connection");
    assert!(prompts.try_recv().unwrap().is_none());

    let (_, mut a) = world.dial("alice", 7).await;
    send(&mut a, br#"{"resource":"git push"}"#).await;
    let prompt = next(&mut prompts).await;
    // Its key is taken out, and so the host closes it.
    world.write("");
    runtime.principal_changed("alice").await.unwrap().unwrap();
    assert_eq!(json_of(&next(&mut approved).await), denied);
    answer(runtime, &prompt, "approve_always");
    assert!(runtime.settle(PATIENCE).await);
    assert_eq!(runtime.allowances().await.unwrap(), []);
    runtime.shutdown().await;
}

/// A host with a capsule that asks, in one of two workspaces.
async fn host(place: &Path, workspace: &str) -> (Runtime, Arc<dyn Capsule>) {
    let config = astrid_capsule::Config {
        allocation: astrid_capsule::Allocation::OnDemand,
        ..astrid_capsule::Config::default()
    };
    std::fs::create_dir_all(place.join(workspace)).unwrap();
    let runtime = Runtime::builder().home(place.join("home")).workspace(place.join(workspace)).config(config);
    let runtime = runtime.build().await.unwrap();
    let shell = runtime.load(place.join("shell")).await.unwrap();
    (runtime, shell)
}

fn place() -> Place {
    let place = Place::new();
    place.profile("alice", "");
    asks(&place, "shell", "shell.v1.go");
    place
}

/// Makes alice's capsule ask on a turn that has no connection, and gives the prompt.
async fn prompted(runtime: &Runtime, resource: &str) -> Message {
    let mut prompts = runtime.observe("astrid.v1.approval").unwrap();
    let alice = astrid_host_context::Attribution::Verified("alice".parse().unwrap());
    let turn = astrid_host_context::Uuid::from_u128(70);
    let like = Provenance { request_owner: Some(turn), ..Provenance::of(alice) };
    announce(runtime, "shell.v1.go", &json!({ "resource": resource }), &like);
    next(&mut prompts).await
}

// approval cases 7, 8, 26, 27
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consent_for_good_survives_a_restart_in_its_workspace_until_it_is_revoked_or_its_principal_deleted() {
    let place = place();
    let root = place.path("");
    let (allowance, denied) =
        (json!({ "ok": "ApprovalDecision::Allowance" }), json!({ "ok": "ApprovalDecision::Denied" }));
    let (runtime, _) = host(&root, "ws").await;
    let mut approved = runtime.observe("probe.v1.approved").unwrap();
    let prompt = prompted(&runtime, "git push origin main").await;
    answer(&runtime, &prompt, "approve_always");
    assert_eq!(json_of(&next(&mut approved).await), json!({ "ok": "ApprovalDecision::ApprovedAlways" }));
    runtime.shutdown().await;
    drop(runtime);

    let key = place.home().join("etc/approval.key");
    let mode = std::os::unix::fs::PermissionsExt::mode(&key.metadata().unwrap().permissions());
    assert_eq!((mode & 0o777, key.metadata().unwrap().len()), (0o600, 32));
    let (runtime, shell) = host(&root, "other").await;
    assert_eq!(approve(&shell, "alice", "git push x").await, denied, "another workspace");
    runtime.shutdown().await;
    drop((runtime, shell));

    let (runtime, shell) = host(&root, "ws").await;
    assert_eq!(approve(&shell, "alice", "git push x").await, allowance);
    assert_eq!(approve(&shell, "bob", "git push x").await, denied);
    let [granted] = &*runtime.allowances().await.unwrap() else { panic!() };
    assert_eq!((granted.pattern.as_str(), granted.holder.principal.as_str()), ("git push *", "alice"));
    assert_eq!(granted.holder.workspace.as_str(), root.join("ws").canonicalize().unwrap().to_str().unwrap());
    assert!(granted.request.is_some() && granted.created <= SystemTime::now());
    assert!(runtime.revoke_allowance(granted.id).await.unwrap());
    assert!(!runtime.revoke_allowance(granted.id).await.unwrap());
    assert_eq!(approve(&shell, "alice", "git push x").await, denied, "the very next call");

    let new = |pattern: &str, uses| NewAllowance {
        principal: "alice".to_owned(),
        capsule: "shell".to_owned(),
        pattern: pattern.to_owned(),
        expires: None,
        uses,
    };
    runtime.allow(new("git * --dry-run", Some(1))).await.unwrap();
    assert_eq!(approve(&shell, "alice", "git push --dry-run").await, allowance);
    assert_eq!(approve(&shell, "alice", "git push --dry-run").await, denied, "once");
    assert!(runtime.allow(new("a?", None)).await.is_err());
    runtime.allow(new("git *", None)).await.unwrap();
    runtime.remove_principal("alice").await.unwrap();
    assert_eq!(runtime.allowances().await.unwrap(), []);
    runtime.readmit_principal("alice").unwrap();
    assert_eq!(approve(&shell, "alice", "git push x").await, denied);
    runtime.shutdown().await;
}

// ipc case 41, its last arm; request-context case 9
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegated_claim_neither_answers_a_prompt_nor_has_anybody_to_ask() {
    let place = place();
    let config = "[uplinks.bridge]\nact_for = [\"alice\"]";
    let runtime = crate::operator::configured(&place, config).await;
    runtime.load(place.path("shell")).await.unwrap();
    let manifest = crate::support::probe_manifest_with("capabilities = { uplink = true }\n").replace(
        "[publish]",
        "[publish]\n\"shell.v1.go\" = \"opaque\"\n\"astrid.v1.approval.response.*\" = \"opaque\"",
    );
    let bridge = runtime.load(place.capsule("bridge", &guest("probe"), &manifest)).await.unwrap();
    let mut approved = runtime.observe("probe.v1.approved").unwrap();
    let mut answers = runtime.observe("astrid.v1.approval.response.*").unwrap();
    let claim = async |topic: &str, payload: Value| {
        let input = json!({ "topic": topic, "principal": "alice", "payload": payload });
        assert_eq!(ask(&bridge, "default", "publish-as", input).await, json!({ "ok": null }));
    };
    // It acts for alice, and has no connection of hers.
    claim("shell.v1.go", json!({ "resource": "git push" })).await;
    assert_eq!(json_of(&next(&mut approved).await), json!({ "ok": "ApprovalDecision::Denied" }));

    let prompt = prompted(&runtime, "git push").await;
    let id = json_of(&prompt)["request_id"].clone();
    let body = json!({ "type": "approval_response", "request_id": id, "decision": "approve_always" });
    claim(&format!("astrid.v1.approval.response.{}", id.as_str().unwrap()), body).await;
    let claimed = next(&mut answers).await;
    let alice = astrid_host_context::Attribution::Claimed("alice".parse().unwrap());
    assert_eq!(claimed.provenance().attribution, alice);
    assert!(approved.try_recv().unwrap().is_none());
    answer(&runtime, &prompt, "deny");
    assert_eq!(json_of(&next(&mut approved).await), json!({ "ok": "ApprovalDecision::Denied" }));
    assert_eq!(runtime.allowances().await.unwrap(), []);
    runtime.shutdown().await;
}

const HOME: &str = "ASTRID_APPROVAL_CRASH_PLACE";

fn child(place: &Path, test: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([&*format!("approval::{test}"), "--exact", "--ignored", "--nocapture", "--quiet"]);
    command.env(HOME, place).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// What the child said up to the line at which it is killed.
fn kill_at(mut process: Child, last: &str) -> Vec<String> {
    let lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut said = Vec::new();
    for line in lines.filter_map(|line| line.strip_prefix('@').map(str::to_owned)) {
        let over = line == last;
        said.push(line);
        if over {
            break;
        }
    }
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(said.last().map(String::as_str), Some(last), "{said:?}");
    said
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n@{line}").unwrap();
    out.flush().unwrap();
}

fn records(place: &Place, function: &str) -> Vec<Value> {
    let log = std::fs::read_to_string(place.home().join("log/audit.jsonl")).unwrap();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["domain"] == "approval" && line["function"] == function).collect()
}

// approval case 30
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_killed_while_it_waits_for_an_answer_has_decided_nothing_and_says_so_at_the_next_start() {
    let place = place();
    let said = kill_at(child(&place.path(""), "a_host_that_waits"), "waiting");
    assert_eq!(said, ["waiting"]);
    let [requested] = &*records(&place, "requested") else { panic!() };
    assert_eq!(records(&place, "decided"), [Value::Null; 0]);
    for _ in 0..2 {
        let (runtime, shell) = host(&place.path(""), "ws").await;
        assert_eq!(runtime.allowances().await.unwrap(), []);
        assert_eq!(approve(&shell, "alice", "git push").await, json!({ "ok": "ApprovalDecision::Denied" }));
        runtime.shutdown().await;
        drop((runtime, shell));
        let decided = records(&place, "decided");
        let of: Vec<_> = decided.iter().filter(|one| one["request"] == requested["request"]).collect();
        let [one] = &of[..] else { panic!("{of:?}") };
        assert_eq!((&one["via"], &one["requested-record"]), (&json!("error"), &requested["record"]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child's side of the crash test"]
async fn a_host_that_waits() {
    let Some(place) = std::env::var_os(HOME) else { return };
    let (runtime, _shell) = host(Path::new(&place), "ws").await;
    prompted(&runtime, "git push").await;
    say("waiting");
    std::future::pending::<()>().await;
}

// approval case 30
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_killed_after_it_granted_still_grants_and_has_recorded_each_question_once() {
    let place = place();
    kill_at(child(&place.path(""), "a_host_that_grants"), "granted");
    let (runtime, shell) = host(&place.path(""), "ws").await;
    assert_eq!(approve(&shell, "alice", "git push x").await, json!({ "ok": "ApprovalDecision::Allowance" }));
    runtime.shutdown().await;
    drop((runtime, shell));
    let [requested] = &*records(&place, "requested") else { panic!() };
    let decided = records(&place, "decided");
    assert_eq!(decided.iter().filter(|one| one["request"] == requested["request"]).count(), 1, "{decided:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child's side of the crash test"]
async fn a_host_that_grants() {
    let Some(place) = std::env::var_os(HOME) else { return };
    let (runtime, _shell) = host(Path::new(&place), "ws").await;
    let mut approved = runtime.observe("probe.v1.approved").unwrap();
    let prompt = prompted(&runtime, "git push").await;
    answer(&runtime, &prompt, "approve_always");
    assert_eq!(json_of(&next(&mut approved).await), json!({ "ok": "ApprovalDecision::ApprovedAlways" }));
    say("granted");
    std::future::pending::<()>().await;
}

// approval case 30
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_killed_while_it_writes_has_each_grant_or_not_and_none_damaged() {
    let place = place();
    for round in 1..=3 {
        let last = format!("granted {}", 7 * round);
        let said = kill_at(child(&place.path(""), "a_host_that_writes"), &last);
        let (runtime, _shell) = host(&place.path(""), "ws").await;
        let found = runtime.allowances().await.unwrap();
        let has = |n: usize| found.iter().any(|one| one.pattern.as_str() == format!("git {n} *"));
        for n in 0..=7 * round {
            assert!(has(n), "round {round}: {n} of {said:?}");
        }
        runtime.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child's side of the crash test"]
async fn a_host_that_writes() {
    let Some(place) = std::env::var_os(HOME) else { return };
    let (runtime, _shell) = host(Path::new(&place), "ws").await;
    for n in 0..900 {
        let new = NewAllowance {
            principal: "alice".to_owned(),
            capsule: "shell".to_owned(),
            pattern: format!("git {n} *"),
            expires: None,
            uses: None,
        };
        runtime.allow(new).await.unwrap();
        say(&format!("granted {n}"));
    }
    std::future::pending::<()>().await;
}
