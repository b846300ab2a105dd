//! Hooks that ask people, and what becomes of what they were told.

use std::time::{Duration, Instant};

use super::{Hooks, SETTLE, asking, upgrade, who};
use crate::support::{Place, ask};
use astrid_capsule::{CapsuleError, Code, HookPhase, Prompt, Prompts, Runtime};
use astrid_host_context::{AuditEvent, Outcome};
use astrid_host_elicit::{Field, Reply};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

fn question(kind: &str, key: &str) -> Value {
    json!({ "kind": kind, "key": key })
}

/// An install that is under way.
fn install(h: &Hooks, mode: &str, questions: &Value) -> (JoinHandle<Result<bool, CapsuleError>>, Prompts) {
    run(h, mode, questions, HookPhase::Install)
}

/// A hook that is committed once it succeeded.
fn run(
    h: &Hooks,
    mode: &str,
    questions: &Value,
    phase: HookPhase,
) -> (JoinHandle<Result<bool, CapsuleError>>, Prompts) {
    let (prompts, dir, runtime) = (h.runtime.prompts(), asking(&h.place, mode, questions), h.runtime.clone());
    let running = tokio::spawn(async move {
        let done = runtime.run_hook(dir, &who("alice"), phase).await?;
        let ran = done.ran();
        done.commit().await.map(|()| ran)
    });
    (running, prompts)
}

async fn next(prompts: &mut Prompts) -> Prompt {
    tokio::time::timeout(SETTLE, prompts.next()).await.unwrap().unwrap()
}

/// What the store has for alice, as a file.
fn secret(place: &Place, key: &str) -> Option<String> {
    std::fs::read_to_string(place.home().join("state/secrets/alice/hooker").join(key)).ok()
}

fn asked(h: &Hooks) -> Vec<AuditEvent> {
    h.audit.audited().into_iter().filter(|event| event.op.domain == "elicit").collect()
}

fn fact<'a>(record: &'a AuditEvent, name: &str) -> Option<&'a str> {
    record.facts.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

// guest case 27, elicit cases 3, 5, 7, 8
#[tokio::test]
async fn a_hook_asks_and_the_front_end_of_the_process_answers() {
    let mut h = Hooks::new().await;
    let mut pick = question("select", "color");
    pick["options"] = json!(["red", "blue"]);
    pick["default"] = json!("blue");
    let mut named = question("text", "name");
    named["description"] = json!("Your name");
    let questions = json!([named, question("secret", "token"), pick, question("array", "hosts")]);
    let (running, mut prompts) = install(&h, "ask", &questions);
    h.next().await;

    let prompt = next(&mut prompts).await;
    assert_eq!((prompt.capsule(), prompt.principal(), prompt.key()), ("hooker", &who("alice"), "name"));
    assert_eq!((prompt.text(), prompt.field()), ("Your name", &Field::Text { default: None }));
    prompt.answer(Reply::value(" Ada ")).unwrap();
    assert_eq!(h.next().await, json!({ "asked": "name", "answer": { "value": " Ada " } }));

    let prompt = next(&mut prompts).await;
    assert_eq!((prompt.text(), prompt.field()), ("token", &Field::Secret));
    prompt.answer(Reply::value("s3cret")).unwrap();
    assert_eq!(h.next().await, json!({ "asked": "token", "answer": "secret-stored" }));

    let prompt = next(&mut prompts).await;
    let Field::Select { options, .. } = prompt.field() else { panic!("{prompt:?}") };
    assert_eq!(
        (options.as_slice(), prompt.default()),
        (&["red".to_owned(), "blue".to_owned()][..], Some("blue"))
    );
    prompt.answer(Reply::value("red")).unwrap();
    assert_eq!(h.next().await, json!({ "asked": "color", "answer": { "value": "red" } }));

    next(&mut prompts).await.answer(Reply::values(["b", "a", "b"])).unwrap();
    assert_eq!(h.next().await, json!({ "asked": "hosts", "answer": { "values": ["b", "a", "b"] } }));
    assert!(running.await.unwrap().unwrap());
    assert_eq!(secret(&h.place, "token").unwrap(), "s3cret");
}

