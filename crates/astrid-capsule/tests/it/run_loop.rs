//! Run loops: readiness, limits, end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::{Place, guest};
use astrid_capsule::{Capsule, Readiness, Runtime, State};
use serde_json::{Value, json};

async fn looper(place: &Place, mode: &str) -> (Runtime, Arc<dyn Capsule>) {
    let runtime = place.runtime().await;
    let manifest = format!(
        "[env.mode]\ndefault = \"{mode}\"\n\n[publish]\n\"looper.v1.answer\" = \"opaque\"\n\n[subscribe]\n\"looper.v1.ask\" = \"opaque\"\n\"looper.v1.handle\" = {{ wit = \"opaque\", handler = \"handle\" }}\n"
    );
    let capsule = runtime.load(place.capsule("looper", &guest("looper"), &manifest)).await.unwrap();
    (runtime, capsule)
}

// guest case 24, principals case 5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_serves_its_owner_while_handlers_of_the_same_capsule_run() {
    let place = Place::new();
    let (runtime, capsule) = looper(&place, "serve").await;
    assert_eq!(capsule.wait_ready(Duration::from_secs(30)).await, Readiness::Ready);
    let mut answers = runtime.observe("looper.v1.answer").unwrap();
    runtime.publish("looper.v1.ask", "1", Some("default")).await.unwrap();
    let answer = answers.recv().await.unwrap();
    let answer: Value = serde_json::from_slice(answer.payload().bytes()).unwrap();
    assert_eq!(answer, json!({ "asked": "1", "caller": "default" }));
    assert_eq!(crate::support::ask(&capsule, "alice", "handle", json!({})).await, "handled handle");
    runtime.shutdown().await;
}

// guest case 24
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loop_and_handlers_share_what_is_stored_and_no_memory() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let manifest = "[env.mode]\ndefault = \"store\"\n[publish]\n\"looper.v1.answer\" = \"opaque\"\n[subscribe]\n\"looper.v1.ask\" = \"opaque\"\n\"looper.v1.kept\" = { wit = \"opaque\", handler = \"kept\" }\n";
    let capsule = runtime.load(place.capsule("looper", &guest("looper"), manifest)).await.unwrap();
    assert_eq!(capsule.wait_ready(Duration::from_secs(30)).await, Readiness::Ready);
    let mut answers = runtime.observe("looper.v1.answer").unwrap();
    runtime.publish("looper.v1.ask", "\"text\"", Some("default")).await.unwrap();
    let answer: Value = serde_json::from_slice(answers.recv().await.unwrap().payload().bytes()).unwrap();
    assert_eq!(answer, json!({ "set": true }));
    let kept = crate::support::ask(&capsule, "default", "kept", json!({})).await;
    assert_eq!(kept, json!({ "store": { "get": { "Ok": "text" } }, "answered": 0 }));
    runtime.shutdown().await;
}

// engines case 25
#[tokio::test]
async fn a_loop_that_never_signals_times_out_and_one_that_returns_has_crashed() {
    let place = Place::new();
    let (runtime, capsule) = looper(&place, "never-ready").await;
    assert_eq!(capsule.wait_ready(Duration::from_millis(200)).await, Readiness::Timeout);
    runtime.shutdown().await;

    let place = Place::new();
    let (_runtime, capsule) = looper(&place, "return").await;
    assert_eq!(capsule.wait_ready(Duration::from_secs(30)).await, Readiness::Crashed);
    assert_eq!(capsule.state(), State::Failed("run loop exited".to_owned()));
}

