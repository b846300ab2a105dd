//! Installing, upgrading and uninstalling in a runtime: what runs, what is asked, what is left.

mod crash;
mod failure;
mod questions;
mod swap;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::{Place, ask, guest};
use astrid_capsule::{
    Answer, BoxFuture, InstallDesk, InstallOptions, InstallStep, Installed, Proposal, Question, Runtime,
    SharedCapsule,
};
use astrid_capsule_install::Meta;
use astrid_cron::NewJob;
use astrid_event_bus::Observer;
use astrid_host_context::{Outcome, Principal};
use astrid_host_testkit::Recorder;
use parking_lot::Mutex;
use serde_json::{Value, json};

fn alice() -> Principal {
    Principal::parse("alice").unwrap()
}

fn bob() -> Principal {
    Principal::parse("bob").unwrap()
}

/// Approves everything and gives these answers, and remembers what it was shown and asked.
#[derive(Default)]
struct Desk {
    answers: BTreeMap<&'static str, Vec<Answer>>,
    refuses: bool,
    heard: Mutex<Vec<String>>,
}

impl Desk {
    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock())
    }
}

impl InstallDesk for Desk {
    fn approve<'a>(&'a self, proposal: &'a Proposal) -> BoxFuture<'a, bool> {
        self.heard.lock().extend(proposal.added_lines());
        Box::pin(std::future::ready(!self.refuses))
    }

    fn value<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Option<Answer>> {
        let asked = self.heard.lock().iter().filter(|key| **key == question.key).count();
        self.heard.lock().push(question.key.clone());
        let answer = self.answers.get(question.key.as_str()).and_then(|answers| answers.get(asked)).cloned();
        Box::pin(std::future::ready(answer))
    }
}

/// A home, the guest `hooker` in several versions, and everybody who hears of it.
struct Scene {
    place: Place,
    runtime: Runtime,
    said: Observer,
    audit: Arc<Recorder>,
}

impl Scene {
    async fn new() -> Self {
        Self::of(Place::new()).await
    }

    async fn of(place: Place) -> Self {
        let audit = Arc::new(Recorder::default());
        let runtime = place.builder(|_| {}).audit(audit.clone()).build().await.unwrap();
        Self { said: runtime.observe("hooker.v1.said").unwrap(), place, runtime, audit }
    }

    /// The source of one version, whose hooks do what `mode` says.
    fn source(&self, version: &str, mode: &str) -> PathBuf {
        self.source_with(version, mode, "")
    }

    fn source_with(&self, version: &str, mode: &str, env: &str) -> PathBuf {
        let dir = self.place.path(&format!("source-{version}"));
        std::fs::create_dir_all(&dir).unwrap();
        let manifest = format!(
            "[package]\nname = \"hooker\"\nversion = \"{version}\"\n\n[[component]]\nfile = \"c.wasm\"\n\n\
             [env]\nmode = {{ default = \"{mode}\" }}\nplain = {{ default = \"text\" }}\ntoken = {{ type = \"secret\" }}\n{env}\n\
             [publish]\n\"hooker.v1.said\" = \"opaque\"\n\n[subscribe]\n\
             \"hooker.v1.get\" = {{ wit = \"opaque\", handler = \"get\" }}\n\
             \"hooker.v1.set\" = {{ wit = \"opaque\", handler = \"set\" }}\n\
             \"hooker.v1.config\" = {{ wit = \"opaque\", handler = \"config\" }}\n"
        );
        std::fs::write(dir.join("Capsule.toml"), manifest).unwrap();
        std::fs::write(dir.join("c.wasm"), build("hooker", version)).unwrap();
        dir
    }

    async fn install(&self, source: &Path) -> Result<Installed, astrid_capsule::CapsuleError> {
        self.runtime.install(InstallOptions::new(source).principal(alice())).await
    }

    fn target(&self) -> PathBuf {
        self.place.home().join("home/alice/.local/capsules/hooker")
    }

    fn version(&self) -> Option<String> {
        Meta::read(&self.target()).unwrap().map(|meta| meta.version)
    }

    fn loaded(&self) -> SharedCapsule {
        self.runtime.capsule("hooker").unwrap()
    }

    async fn get(&self, key: &str) -> Value {
        ask(&self.loaded(), "alice", "get", json!({ "key": key })).await
    }

    /// What hooks said since the last look.
    fn said(&mut self) -> Vec<Value> {
        let mut all = Vec::new();
        while let Some(message) = self.said.try_recv().unwrap() {
            all.push(serde_json::from_slice(message.payload().bytes()).unwrap());
        }
        all
    }

