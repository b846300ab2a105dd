//! Uplinks of a real guest: endpoints from load to unload, and what they bring in on the bus.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Place, ask, guest, probe_manifest_with};
use astrid_capsule::{Capsule, Readiness, Runtime};
use astrid_host_uplink::{Linked, MemoryLinks, Platform, PlatformUser};
use serde_json::{Value, json};

/// The first line goes on in the component's table.
const UPLINK: &str = "capabilities = { uplink = true }\n";

fn links(made_by: &str) -> Arc<MemoryLinks> {
    let links = MemoryLinks::new();
    let linked = Linked { principal: "alice".parse().unwrap(), made_by: Some(made_by.parse().unwrap()) };
    links.link(Platform::parse("chat").unwrap(), PlatformUser::parse("@a").unwrap(), linked);
    Arc::new(links)
}

/// Capsule `bridge` in a runtime in which its account `@a` on `chat` is alice's.
async fn bridge(place: &Place, tables: &str) -> (Runtime, Arc<dyn Capsule>) {
    place.profile("alice", "");
    let runtime = place.builder(|_| {}).links(links("bridge")).build().await.unwrap();
    let bridge = load(place, &runtime, "bridge", tables).await;
    (runtime, bridge)
}

async fn load(place: &Place, runtime: &Runtime, id: &str, tables: &str) -> Arc<dyn Capsule> {
    let manifest = probe_manifest_with(&format!("{UPLINK}{tables}"));
    runtime.load(place.capsule(id, &guest("probe"), &manifest)).await.unwrap()
}

/// A capsule whose handler takes prompts.
async fn agent(place: &Place, runtime: &Runtime) {
    let manifest = "[subscribe]\n\"user.v1.prompt\" = { wit = \"opaque\", handler = \"noop\" }\n";
    runtime.load(place.capsule("agent", &guest("probe"), manifest)).await.unwrap();
}

async fn register(bridge: &Arc<dyn Capsule>, name: &str, platform: &str) -> Value {
    ask(bridge, "default", "register", json!({ "name": name, "platform": platform, "profile": "chat" })).await
}

async fn send(bridge: &Arc<dyn Capsule>, id: &Value, content: &str) -> Value {
    let input = json!({ "id": id["ok"], "user": "@a", "content": content });
    ask(bridge, "default", "send", input).await
}

// lifecycle case 27
#[tokio::test]
async fn uplinks_are_limited_in_number_name_and_unread_messages() {
    let place = Place::new();
    place.profile("alice", "");
    let builder = place.builder(|_| {}).links(links("bridge")).inbound_to_embedder(true);
    let runtime = builder.build().await.unwrap();
    let bridge = load(&place, &runtime, "bridge", "").await;
    agent(&place, &runtime).await;

    let again = runtime.load(place.path("bridge")).await.map(|_| ()).unwrap_err();
    assert!(again.to_string().contains("already registered: bridge"), "{again}");

    let first = register(&bridge, "Tg", "TELEGRAM").await;
    assert!(first["ok"].is_string(), "{first}");
    let twice = register(&bridge, "Tg", "telegram").await;
    assert!(twice["err"].as_str().unwrap().contains("InvalidInput"), "{twice}");
    let chat = register(&bridge, "Tg", "chat").await;
    for number in 2..32 {
        let said = register(&bridge, &format!("n{number}"), "chat").await;
        assert!(said["ok"].is_string(), "{number}: {said}");
    }
    let over = register(&bridge, "n33", "chat").await;
    assert!(over["err"].as_str().unwrap().contains("Quota"), "{over}");
    assert_eq!(runtime.uplinks().len(), 32);

    for number in 0..128 {
        assert_eq!(send(&bridge, &chat, "hello").await, json!({ "ok": true }), "{number}");
    }
    let full = send(&bridge, &chat, "hello").await;
    assert!(full["err"].as_str().unwrap().contains("Quota"), "{full}");
    let mut unread = runtime.take_inbound("bridge").unwrap();
    assert!(runtime.take_inbound("bridge").is_none(), "once");
    assert_eq!(unread.recv().await.unwrap().principal.as_str(), "alice");
    assert_eq!(send(&bridge, &chat, "hello").await, json!({ "ok": true }), "there is room again");
}