// guest case 27, elicit case 1
#[tokio::test]
async fn a_handler_may_not_ask_whatever_the_question_and_nothing_is_said_on_the_bus() {
    let h = Hooks::new().await;
    let mut said = h.runtime.observe("astrid.v1.elicit").unwrap();
    let capsule = h.runtime.load(h.dir("")).await.unwrap();
    for question in [question("text", "name"), question("text", "not a key")] {
        let answer = ask(&capsule, "alice", "ask", question).await;
        assert_eq!(answer, json!({ "error": "not-in-lifecycle" }));
    }
    assert!(said.try_recv().unwrap().is_none());
    let outcomes: Vec<_> = asked(&h).iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [Outcome::Denied("not-in-lifecycle"); 2]);
}

// elicit cases 22, 23
#[tokio::test]
async fn get_config_gives_the_last_secret_of_a_declared_key_and_nothing_gives_an_undeclared_one() {
    let h = Hooks::new().await;
    let twice =
        json!([question("secret", "token"), question("secret", "token"), question("secret", "hidden")]);
    let (running, mut prompts) = install(&h, "ask", &twice);
    for value in ["first", "second", "unseen"] {
        next(&mut prompts).await.answer(Reply::value(value)).unwrap();
    }
    assert!(running.await.unwrap().unwrap());
    let capsule = h.runtime.load(h.dir("")).await.unwrap();
    let of =
        async |who: &str, action: &str, key: &str| ask(&capsule, who, action, json!({ "key": key })).await;
    assert_eq!(of("alice", "config", "token").await, "second");
    assert_eq!(of("alice", "config", "hidden").await, Value::Null);
    assert_eq!(of("alice", "list", "").await, json!(["install.count", "kept"]));
    for (who, key, found) in [
        ("alice", "token", true),
        ("alice", "hidden", true),
        ("alice", "other", false),
        ("bob", "token", false),
    ] {
        assert_eq!(of(who, "has-secret", key).await, found, "{who} {key}");
    }
    assert_eq!(of("bob", "config", "token").await, Value::Null);
}

// guest case 29
#[tokio::test]
async fn a_hook_that_traps_takes_its_secrets_with_it_and_those_it_replaced_are_there_again() {
    let h = Hooks::new().await;
    let both = json!([question("secret", "token"), question("secret", "other")]);
    let answer = async |prompts: &mut Prompts, values: [&'static str; 2]| {
        for value in values {
            next(prompts).await.answer(Reply::value(value)).unwrap();
        }
    };
    let (running, mut prompts) = install(&h, "ask-then-trap", &both);
    answer(&mut prompts, ["1", "2"]).await;
    assert_eq!(running.await.unwrap().unwrap_err().code(), Code::Execution);
    assert_eq!((secret(&h.place, "token"), secret(&h.place, "other")), (None, None));

    let (running, mut prompts) = install(&h, "ask", &json!([question("secret", "token")]));
    next(&mut prompts).await.answer(Reply::value("old")).unwrap();
    assert!(running.await.unwrap().unwrap());
    let (running, mut prompts) = run(&h, "ask-then-trap", &both, upgrade());
    answer(&mut prompts, ["new", "2"]).await;
    assert_eq!(running.await.unwrap().unwrap_err().code(), Code::Execution);
    assert_eq!((secret(&h.place, "token").as_deref(), secret(&h.place, "other")), (Some("old"), None));

    let (running, mut prompts) = run(&h, "ask", &both, upgrade());
    answer(&mut prompts, ["new", "2"]).await;
    assert!(running.await.unwrap().unwrap());
    assert_eq!(
        (secret(&h.place, "token").unwrap(), secret(&h.place, "other").unwrap()),
        ("new".into(), "2".into())
    );
}