    /// Every file that an installation could leave.
    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        for part in ["bin", "wit", "home/alice", "state/install", "state/secrets"] {
            walk(&self.place.home(), Path::new(part), &mut found);
        }
        // Locks stay, and what a hook wrote below the home.
        found.retain(|name| {
            !name.ends_with(".lock") && !name.contains("/.local/log/") && !name.ends_with("/hooked")
        });
        found
    }
}

fn walk(root: &Path, part: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(root.join(part)).into_iter().flatten() {
        let entry = entry.unwrap();
        let path = part.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            walk(root, &path, found);
        } else {
            found.push(path.to_string_lossy().into_owned());
        }
    }
}

/// A guest with a custom section more, so that every version is another build.
fn build(name: &str, version: &str) -> Vec<u8> {
    let mut component = guest(name);
    let size = u8::try_from(version.len() + 1).unwrap();
    component.extend([0, size, u8::try_from(version.len()).unwrap()]);
    component.extend(version.bytes());
    component
}

// guest cases 27 and 28
#[tokio::test]
async fn a_first_installation_runs_the_install_hook_and_an_upgrade_the_other_and_the_same_version_none() {
    let mut s = Scene::new().await;
    let installed = s.install(&s.source("1.0.0", "")).await.unwrap();
    assert_eq!((&installed.step, installed.hook_ran), (&InstallStep::First, true));
    assert_eq!(installed.unresolved, ["token"]);
    let [said] = &s.said()[..] else { panic!() };
    assert_eq!((&said["hook"], &said["prev_version"]), (&json!("install"), &json!(null)));
    assert_eq!((s.version().as_deref(), s.get("kept").await), (Some("1.0.0"), json!("install")));

    let same = s.install(&s.source("1.0.0", "")).await.unwrap();
    assert_eq!((same.step, same.hook_ran, same.differs), (InstallStep::Nothing, false, false));
    let before = s.loaded().source_uuid();
    let upgraded = s.install(&s.source("1.1.0", "")).await.unwrap();
    assert_eq!(upgraded.step, InstallStep::Upgrade { from: "1.0.0".to_owned() });
    let [said] = &s.said()[..] else { panic!("only the upgrade hook runs") };
    assert_eq!((&said["hook"], &said["prev_version"]), (&json!("upgrade"), &json!("1.0.0")));
    assert_eq!(said["kept"], json!(["install", "upgrade"]));
    assert_eq!((s.version().as_deref(), s.get("kept").await), (Some("1.1.0"), json!("upgrade")));
    assert_ne!(s.loaded().source_uuid(), before);
    assert_eq!(s.loaded().manifest().package.version.to_string(), "1.1.0");

    let again = InstallOptions::new(s.source("1.1.0", "")).principal(alice()).reinstall(true);
    assert!(s.runtime.install(again).await.unwrap().hook_ran);
    assert_eq!(s.said()[0]["hook"], "install");
    let refused = s.install(&s.source("1.0.0", "")).await.unwrap_err();
    assert!(refused.to_string().contains("1.0.0 is lower than the installed 1.1.0"), "{refused}");
    let lower = InstallOptions::new(s.source("1.0.0", "")).principal(alice()).allow_downgrade(true);
    s.runtime.install(lower).await.unwrap();
    assert_eq!((s.version().as_deref(), &s.said()[0]["prev_version"]), (Some("1.0.0"), &json!("1.1.0")));
    assert!(
        !s.files().iter().any(|name| name.contains(".bak") || name.contains(".journal")),
        "{:?}",
        s.files()
    );
    // One build is kept, the one that is installed.
    assert_eq!(s.files().iter().filter(|name| name.starts_with("bin/")).count(), 1);
}

// guest case 30
#[tokio::test]
async fn a_hook_that_logs_an_error_and_returns_is_a_success() {
    let s = Scene::new().await;
    s.install(&s.source("1.0.0", "log")).await.unwrap();
    assert_eq!(s.get("kept").await, "install");
}

#[tokio::test]
async fn what_is_installed_is_found_by_the_next_boot_and_runs_without_its_source() {
    let s = Scene::new().await;
    let options = InstallOptions::new(s.source("1.0.0", "")).principal(alice()).load(false);
    s.runtime.install(options).await.unwrap();
    assert!(s.runtime.capsules().is_empty());
    std::fs::remove_dir_all(s.place.path("source-1.0.0")).unwrap();
    let paths = [astrid_capsule::SearchPath::installed(s.runtime.home().root(), "alice")];
    let report = s.runtime.boot(&paths).await;
    assert!(report.problems().is_empty(), "{:?}", report.problems());
    assert_eq!(s.get("kept").await, "install");
}