// engines case 23
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spinning_loop_is_stopped_after_its_windows_and_others_go_on() {
    let place = Place::new();
    // The profile a first start gives the owner is an administrator's, whose loops are not bound.
    place.profile("default", "groups = [\"agent\"]\n");
    // Three windows of one second each.
    let runtime = place.runtime_with(|config| config.invocation_timeout = Duration::from_secs(1)).await;
    let manifest = "[env.mode]\ndefault = \"spin\"\n";
    let spinner = runtime.load(place.capsule("spinner", &guest("looper"), manifest)).await.unwrap();
    let probe = runtime.load(place.probe("probe")).await.unwrap();
    let failed = async {
        while !matches!(spinner.state(), State::Failed(_)) {
            crate::support::call(&probe, "alice", "noop", json!({})).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), failed).await.unwrap();
    assert_eq!(spinner.state(), State::Failed("run loop exceeded its CPU window budget".to_owned()));
}

// guest case 25: windows of a second each, or with `ASTRID_LONG_TESTS` the five of a host's
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_may_compute_between_its_looks_for_messages_and_not_without() {
    let is_long = std::env::var_os("ASTRID_LONG_TESTS").is_some();
    let (window, slack) = if is_long { (5_000, 3_000) } else { (1_000, 30_000) };
    let place = Place::new();
    place.profile("default", "groups = [\"agent\"]\n");
    let timeout = Duration::from_secs(if is_long { 300 } else { 1 });
    let runtime = place.runtime_with(|config| config.invocation_timeout = timeout).await;
    let load = async |id: &str, mode: &str| {
        let manifest = format!(
            "[env.mode]\ndefault = \"{mode}\"\n[env.spin_ms]\ndefault = \"{}\"\n[subscribe]\n\"looper.v1.ask\" = \"opaque\"\n",
            window * 4 / 5
        );
        let capsule = runtime.load(place.capsule(id, &guest("looper"), &manifest)).await.unwrap();
        assert_eq!(capsule.wait_ready(Duration::from_secs(30)).await, Readiness::Ready);
        capsule
    };
    let looking = load("looking", "spin-and-recv").await;
    let begun = Instant::now();
    let spinner = load("spinner", "spin").await;
    while spinner.state() == State::Ready {
        assert!(begun.elapsed() < Duration::from_millis(3 * window + slack), "{:?}", begun.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Windows are counted in ticks of a clock that was going already.
    assert!(begun.elapsed() >= Duration::from_millis(3 * window - 500), "{:?}", begun.elapsed());
    assert_eq!(spinner.state(), State::Failed("run loop exceeded its CPU window budget".to_owned()));
    while begun.elapsed() < Duration::from_millis(5 * window) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(looking.state(), State::Ready);
    }
    runtime.shutdown().await;
}

// guest case 25
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spinning_loop_that_is_exempt_is_gone_within_five_seconds_of_its_cancel() {
    let place = Place::new();
    let builder = place.builder(|config| config.invocation_timeout = Duration::from_millis(200));
    let runtime = builder.exempt(Arc::new(Everybody)).build().await.unwrap();
    let manifest = "[env.mode]\ndefault = \"spin\"\n";
    let spinner = runtime.load(place.capsule("spinner", &guest("looper"), manifest)).await.unwrap();
    assert_eq!(spinner.wait_ready(Duration::from_secs(30)).await, Readiness::Ready);
    let begun = Instant::now();
    runtime.unload("spinner").await.unwrap();
    // The case's five seconds are for a machine that does nothing else; here it would never end by itself.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(spinner.state(), State::Unloaded);
}

// engines case 24
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_that_polls_without_waiting_is_never_stopped() {
    let place = Place::new();
    let runtime = place.runtime_with(|config| config.invocation_timeout = Duration::from_millis(500)).await;
    let manifest = "[env.mode]\ndefault = \"busy-recv\"\n\n[subscribe]\n\"looper.v1.ask\" = \"opaque\"\n";
    let busy = runtime.load(place.capsule("busy", &guest("looper"), manifest)).await.unwrap();
    assert_eq!(busy.wait_ready(Duration::from_secs(30)).await, Readiness::Ready);
    // Far beyond three windows of half a second.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(busy.state(), State::Ready);
    runtime.shutdown().await;
}

// engines case 26, ipc case 27: how soon the one that waits is gone is measured in `unload`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unloading_wakes_a_loop_that_waits_and_stops_one_that_ignores_it() {
    for mode in ["serve", "ignore-cancel", "ignore-closed"] {
        let place = Place::new();
        let (runtime, capsule) = looper(&place, mode).await;
        capsule.wait_ready(Duration::from_secs(30)).await;
        let start = Instant::now();
        runtime.unload("looper").await.unwrap();
        // The case's five seconds are for a machine that does nothing else; two of these would never end.
        assert!(start.elapsed() < Duration::from_secs(20), "{mode} took {:?}", start.elapsed());
        assert_eq!(capsule.state(), State::Unloaded);
        let report = runtime.publish("looper.v1.ask", "{}", Some("default")).await.unwrap();
        assert_eq!(report.delivered, 0, "{mode}: its routes are gone");
    }
}