async fn gone(place: &Place, key: &str) {
    let begun = Instant::now();
    while secret(place, key).is_some() {
        assert!(begun.elapsed() < SETTLE, "{key} stayed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_hook_that_is_not_committed_or_is_dropped_takes_its_secrets_with_it() {
    let h = Hooks::new().await;
    let dir = asking(&h.place, "ask", &json!([question("secret", "token")]));
    let mut prompts = h.runtime.prompts();
    let alice = who("alice");
    let running = h.runtime.run_hook(&dir, &alice, HookPhase::Install);
    let person = async { next(&mut prompts).await.answer(Reply::value("s3cret")).unwrap() };
    let (done, ()) = tokio::join!(running, person);
    assert_eq!(secret(&h.place, "token").unwrap(), "s3cret");
    drop(done.unwrap());
    gone(&h.place, "token").await;

    let (running, mut prompts) =
        install(&h, "ask", &json!([question("secret", "token"), question("text", "name")]));
    next(&mut prompts).await.answer(Reply::value("s3cret")).unwrap();
    let waiting = next(&mut prompts).await;
    assert!(secret(&h.place, "token").is_some());
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    waiting.withdrawn().await;
    gone(&h.place, "token").await;
}

// guest case 31, elicit case 19
#[tokio::test]
async fn a_hook_whose_user_gives_up_reads_cancelled_and_what_is_typed_later_is_not_stored() {
    let h = Hooks::new().await;
    let (running, mut prompts) = install(&h, "ask", &json!([question("secret", "token")]));
    let prompt = next(&mut prompts).await;
    // From here on time passes only where somebody waits for it, so what else the machine does counts for nothing.
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    assert!(h.runtime.cancel_hook("hooker", &who("alice")).unwrap());
    let failed = running.await.unwrap().unwrap_err();
    assert!(begun.elapsed() <= Duration::from_secs(1), "{:?}", begun.elapsed());
    tokio::time::resume();
    assert_eq!(failed.to_string(), "capsule 'hooker': astrid-install was cancelled");
    prompt.withdrawn().await;
    assert_eq!(prompt.answer(Reply::value("late")).unwrap_err().code(), Code::Cancelled);
    let records = asked(&h);
    let [sent, resolved] = &records[..] else { panic!("{records:?}") };
    assert_eq!((sent.op.function, resolved.outcome), ("sent", Outcome::Cancelled("cancelled")));
    assert_eq!(fact(resolved, "resolved"), Some("cancelled"));
    assert_eq!(secret(&h.place, "token"), None);
}

// elicit case 30
#[tokio::test]
async fn the_two_records_of_a_question_name_the_component_and_nothing_that_was_said() {
    let mut h = Hooks::new().await;
    let mut told = question("secret", "token");
    told["description"] = json!("Tell me");
    let (running, mut prompts) = install(&h, "ask", &json!([told]));
    next(&mut prompts).await.answer(Reply::value("s3cret")).unwrap();
    assert!(running.await.unwrap().unwrap());
    h.next().await;
    let records = asked(&h);
    let [sent, resolved] = &records[..] else { panic!("{records:?}") };
    let hash = blake3::hash(&crate::support::guest("hooker")).to_hex().to_string();
    for record in [sent, resolved] {
        assert_eq!(fact(record, "component"), Some(&*hash));
        assert_eq!((fact(record, "phase"), fact(record, "kind")), (Some("install"), Some("secret")));
        assert_eq!(record.invocation, h.records()[0].invocation);
    }
    assert_eq!(fact(sent, "request"), fact(resolved, "request"));
    let printed = format!("{:?}", h.audit.audited());
    assert!(!printed.contains("s3cret") && !printed.contains("Tell me"));
}

// elicit case 26: of store files, logs and audit; this host has no bus history
#[tokio::test]
async fn a_secret_lies_in_its_own_file_and_nowhere_else_below_the_home() {
    let place = Place::new();
    place.profile("alice", "");
    let runtime: Runtime = place.builder(|_| {}).build().await.unwrap();
    let dir = asking(&place, "ask", &json!([question("secret", "token"), question("text", "name")]));
    let mut prompts = runtime.prompts();
    let alice = who("alice");
    let person = async {
        next(&mut prompts).await.answer(Reply::value("s3cret-one")).unwrap();
        next(&mut prompts).await.answer(Reply::value("plain-one")).unwrap();
    };
    let (done, ()) = tokio::join!(runtime.run_hook(&dir, &alice, HookPhase::Install), person);
    done.unwrap().commit().await.unwrap();
    runtime.shutdown().await;
    let (mut found, mut looked, mut folders) = (Vec::new(), 0, vec![place.home()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.symlink_metadata().unwrap().file_type() {
                kind if kind.is_dir() => folders.push(path),
                kind if kind.is_file() => {
                    looked += 1;
                    let bytes = std::fs::read(&path).unwrap();
                    if ["s3cret-one", "plain-one"]
                        .iter()
                        .any(|text| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
                    {
                        found.push(path);
                    }
                }
                _ => {}
            }
        }
    }
    assert!(looked > 3, "{looked}");
    let own = place.home().join("state/secrets/alice/hooker/token");
    assert_eq!(found, std::slice::from_ref(&own));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(own).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}