// guest §2.5
#[tokio::test]
async fn an_installation_leaves_one_record_with_phase_versions_hash_and_outcome() {
    let s = Scene::new().await;
    s.install(&s.source("1.0.0", "")).await.unwrap();
    s.install(&s.source("1.1.0", "trap")).await.unwrap_err();
    s.install(&s.source("1.0.0", "")).await.unwrap();
    let records = s
        .audit
        .audited()
        .into_iter()
        .filter(|one| one.op.domain == "capsule" && one.op.function == "install");
    let records: Vec<_> = records.collect();
    let [first, second] = &records[..] else { panic!("{records:?}") };
    let fact = |name, value: &str| (name, value.to_owned());
    let hash = |version| blake3::hash(&build("hooker", version)).to_hex().to_string();
    assert_eq!(
        first.facts,
        [fact("version", "1.0.0"), fact("component", &hash("1.0.0")), fact("phase", "install")]
    );
    assert_eq!(
        second.facts,
        [
            fact("version", "1.1.0"),
            fact("from", "1.0.0"),
            fact("component", &hash("1.1.0")),
            fact("phase", "upgrade")
        ]
    );
    assert_eq!((first.outcome, second.outcome), (Outcome::Allowed, Outcome::Failed("execution")));
    assert!(second.detail.as_deref().unwrap().contains("trap"), "{:?}", second.detail);
    assert_eq!((first.capsule.as_str(), first.principal.as_ref()), ("hooker", Some(&alice())));
}

#[tokio::test]
async fn uninstalling_forgets_the_jobs_of_its_principal_and_of_nobody_else() {
    let s = Scene::new().await;
    for who in [alice(), bob()] {
        s.runtime.install(InstallOptions::new(s.source("1.0.0", "")).principal(who.clone())).await.unwrap();
        let job = NewJob {
            name: "mine".to_owned(),
            schedule: "@daily".to_owned(),
            action: Some("get".to_owned()),
            payload: Value::Null,
        };
        s.runtime.cron().schedule("hooker", who.as_str(), job).await.unwrap();
    }
    let jobs = |who: &str| s.runtime.cron().list("hooker", who).len();
    assert_eq!((jobs("alice"), jobs("bob")), (1, 1));
    s.runtime.uninstall("hooker", &alice(), false).await.unwrap();
    assert_eq!((jobs("alice"), jobs("bob")), (0, 1), "his goes on");
    s.install(&s.source("1.0.0", "")).await.unwrap();
    assert_eq!((jobs("alice"), jobs("bob")), (0, 1));
}

#[tokio::test]
async fn uninstalling_leaves_data_and_secrets_unless_they_are_purged() {
    let s = Scene::new().await;
    let install = || {
        let options = InstallOptions::new(s.source("1.0.0", "")).principal(alice());
        s.runtime.install(options.value("token", "hidden").value("plain", "hers"))
    };
    install().await.unwrap();
    s.runtime.uninstall("hooker", &alice(), false).await.unwrap();
    assert!(s.runtime.capsules().is_empty());
    assert_eq!(s.files(), ["state/secrets/alice/hooker/token"]);
    let gone = s.runtime.uninstall("hooker", &alice(), false).await.unwrap_err();
    assert_eq!(gone.code(), astrid_capsule::Code::NotFound);
    assert!(gone.to_string().contains("nothing is installed"), "{gone}");

    // The values of the first time are there when it comes back, as far as they were data.
    s.install(&s.source("1.0.0", "")).await.unwrap();
    assert_eq!(ask(&s.loaded(), "alice", "config", json!({ "key": "token" })).await, "hidden");
    assert_eq!(ask(&s.loaded(), "alice", "config", json!({ "key": "plain" })).await, "text");
    ask(&s.loaded(), "alice", "set", json!({ "key": "mine", "value": "1" })).await;
    ask(&s.loaded(), "bob", "set", json!({ "key": "mine", "value": "2" })).await;
    s.runtime.uninstall("hooker", &alice(), true).await.unwrap();
    assert!(s.files().is_empty(), "{:?}", s.files());
    let capsule = s.runtime.load_for(s.source("1.0.0", ""), &bob()).await;
    assert!(capsule.is_err(), "its source has no recorded hash");
    s.runtime.install(InstallOptions::new(s.source("1.0.0", "")).principal(bob())).await.unwrap();
    let capsule = s.runtime.capsules().remove(0);
    assert_eq!(ask(&capsule, "alice", "get", json!({ "key": "mine" })).await, json!(null));
    assert_eq!(ask(&capsule, "bob", "get", json!({ "key": "mine" })).await, "2");
}
