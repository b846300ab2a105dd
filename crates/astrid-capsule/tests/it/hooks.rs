//! Install and upgrade hooks: what they see, what is left of them, what bounds them.

mod asks;
mod ends;
mod kills;
mod shapes;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{Place, ask, guest};
use astrid_capsule::{CapsuleError, Code, Config, HookOutcome, HookPhase, Runtime};
use astrid_event_bus::Observer;
use astrid_host_context::{AuditEvent, Outcome, Principal};
use astrid_host_testkit::Recorder;
use serde_json::{Value, json};

const SETTLE: Duration = Duration::from_secs(30);

fn who(name: &str) -> Principal {
    Principal::parse(name).unwrap()
}

fn upgrade() -> HookPhase {
    HookPhase::Upgrade { from: "1.0.0".to_owned() }
}

/// The capsule `hooker` and everybody who hears of it.
struct Hooks {
    place: Place,
    runtime: Runtime,
    said: Observer,
    audit: Arc<Recorder>,
}

impl Hooks {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let place = Place::new();
        // Who is not registered has no home.
        place.profile("alice", "");
        Self::of(place, change).await
    }

    async fn of(place: Place, change: impl FnOnce(&mut Config)) -> Self {
        let audit = Arc::new(Recorder::default());
        let runtime = place.builder(change).audit(audit.clone()).build().await.unwrap();
        Self { said: runtime.observe("hooker.v1.said").unwrap(), place, runtime, audit }
    }

    /// Its directory, whose hooks do what `mode` says.
    fn dir(&self, mode: &str) -> PathBuf {
        asking(&self.place, mode, &json!([]))
    }

    async fn run(&self, mode: &str, phase: HookPhase) -> Result<HookOutcome, CapsuleError> {
        self.runtime.run_hook(self.dir(mode), &who("alice"), phase).await
    }

    /// The same as a task.
    fn spawn(&self, mode: &str, phase: HookPhase) -> tokio::task::JoinHandle<Result<bool, CapsuleError>> {
        let (runtime, dir) = (self.runtime.clone(), self.dir(mode));
        tokio::spawn(async move { Ok(runtime.run_hook(dir, &who("alice"), phase).await?.ran()) })
    }

    /// What the hook says next.
    async fn next(&mut self) -> Value {
        let message = tokio::time::timeout(SETTLE, self.said.recv()).await.unwrap().unwrap();
        serde_json::from_slice(message.payload().bytes()).unwrap()
    }

    /// All that is stored for a principal, asked of the capsule itself, which is loaded for the question.
    async fn stored(&self, principal: &str) -> Value {
        let capsule = self.runtime.load(self.dir("")).await.unwrap();
        let mut found = serde_json::Map::new();
        for key in ask(&capsule, principal, "list", json!({})).await.as_array().unwrap() {
            let value = ask(&capsule, principal, "get", json!({ "key": key })).await;
            found.insert(key.as_str().unwrap().to_owned(), value);
        }
        self.runtime.unload("hooker").await.unwrap();
        found.into()
    }

    /// Stores values of alice's by a handler.
    async fn store(&self, values: &[(&str, &str)]) {
        let capsule = self.runtime.load(self.dir("")).await.unwrap();
        for (key, value) in values {
            assert_eq!(ask(&capsule, "alice", "set", json!({ "key": key, "value": value })).await, true);
        }
        self.runtime.unload("hooker").await.unwrap();
    }

    /// The records of hooks so far.
    fn records(&self) -> Vec<AuditEvent> {
        self.audit.audited().into_iter().filter(|event| event.op.domain == "guest").collect()
    }

    /// How hooks ended, by the records.
    fn outcomes(&self) -> Vec<Outcome> {
        self.records().iter().map(|event| event.outcome).collect()
    }
}

/// The capsule's directory; hooks do what `mode` says, and where that is `ask` put these questions.
fn asking(place: &Place, mode: &str, questions: &Value) -> PathBuf {
    let manifest = format!(
        "[env]\nmode = {{ default = \"{mode}\" }}\nquestions = {{ default = '{questions}' }}\nplain = {{ default = \"text\" }}\ntoken = {{ type = \"secret\" }}\n\n\
             [capabilities]\nfs_write = [\"home://\"]\nnet_bind = [\"unix:*\"]\n\n[publish]\n\"hooker.v1.said\" = \"opaque\"\n\n\
             [subscribe]\n\"hooker.v1.in\" = \"opaque\"\n\
             \"hooker.v1.get\" = {{ wit = \"opaque\", handler = \"get\" }}\n\
             \"hooker.v1.list\" = {{ wit = \"opaque\", handler = \"list\" }}\n\
             \"hooker.v1.set\" = {{ wit = \"opaque\", handler = \"set\" }}\n\
             \"hooker.v1.config\" = {{ wit = \"opaque\", handler = \"config\" }}\n\
             \"hooker.v1.ask\" = {{ wit = \"opaque\", handler = \"ask\" }}\n\
             \"hooker.v1.has-secret\" = {{ wit = \"opaque\", handler = \"has-secret\" }}\n"
    );
    place.capsule("hooker", &guest("hooker"), &manifest)
}