// guest case 7
#[tokio::test]
async fn a_run_that_returns_without_a_host_call_was_a_placeholder() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let component = wat::parse_str(
        r#"(component
            (core module $m (func (export "run") (local i32) i32.const 7 local.set 0))
            (core instance $i (instantiate $m))
            (func (export "run") (canon lift (core func $i "run"))))"#,
    );
    let capsule = runtime.load(place.capsule("folded", &component.unwrap(), "")).await.unwrap();
    assert_eq!(capsule.wait_ready(Duration::from_secs(30)).await, Readiness::Ready);
    assert_eq!(capsule.state(), State::Ready);
}

struct Everybody;

impl astrid_capsule::Exempt for Everybody {
    fn is_exempt(&self, owner: &astrid_host_context::Principal) -> bool {
        owner.as_str() == "default"
    }
}

const ALONE: &str = "ASTRID_EXEMPT_LOOP_ALONE";

// engines case 23, lifecycle case 28. In a process of its own: others of these tests have children too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spinning_loop_of_an_exempt_owner_goes_on_until_the_shutdown() {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "--ignored", "run_loop::alone_a_spinning_loop_goes_on_until_the_shutdown"]);
    let ran = tokio::task::spawn_blocking(move || child.env(ALONE, "1").output().unwrap()).await.unwrap();
    let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a child of the other test"]
async fn alone_a_spinning_loop_goes_on_until_the_shutdown() {
    let Some(_) = std::env::var_os(ALONE) else { return };
    let place = Place::new();
    let config = astrid_capsule::Config {
        allocation: astrid_capsule::Allocation::OnDemand,
        invocation_timeout: Duration::from_millis(200),
        ..astrid_capsule::Config::default()
    };
    let builder = Runtime::builder().home(place.home()).workspace(place.path(".")).config(config);
    let runtime = builder.exempt(Arc::new(Everybody)).build().await.unwrap();
    let manifest = "[env.mode]\ndefault = \"spin\"\n";
    let spinner = runtime.load(place.capsule("spinner", &guest("looper"), manifest)).await.unwrap();
    assert_eq!(spinner.wait_ready(Duration::from_secs(30)).await, Readiness::Ready);
    // Far beyond three windows of 0.2 s.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(spinner.state(), State::Ready);
    tokio::time::timeout(Duration::from_secs(30), runtime.shutdown()).await.unwrap();
    assert_eq!(spinner.state(), State::Unloaded);
    // No process is left behind, and nothing that a start would find in its way.
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let children = std::fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default();
        assert_eq!(children, "");
    }
    let again = place.runtime().await;
    again.shutdown().await;
}

