//! Hosts that are killed while a hook asks for a secret. They are children of this program.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use super::{asking, who};
use crate::support::{Place, ask};
use astrid_capsule::{HookPhase, Runtime, RuntimeBuilder};
use astrid_host_context::{AuditEvent, AuditSink};
use astrid_host_elicit::Reply;
use serde_json::json;

const PLACE: &str = "ASTRID_ELICIT_CRASH_PLACE";
const STOP: &str = "ASTRID_ELICIT_CRASH_STOP";

fn builder(place: &Path) -> RuntimeBuilder {
    let allocation = astrid_capsule::Allocation::OnDemand;
    let config = astrid_capsule::Config { allocation, ..astrid_capsule::Config::default() };
    Runtime::builder().home(place.join("home")).workspace(place).config(config)
}

/// Stands still for good once a record of this function is to be taken: `sent` comes before anybody is asked,
/// `elicit` after the store has confirmed and before the guest is told.
struct StopAt(String);

impl AuditSink for StopAt {
    fn record(&self, event: AuditEvent) {
        if event.op.domain == "elicit" && event.op.function == self.0 {
            let mut out = std::io::stdout().lock();
            writeln!(out, "\n@there").unwrap();
            out.flush().unwrap();
            loop {
                std::thread::park();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a child of the other test"]
async fn child() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let place = Path::new(&place);
    let stop = Arc::new(StopAt(std::env::var(STOP).unwrap()));
    let runtime = builder(place).audit(stop).build().await.unwrap();
    let mut prompts = runtime.prompts();
    tokio::spawn(async move {
        while let Some(prompt) = prompts.next().await {
            prompt.answer(Reply::value("s3cret")).unwrap();
        }
    });
    let _ = runtime.run_hook(place.join("hooker"), &who("alice"), HookPhase::Install).await;
}

fn start(place: &Path, stop: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["hooks::kills::child", "--exact", "--ignored", "--nocapture", "--quiet"]);
    command.env(PLACE, place).env(STOP, stop).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().unwrap()
}

// elicit case 29
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_killed_has_the_secret_from_the_flush_on_and_not_before() {
    for (stop, stored) in [("sent", false), ("elicit", true)] {
        let place = Place::new();
        place.profile("alice", "");
        asking(&place, "ask", &json!([{ "kind": "secret", "key": "token" }]));
        let mut process = start(&place.path(""), stop);
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let there = lines.any(|line| line == "@there");
        // SIGKILL.
        process.kill().unwrap();
        process.wait().unwrap();
        assert!(there, "the child did not come to `{stop}`");
        let runtime = builder(&place.path("")).build().await.unwrap();
        let capsule = runtime.load(place.path("hooker")).await.unwrap();
        let found = ask(&capsule, "alice", "has-secret", json!({ "key": "token" })).await;
        assert_eq!(found, stored, "{stop}");
        let read = ask(&capsule, "alice", "config", json!({ "key": "token" })).await;
        assert_eq!(read, if stored { json!("s3cret") } else { json!(null) });
        // The install is run again, and simply asks again.
        let mut prompts = runtime.prompts();
        let alice = who("alice");
        runtime.unload("hooker").await.unwrap();
        let again = runtime.run_hook(place.path("hooker"), &alice, HookPhase::Install);
        let person = async { prompts.next().await.unwrap().answer(Reply::value("again")).unwrap() };
        let (done, ()) = tokio::join!(again, person);
        done.unwrap().commit().await.unwrap();
        let secret = place.home().join("state/secrets/alice/hooker/token");
        assert_eq!(std::fs::read_to_string(secret).unwrap(), "again");
    }
}