// guest case 27
#[tokio::test]
async fn an_install_hook_has_its_principals_things_and_runs_when_it_is_called_and_never_at_a_load() {
    let mut h = Hooks::new().await;
    let secret = h.place.home().join("state/secrets/alice/hooker/token");
    std::fs::create_dir_all(secret.parent().unwrap()).unwrap();
    std::fs::write(secret, "hidden").unwrap();
    let done = h.run("", HookPhase::Install).await.unwrap();
    assert!(done.ran());
    let seen = json!({
        "hook": "install", "kept": [null, "install"], "prev_version": null, "config": "text",
        "secret": "hidden", "caller": null, "written": { "Ok": null },
    });
    assert_eq!(h.next().await, seen);
    assert_eq!(std::fs::read_to_string(h.place.home().join("home/alice/hooked")).unwrap(), "install");
    done.commit().await.unwrap();
    assert_eq!(h.stored("alice").await, json!({ "install.count": "1", "kept": "install" }));
    assert_eq!(h.stored("bob").await, json!({}));
    assert!(h.said.try_recv().unwrap().is_none(), "a load ran a hook");
    assert_eq!(h.outcomes(), [Outcome::Allowed]);
}

// guest case 28: which of the two is called, and when, is the installer's
#[tokio::test]
async fn an_upgrade_hook_is_told_the_old_version_and_nobody_else_whatever_is_configured() {
    let mut h = Hooks::new().await;
    h.place.overlay("alice", "hooker", &json!({ "prev_version": "invented", "plain": "hers" }));
    for (phase, name, told) in
        [(upgrade(), "upgrade", json!("1.0.0")), (HookPhase::Install, "install", json!(null))]
    {
        assert!(h.run("", phase).await.unwrap().ran());
        let said = h.next().await;
        assert_eq!((&said["hook"], &said["prev_version"]), (&json!(name), &told));
        assert_eq!(said["config"], "hers", "her own values count in hooks, too");
        assert!(h.said.try_recv().unwrap().is_none(), "the other hook ran, too");
    }
    let capsule = h.runtime.load(h.dir("")).await.unwrap();
    let of = async |key: &str| ask(&capsule, "alice", "config", json!({ "key": key })).await;
    assert_eq!(of("prev_version").await, "invented", "in handlers it is a key like any other");
}

#[tokio::test]
async fn what_a_hook_stores_is_there_when_it_is_committed_and_not_before_and_never_if_it_is_dropped() {
    let mut h = Hooks::new().await;
    h.store(&[("kept", "old"), ("old", "x"), ("other", "y")]).await;
    let before = json!({ "kept": "old", "old": "x", "other": "y" });
    let after = json!({ "kept": "upgrade", "other": "y", "upgrade.count": "1" });
    let forgotten = h.run("", upgrade()).await.unwrap();
    assert_eq!(h.next().await["kept"], json!(["old", "upgrade"]));
    assert_eq!(h.stored("alice").await, before);
    let redo = forgotten.redo().to_vec();
    drop(forgotten);
    assert_eq!(h.stored("alice").await, before);
    let done = h.run("", upgrade()).await.unwrap();
    assert_eq!(h.next().await["kept"], json!(["old", "upgrade"]));
    done.commit().await.unwrap();
    assert_eq!(h.stored("alice").await, after);
    // As a start does that finds it in its journal, however far the last one came.
    for _ in 0..2 {
        h.runtime.replay_hook(&redo).await.unwrap();
        assert_eq!(h.stored("alice").await, after);
    }
    let mut damaged = redo;
    damaged[20] ^= 1;
    assert_eq!(h.runtime.replay_hook(&damaged).await.unwrap_err().code(), Code::Integrity);
}

