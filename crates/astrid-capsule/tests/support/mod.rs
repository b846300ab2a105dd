//! Capsule directories made of the conformance guests, and a runtime in a temporary home.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot set up must fail"
)]
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses a part")]

pub(crate) mod warnings;

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use astrid_capsule::{Capsule, Config, HandlerResult, Invoker, Runtime, RuntimeBuilder};

use serde_json::Value;

/// Everything one test needs on disk; gone with the value.
pub(crate) struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A capsule directory with these component bytes, recorded hash included.
    pub(crate) fn capsule(&self, id: &str, component: &[u8], manifest: &str) -> PathBuf {
        let dir = self.path(id);
        std::fs::create_dir_all(&dir).unwrap();
        let head = format!(
            "[package]\nname = \"{id}\"\nversion = \"0.1.0\"\n\n[[component]]\nfile = \"c.wasm\"\n\n"
        );
        std::fs::write(dir.join("Capsule.toml"), head + manifest).unwrap();
        std::fs::write(dir.join("c.wasm"), component).unwrap();
        record_hash(&dir, component);
        dir
    }

    /// The `probe` guest, with one binding for each action that tests call.
    pub(crate) fn probe(&self, id: &str) -> PathBuf {
        self.capsule(id, &guest("probe"), &probe_manifest())
    }

    /// Writes a principal's profile, or replaces it as a whole, as editors do: a host that runs looks at it at any
    /// moment, and half of a profile would be another.
    pub(crate) fn profile(&self, principal: &str, text: &str) {
        let dir = self.home().join("etc/profiles");
        std::fs::create_dir_all(&dir).unwrap();
        let fresh = dir.join(format!(".{principal}.new"));
        std::fs::write(&fresh, text).unwrap();
        std::fs::rename(fresh, dir.join(format!("{principal}.toml"))).unwrap();
    }

    /// Sets configuration of one principal's, as an operator would.
    pub(crate) fn overlay(&self, principal: &str, capsule: &str, values: &Value) {
        let file = self.home().join(format!("home/{principal}/.config/env/{capsule}.env.json"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let opened =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file);
        std::io::Write::write_all(&mut opened.unwrap(), values.to_string().as_bytes()).unwrap();
    }

    pub(crate) async fn runtime(&self) -> Runtime {
        self.runtime_with(|_| {}).await
    }

    pub(crate) async fn runtime_with(&self, change: impl FnOnce(&mut Config)) -> Runtime {
        self.builder(change).build().await.unwrap()
    }

    pub(crate) fn builder(&self, change: impl FnOnce(&mut Config)) -> RuntimeBuilder {
        // A thousand reserved slots per test process would only cost address space and time.
        let mut config = Config { allocation: astrid_capsule::Allocation::OnDemand, ..Config::default() };
        change(&mut config);
        Runtime::builder().home(self.home()).workspace(self.dir.path()).config(config)
    }
}

pub(crate) fn record_hash(dir: &Path, component: &[u8]) {
    let meta = serde_json::json!({ "wasm_hash": blake3::hash(component).to_hex().to_string() });
    std::fs::write(dir.join("meta.json"), meta.to_string()).unwrap();
}

pub(crate) fn guest(name: &str) -> Vec<u8> {
    astrid_host_testkit::guest(name).expect("the guests of tests/guests are built")
}

pub(crate) const ACTIONS: &[&str] = &[
    "noop",
    "echo",
    "say",
    "trap",
    "spin",
    "hog",
    "burn",
    "grow",
    "marker",
    "set",
    "get",
    "cas",
    "list",
    "clear",
    "set-then-trap",
    "publish",
    "publish-as",
    "fetch-again",
    "poll-two",
    "flood",
    "register",
    "send",
    "identity",
    "connect",
    "hold",
    "write",
    "read",
    "subscribe-leak",
    "subscribe-kept",
    "poll-kept",
    "recv-then-caller",
    "caller",
    "sleep",
    "sleep-then-set",
    "config",
    "capabilities",
    "log",
];

fn probe_manifest() -> String {
    probe_manifest_with("")
}

/// The manifest of [`Place::probe`] with these tables before its own.
pub(crate) fn probe_manifest_with(tables: &str) -> String {
    let bindings: String = ACTIONS
        .iter()
        .map(|a| format!("\"probe.v1.{a}\" = {{ wit = \"opaque\", handler = \"{a}\" }}\n"))
        .collect();
    format!(
        "{tables}\n[capabilities]\nfs_read = [\"cwd://\"]\n\n[publish]\n\"probe.v1.*\" = \"opaque\"\n\n[subscribe]\n\"probe.v1.in.*\" = \"opaque\"\n{bindings}"
    )
}

pub(crate) fn caller(principal: &str) -> Option<Invoker> {
    Some(Invoker::verified(principal.parse().unwrap()))
}

/// Calls a handler as `principal` and returns what it said.
pub(crate) async fn call(
    capsule: &Arc<dyn Capsule>,
    principal: &str,
    action: &str,
    input: Value,
) -> HandlerResult {
    let payload = input.to_string().into();
    capsule.invoke_interceptor(action, payload, caller(principal).as_ref()).await.unwrap()
}

/// The JSON of a `final` answer.
pub(crate) async fn ask(capsule: &Arc<dyn Capsule>, principal: &str, action: &str, input: Value) -> Value {
    match call(capsule, principal, action, input).await {
        HandlerResult::Final(bytes) => serde_json::from_slice(&bytes).unwrap(),
        other => panic!("{action} answered {other:?}"),
    }
}