// lifecycle §9
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_unloads_frontends_last_and_is_the_last_thing_in_the_audit() {
    let place = Place::new();
    let runtime = place.runtime().await;
    // The frontend is loaded between the others: its place does not follow from the order.
    for (id, first) in [("a", ""), ("front", "capabilities = { uplink = true }\n"), ("b", "")] {
        runtime.load(place.capsule(id, &guest("probe"), first)).await.unwrap();
    }
    let mut unloaded = runtime.observe("astrid.v1.lifecycle.capsule_unloaded").unwrap();
    runtime.shutdown().await;
    let mut order = Vec::new();
    while let Some(event) = unloaded.try_recv().unwrap() {
        let event: Value = serde_json::from_slice(event.payload().bytes()).unwrap();
        order.push(event["capsule_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(order, ["b", "a", "front"]);
    drop(runtime);
    let file = place.home().join("log/audit.jsonl");
    let ended = async {
        loop {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            if text.lines().last().is_some_and(|line| line.contains("runtime_stopped")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ended).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_of_a_listener_each_run_the_loop() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let manifest = "[capabilities]\nnet_bind = [\"127.0.0.1:*\"]\nbind_workers = 3\n[publish]\n\"looper.v1.answer\" = \"opaque\"\n[subscribe]\n\"looper.v1.ask\" = \"opaque\"\n";
    let capsule = runtime.load(place.capsule("looper", &guest("looper"), manifest)).await.unwrap();
    assert_eq!(capsule.wait_ready(Duration::from_secs(30)).await, Readiness::Ready);
    let mut answers = runtime.observe("looper.v1.answer").unwrap();
    // The first signal counts, so the other two may not listen yet: asked until all three answer one question,
    // however late those who did not answer one of the first do so.
    let mut times = HashMap::new();
    let answered = async {
        for n in 0.. {
            runtime.publish("looper.v1.ask", n.to_string(), Some("default")).await.unwrap();
            while let Ok(Ok(answer)) = tokio::time::timeout(Duration::from_millis(200), answers.recv()).await
            {
                let answer: Value = serde_json::from_slice(answer.payload().bytes()).unwrap();
                let times = times.entry(answer["asked"].as_str().unwrap().to_owned()).or_insert(0);
                *times += 1;
                assert!(*times <= 3, "{answer}");
            }
            if times.values().any(|times| *times == 3) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), answered).await.unwrap();
}

// principals §4, sys case 42
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_whose_profile_is_malformed_gets_no_authority_and_the_loop_goes_on() {
    let place = Place::new();
    let (runtime, capsule) = looper(&place, "serve").await;
    assert_eq!(capsule.wait_ready(Duration::from_secs(30)).await, Readiness::Ready);
    let mut answers = runtime.observe("looper.v1.answer").unwrap();
    let profile = place.home().join("etc/profiles/default.toml");
    let good = std::fs::read_to_string(&profile).unwrap();
    std::fs::write(&profile, "enabld = true").unwrap();
    assert!(runtime.principal_changed("default").await.unwrap().is_err());
    runtime.publish("looper.v1.ask", "1", Some("default")).await.unwrap();
    // Long enough for several ticks of the engine's clock, which is what could end the loop.
    assert!(tokio::time::timeout(Duration::from_millis(500), answers.recv()).await.is_err());
    assert_eq!(capsule.state(), State::Ready);
    std::fs::write(&profile, good).unwrap();
    runtime.principal_changed("default").await.unwrap().unwrap();
    runtime.publish("looper.v1.ask", "2", Some("default")).await.unwrap();
    let answer: Value = serde_json::from_slice(answers.recv().await.unwrap().payload().bytes()).unwrap();
    assert_eq!(answer, json!({ "asked": "2", "caller": "default" }));
    runtime.shutdown().await;
}

/// A loop that serves everybody, for its owner `default`.
async fn resident(place: &Place, mode: &str) -> Runtime {
    let change = |config: &mut astrid_capsule::Config| {
        config.system_resident.insert("looper".to_owned());
    };
    let runtime = place.runtime_with(change).await;
    let manifest = format!(
        "[env.mode]\ndefault = \"{mode}\"\n[publish]\n\"looper.v1.answer\" = \"opaque\"\n[subscribe]\n\"looper.v1.ask\" = \"opaque\"\n\"looper.v1.reply\" = \"opaque\"\n"
    );
    let capsule = runtime.load(place.capsule("looper", &guest("looper"), &manifest)).await.unwrap();
    assert_eq!(capsule.wait_ready(Duration::from_secs(30)).await, Readiness::Ready);
    runtime
}

// principals case 5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_for_everybody_speaks_for_whom_it_heard_last_until_the_host_speaks() {
    let place = Place::new();
    let runtime = resident(&place, "tick").await;
    let mut answers = runtime.observe("looper.v1.answer").unwrap();
    let mut next = async |asked: bool| loop {
        let answer = answers.recv().await.unwrap();
        let said: Value = serde_json::from_slice(answer.payload().bytes()).unwrap();
        if said.get("asked").is_some() == asked {
            let stamp = answer.authority().map(ToString::to_string);
            break (said["caller"].as_str().or(said["idle"].as_str()).unwrap().to_owned(), stamp.unwrap());
        }
    };
    let pair = |caller: &str, stamp: &str| (caller.to_owned(), stamp.to_owned());
    for who in ["alice", "bob"] {
        runtime.publish("looper.v1.ask", "1", Some(who)).await.unwrap();
        assert_eq!(next(true).await, pair(who, who));
    }
    assert_eq!(next(false).await, pair("bob", "bob"), "a wait that was in vain changes nothing");
    runtime.publish("looper.v1.ask", "1", None).await.unwrap();
    assert_eq!(next(true).await, pair("", "default"), "the host speaks for nobody, so the owner answers");
}

// principals case 6
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_inside_a_message_that_ends_in_vain_leaves_the_answer_to_whom_it_is_for() {
    let place = Place::new();
    let runtime = resident(&place, "nested").await;
    let mut answers = runtime.observe("looper.v1.answer").unwrap();
    runtime.publish("looper.v1.ask", "1", Some("alice")).await.unwrap();
    let answer = answers.recv().await.unwrap();
    assert_eq!(answer.authority().unwrap().as_str(), "alice");
    let said: Value = serde_json::from_slice(answer.payload().bytes()).unwrap();
    assert_eq!(said, json!({ "asked": "1", "caller": "alice" }));
}

// principals case 23
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_all_audit_entries_is_decided_at_load_by_the_profile_and_never_by_the_manifest() {
    let place = Place::new();
    place.profile("default", "grants = [\"audit:read_all\"]\n");
    let runtime = place.runtime().await;
    let manifest = "[env.topic]\ndefault = \"astrid.v1.audit.entry\"\n[publish]\n\"looper.v1.answer\" = \"opaque\"\n[subscribe]\n\"astrid.v1.audit.entry\" = \"opaque\"\n";
    let capsule = runtime.load(place.capsule("looper", &guest("looper"), manifest)).await.unwrap();
    assert_eq!(capsule.wait_ready(Duration::from_secs(30)).await, Readiness::Ready);
    let mut answers = runtime.observe("looper.v1.answer").unwrap();
    let mut heard = async |runtime: &Runtime| {
        // The owner's own entry is heard in any case, so it ends the wait for alice's.
        for (who, entry) in [("alice", "1"), ("default", "2")] {
            runtime.publish("astrid.v1.audit.entry", entry, Some(who)).await.unwrap();
        }
        let mut heard = Vec::new();
        while heard.last().is_none_or(|last| last != "2") {
            let answer = answers.recv().await.unwrap();
            let said: Value = serde_json::from_slice(answer.payload().bytes()).unwrap();
            heard.push(said["asked"].as_str().unwrap().to_owned());
        }
        heard
    };
    assert_eq!(heard(&runtime).await, ["1", "2"]);
    place.profile("default", "");
    runtime.principal_changed("default").await.unwrap().unwrap();
    assert_eq!(heard(&runtime).await, ["1", "2"], "a loaded capsule keeps what it was loaded with");
    let capsule = runtime.reload("looper").await.unwrap();
    assert_eq!(capsule.wait_ready(Duration::from_secs(30)).await, Readiness::Ready);
    assert_eq!(heard(&runtime).await, ["2"]);
}