#[tokio::test]
async fn values_above_the_limit_are_refused_in_the_hook_and_those_below_it_survive_a_lower_one() {
    let mut h = Hooks::with(|config| config.kv_max_namespace_bytes = 10_000).await;
    h.store(&[("before", &"x".repeat(994))]).await;
    let done = h.run("fill", HookPhase::Install).await.unwrap();
    h.next().await;
    // 1,000 bytes lie below, 11 and 14 are the hook's other two; each further value counts 1,009.
    assert_eq!(h.next().await, json!({ "stored": 8, "refused": "ErrorCode::Quota" }));
    h.place.profile("alice", "[quotas]\nmax_storage_bytes = 1\n");
    h.runtime.principal_changed("alice").await.unwrap().unwrap();
    done.commit().await.unwrap();
    let stored = h.stored("alice").await;
    assert_eq!(stored.as_object().unwrap().len(), 11);
}

#[tokio::test]
async fn a_hook_hears_the_bus_and_its_capsules_handlers_are_not_bound() {
    let mut h = Hooks::new().await;
    let running = h.spawn("listen", HookPhase::Install);
    h.next().await;
    assert_eq!(h.next().await, "listening");
    let topic = astrid_event_bus::Topic::parse("hooker.v1.get", Default::default()).unwrap();
    assert_eq!(h.runtime.bus().handlers_of(&topic).len(), 0);
    assert!(h.runtime.capsules().is_empty());
    assert!(!h.place.home().join("run/c/hooker.sock").exists(), "a hook bound its capsule's socket");
    h.runtime.publish("hooker.v1.in", "{}", Some("alice")).await.unwrap();
    assert_eq!(h.next().await, json!({ "heard": { "Ok": 1 } }));
    assert!(running.await.unwrap().unwrap());
}

#[tokio::test]
async fn one_hook_runs_at_a_time_for_a_capsule_and_principal() {
    let mut h = Hooks::new().await;
    let first = h.spawn("wait", HookPhase::Install);
    h.next().await;
    let refused = h.run("wait", upgrade()).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotReady);
    let text = "capsule 'hooker': a lifecycle hook of it is under way for principal 'alice'; wait until that has ended";
    assert_eq!(refused.to_string(), text);
    assert!(h.runtime.run_hook(h.dir(""), &who("bob"), HookPhase::Install).await.unwrap().ran());
    assert!(h.runtime.cancel_hook("hooker", &who("alice")).unwrap());
    first.await.unwrap().unwrap_err();
    assert!(h.run("", upgrade()).await.unwrap().ran());
    assert!(!h.runtime.cancel_hook("hooker", &who("alice")).unwrap());
}

#[tokio::test]
async fn whoever_wants_the_capsules_to_himself_waits_for_a_hook_as_for_a_handler() {
    let mut h = Hooks::new().await;
    let running = h.spawn("wait", HookPhase::Install);
    h.next().await;
    let alone = async |patience| h.runtime.exclusively(patience, async {}).await;
    let refused = alone(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Timeout);
    assert!(refused.to_string().contains("hook"), "{refused}");
    assert!(h.runtime.cancel_hook("hooker", &who("alice")).unwrap());
    running.await.unwrap().unwrap_err();
    alone(SETTLE).await.unwrap();
}

// guest §2.5: phase, versions, component hash, outcome
#[tokio::test]
async fn each_call_leaves_one_record() {
    let h = Hooks::new().await;
    h.run("", upgrade()).await.unwrap().commit().await.unwrap();
    h.run("trap", HookPhase::Install).await.unwrap_err();
    let [upgraded, trapped] = &h.records()[..] else { panic!("{:?}", h.records()) };
    let hash = blake3::hash(&guest("hooker")).to_hex().to_string();
    let fact = |name, value: &str| (name, value.to_owned());
    assert_eq!((upgraded.op.function, trapped.op.function), ("astrid-upgrade", "astrid-install"));
    let facts =
        [fact("phase", "upgrade"), fact("version", "0.1.0"), fact("from", "1.0.0"), fact("component", &hash)];
    assert_eq!(upgraded.facts, facts);
    assert_eq!(trapped.facts, [fact("phase", "install"), fact("version", "0.1.0"), fact("component", &hash)]);
    assert_eq!((upgraded.outcome, trapped.outcome), (Outcome::Allowed, Outcome::Failed("trap")));
    assert_eq!(trapped.detail.as_deref(), Some("trapped: unreachable"));
    assert_eq!((upgraded.capsule.as_str(), upgraded.principal.as_ref()), ("hooker", Some(&who("alice"))));
    // What the guest did in the call carries its number.
    let inside = h.audit.audited().into_iter().filter(|one| one.op.domain == "kv").map(|one| one.invocation);
    assert_eq!(
        inside.collect::<std::collections::BTreeSet<_>>(),
        [upgraded.invocation, trapped.invocation].into()
    );
}