// lifecycle case 27
#[tokio::test]
async fn an_unknown_profile_in_a_manifest_is_answered_with_the_list_of_those_allowed() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let tables = "[[uplink]]\nname = \"a\"\nplatform = \"chat\"\nprofile = \"megaphone\"\n";
    let manifest = probe_manifest_with(&format!("{UPLINK}{tables}"));
    let refused = runtime.load(place.capsule("bridge", &guest("probe"), &manifest)).await.map(|_| ());
    let text = refused.unwrap_err().to_string();
    for word in ["megaphone", "chat", "interactive", "notify", "bridge"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

// lifecycle §1
#[tokio::test]
async fn a_declared_uplink_is_there_at_load_and_registering_it_again_tells_its_id() {
    let place = Place::new();
    let tables = "[[uplink]]\nname = \"Tg\"\nplatform = \"Chat\"\nprofile = \"notify\"\n";
    let (runtime, bridge) = bridge(&place, tables).await;
    let [declared] = &*runtime.uplinks() else { unreachable!() };
    assert_eq!((&*declared.name, declared.platform.as_str()), ("Tg", "chat"));
    assert_eq!((&*declared.source, declared.profile.as_str()), ("wasm:bridge", "notify"));
    let again = register(&bridge, "Tg", "CHAT").await;
    assert_eq!(again, json!({ "ok": declared.id.to_string() }));
    let undeclared = register(&bridge, "other", "chat").await;
    assert!(undeclared["err"].as_str().unwrap().contains("CapabilityDenied"), "{undeclared}");
}

// uplink cases 14 and 21
#[tokio::test]
async fn what_an_account_sends_is_published_as_the_principal_it_is_linked_to() {
    let place = Place::new();
    let (runtime, bridge) = bridge(&place, "").await;
    agent(&place, &runtime).await;
    let mut prompts = runtime.observe("user.v1.prompt").unwrap();
    let chat = register(&bridge, "bot", "chat").await;
    let text = r#"{"principal":"admin"}"#;
    assert_eq!(send(&bridge, &chat, text).await, json!({ "ok": true }));
    let prompt = prompts.recv().await.unwrap();
    let said: Value = serde_json::from_str(prompt.payload().as_str()).unwrap();
    assert_eq!((&said["type"], &said["text"]), (&json!("user_input"), &json!(text)));
    assert_eq!(said["context"]["uplink_id"], chat["ok"]);
    assert_eq!(prompt.authority().unwrap().as_str(), "alice");
    assert_eq!(prompt.source(), bridge.source_uuid());
    let provenance = prompt.provenance();
    assert_eq!(provenance.attribution, astrid_host_context::Attribution::Claimed("alice".parse().unwrap()));
    assert_eq!(provenance.transport, astrid_host_context::Transport::System);
    assert!(provenance.request_owner.is_some());
}

// uplink case 15
#[tokio::test]
async fn a_message_without_a_live_principal_or_an_agent_loop_is_dropped() {
    let place = Place::new();
    let (runtime, bridge) = bridge(&place, "").await;
    let chat = register(&bridge, "bot", "chat").await;
    assert_eq!(send(&bridge, &chat, "hello").await, json!({ "ok": false }), "nobody listens");
    agent(&place, &runtime).await;
    assert_eq!(send(&bridge, &chat, "hello").await, json!({ "ok": true }));
    place.profile("alice", "enabled = false\n");
    assert!(runtime.principal_changed("alice").await.unwrap().is_err());
    assert_eq!(send(&bridge, &chat, "hello").await, json!({ "ok": false }), "alice is disabled");
}

// uplink case 15
#[tokio::test]
async fn a_link_of_another_capsule_counts_only_on_platforms_the_operator_names() {
    for (platforms, expected) in [(vec![], false), (vec![Platform::parse("chat").unwrap()], true)] {
        let place = Place::new();
        place.profile("alice", "");
        let change = |config: &mut astrid_capsule::Config| {
            config.uplink_platforms.insert("bridge".to_owned(), platforms);
        };
        let runtime = place.builder(change).links(links("another")).build().await.unwrap();
        let bridge = load(&place, &runtime, "bridge", "").await;
        agent(&place, &runtime).await;
        let chat = register(&bridge, "bot", "chat").await;
        assert_eq!(send(&bridge, &chat, "hello").await, json!({ "ok": expected }));
    }
}

// uplink cases 12 and 26
#[tokio::test]
async fn endpoints_end_with_the_load_and_the_next_one_gets_new_ids() {
    let place = Place::new();
    let (runtime, old) = bridge(&place, "").await;
    agent(&place, &runtime).await;
    let before = register(&old, "bot", "chat").await;
    let new = runtime.reload("bridge").await.unwrap();
    assert!(runtime.uplinks().is_empty(), "nothing is carried over");
    let unknown = send(&new, &before, "hello").await;
    assert!(unknown["err"].as_str().unwrap().contains("UnknownUplink"), "{unknown}");
    let after = register(&new, "bot", "chat").await;
    assert_ne!(before, after);
    assert_eq!(send(&new, &after, "hello").await, json!({ "ok": true }));
    runtime.unload("bridge").await.unwrap();
    assert!(runtime.uplinks().is_empty());
}

// lifecycle §1
#[tokio::test]
async fn unloading_removes_the_endpoints_and_ends_the_queue() {
    let place = Place::new();
    place.profile("alice", "");
    let builder = place.builder(|_| {}).links(links("bridge")).inbound_to_embedder(true);
    let runtime = builder.build().await.unwrap();
    let bridge = load(&place, &runtime, "bridge", "").await;
    agent(&place, &runtime).await;
    let chat = register(&bridge, "bot", "chat").await;
    assert_eq!(send(&bridge, &chat, "last").await, json!({ "ok": true }));
    let mut inbound = runtime.take_inbound("bridge").unwrap();
    runtime.unload("bridge").await.unwrap();
    assert!(runtime.uplinks().is_empty() && bridge.uplinks().is_empty());
    assert!(inbound.recv().await.is_some(), "what was accepted is the embedder's to drop");
    assert!(inbound.recv().await.is_none());
}

// uplink cases 18 and 23
#[tokio::test]
async fn messages_of_an_account_are_published_in_the_order_they_were_sent_in_one_session() {
    let place = Place::new();
    let (runtime, bridge) = bridge(&place, "").await;
    agent(&place, &runtime).await;
    let mut prompts = runtime.observe("user.v1.prompt").unwrap();
    let chat = register(&bridge, "bot", "chat").await;
    for number in 0..20 {
        assert_eq!(send(&bridge, &chat, &format!("n{number}")).await, json!({ "ok": true }));
    }
    let mut sessions = std::collections::BTreeSet::new();
    for number in 0..20 {
        let prompt = prompts.recv().await.unwrap();
        let said: Value = serde_json::from_str(prompt.payload().as_str()).unwrap();
        assert_eq!(said["text"], format!("n{number}"));
        sessions.insert(said["session_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(sessions.len(), 1);
}

// uplink cases 14 and 15
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_loop_is_an_agent_loop_for_those_whose_prompts_reach_it() {
    for everybody in [false, true] {
        let place = Place::new();
        place.profile("alice", "");
        let change = |config: &mut astrid_capsule::Config| {
            if everybody {
                config.system_resident.insert("agent".to_owned());
            }
        };
        let runtime = place.builder(change).links(links("bridge")).build().await.unwrap();
        let bridge = load(&place, &runtime, "bridge", "").await;
        let manifest = "[env.topic]\ndefault = \"user.v1.prompt\"\n[publish]\n\"looper.v1.answer\" = \"opaque\"\n[subscribe]\n\"user.v1.prompt\" = \"opaque\"\n";
        let agent = runtime.load(place.capsule("agent", &guest("looper"), manifest)).await.unwrap();
        assert_eq!(agent.wait_ready(Duration::from_secs(30)).await, Readiness::Ready);
        let chat = register(&bridge, "bot", "chat").await;
        assert_eq!(send(&bridge, &chat, "hello").await, json!({ "ok": everybody }));
    }
}

/// The bridge as a capsule that hears answers: by a handler, and by a subscription inside one.
async fn hearing(place: &Place, runtime: &Runtime) -> Arc<dyn Capsule> {
    let bindings: String = ["register", "send", "recv-then-caller"]
        .map(|action| format!("\"probe.v1.{action}\" = {{ wit = \"opaque\", handler = \"{action}\" }}\n"))
        .concat();
    let manifest = format!(
        "{UPLINK}[publish]\n\"probe.v1.*\" = \"opaque\"\n[subscribe]\n\"agent.v1.response\" = {{ wit = \"opaque\", handler = \"noop\" }}\n{bindings}"
    );
    runtime.load(place.capsule("bridge", &guest("probe"), &manifest)).await.unwrap()
}

// uplink case 28, with the answer as the host really delivers it
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_that_brings_back_what_it_was_just_given_is_not_heard() {
    let place = Place::new();
    place.profile("alice", "");
    let runtime = place.builder(|_| {}).links(links("bridge")).build().await.unwrap();
    let bridge = hearing(&place, &runtime).await;
    agent(&place, &runtime).await;
    let mut prompts = runtime.observe("user.v1.prompt").unwrap();
    let profile = json!({ "name": "b", "platform": "chat", "profile": "bridge" });
    let endpoint = ask(&bridge, "default", "register", profile).await;
    assert_eq!(send(&bridge, &endpoint, "question").await, json!({ "ok": true }));
    let prompt: Value = serde_json::from_str(prompts.recv().await.unwrap().payload().as_str()).unwrap();
    let answer = |text: &str| {
        json!({ "type": "agent_response", "text": text, "is_final": true, "session_id": prompt["session_id"] })
            .to_string()
    };
    assert_eq!(send(&bridge, &endpoint, "to a handler").await, json!({ "ok": true }), "not sent out yet");
    runtime.publish("agent.v1.response", answer("to a handler"), Some("alice")).await.unwrap();
    assert!(runtime.settle(Duration::from_secs(30)).await);
    assert_eq!(send(&bridge, &endpoint, "to a handler").await, json!({ "ok": false }));
    assert_eq!(send(&bridge, &endpoint, "something else").await, json!({ "ok": true }));

    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    let waiting = {
        let bridge = bridge.clone();
        let input = json!({ "topic": "agent.v1.response", "timeout": 30_000 });
        tokio::spawn(async move { ask(&bridge, "alice", "recv-then-caller", input).await })
    };
    listening.recv().await.unwrap();
    // Said by a user, not by an agent: no answer, though it has a text and a session.
    let said = json!({ "type": "user_input", "text": "by a user", "session_id": prompt["session_id"] });
    runtime.publish("agent.v1.response", said.to_string(), Some("bob")).await.unwrap();
    runtime.publish("agent.v1.response", answer("to a subscription"), Some("alice")).await.unwrap();
    assert!(waiting.await.unwrap()["got"].as_str().unwrap().contains("Ok(1)"));
    assert_eq!(send(&bridge, &endpoint, "to a subscription").await, json!({ "ok": false }));
    assert_eq!(send(&bridge, &endpoint, "by a user").await, json!({ "ok": true }));
    runtime.shutdown().await;
}

/// Where the process that is killed finds what its parent made.
const KILLED: &str = "ASTRID_TEST_KILLED_HOST";

/// No test by itself: the other process of the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_that_is_killed() {
    let Some(dir) = std::env::var_os(KILLED).map(std::path::PathBuf::from) else { return };
    let config = astrid_capsule::Config {
        allocation: astrid_capsule::Allocation::OnDemand,
        ..astrid_capsule::Config::default()
    };
    // Nobody takes what is accepted: it stays queued.
    let builder = Runtime::builder().home(dir.join("home")).workspace(&dir).config(config);
    let runtime = builder.links(links("bridge")).inbound_to_embedder(true).build().await.unwrap();
    let bridge = runtime.load(dir.join("bridge")).await.unwrap();
    runtime.load(dir.join("agent")).await.unwrap();
    let chat = register(&bridge, "bot", "chat").await;
    for number in 0..50 {
        assert_eq!(send(&bridge, &chat, &format!("n{number}")).await, json!({ "ok": true }));
    }
    std::fs::write(dir.join("accepted"), "").unwrap();
    std::future::pending().await
}

// uplink case 30
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_with_fifty_messages_queued_the_audit_is_whole_and_nothing_comes_twice() {
    let place = Place::new();
    place.profile("alice", "");
    place.capsule("bridge", &guest("probe"), &probe_manifest_with(UPLINK));
    let agent = "[subscribe]\n\"user.v1.prompt\" = { wit = \"opaque\", handler = \"noop\" }\n";
    place.capsule("agent", &guest("probe"), agent);
    let mut host = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "uplinks::the_host_that_is_killed"])
        .env(KILLED, place.path("."))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let file = place.home().join("log/audit.jsonl");
    let sends = || -> Vec<Value> {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        // A line that is being written is not yet one.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let records = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.filter(|record| record.to_string().contains("uplink-send")).collect()
    };
    let accepted = async {
        while !place.path("accepted").exists() || sends().len() < 50 {
            assert!(host.try_wait().unwrap().is_none(), "it ended by itself");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), accepted).await.unwrap();
    host.kill().unwrap();
    host.wait().unwrap();
    assert_eq!(sends().len(), 50, "each accepted one is recorded, once");

    let runtime = place.builder(|_| {}).links(links("bridge")).build().await.unwrap();
    let mut prompts = runtime.observe("user.v1.prompt").unwrap();
    let bridge = runtime.load(place.path("bridge")).await.unwrap();
    runtime.load(place.path("agent")).await.unwrap();
    assert!(runtime.uplinks().is_empty());
    let chat = register(&bridge, "bot", "chat").await;
    assert_eq!(send(&bridge, &chat, "afterwards").await, json!({ "ok": true }));
    let first = prompts.recv().await.unwrap();
    assert!(first.payload().as_str().contains("afterwards"), "what was queued is gone, not late");
    runtime.shutdown().await;
    assert!(prompts.try_recv().unwrap().is_none());
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "no torn line");
}

// security-gate §7: the operator's denylist, for endpoints of the manifest and of guests alike
#[tokio::test]
async fn a_platform_the_operator_blocks_has_no_endpoints() {
    let place = Place::new();
    let change = |config: &mut astrid_capsule::Config| {
        config.blocked_platforms = vec![Platform::parse("chat").unwrap()]
    };
    let runtime = place.builder(change).build().await.unwrap();
    let tables = "[[uplink]]\nname = \"Tg\"\nplatform = \"Chat\"\nprofile = \"chat\"\n\
                  [[uplink]]\nname = \"Ic\"\nplatform = \"irc\"\nprofile = \"chat\"\n";
    let bridge = load(&place, &runtime, "bridge", tables).await;
    let [only] = &*runtime.uplinks() else { unreachable!() };
    assert_eq!(only.platform.as_str(), "irc");
    let refused = register(&bridge, "Tg", " CHAT").await;
    assert!(refused["err"].as_str().unwrap().contains("CapabilityDenied"), "{refused}");
}
