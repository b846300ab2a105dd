//! Approval and values.

use std::sync::Arc;

use astrid_capsule::{Answer, Code, InstallOptions};
use serde_json::{Value, json};

use super::{Desk, Scene, alice};
use crate::support::ask;

const CAPS: &str = "net = [\"y.io\"]\nfs_read = [\"cwd://\"]";

fn with(scene: &Scene, version: &str, capabilities: &str) -> std::path::PathBuf {
    scene.source_with(version, "", &format!("[capabilities]\n{capabilities}"))
}

// lifecycle case 13
#[tokio::test]
async fn an_upgrade_asks_for_what_it_adds_alone_and_headless_it_is_refused_with_its_name() {
    let s = Scene::new().await;
    let refused = s.install(&with(&s, "1.0.0", CAPS)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unapproved);
    let text = "capsule 'hooker': is not installed: nobody approved fs_read: cwd://; net: y.io";
    assert_eq!(refused.to_string(), text);
    assert!(s.files().is_empty(), "{:?}", s.files());

    let desk = Arc::new(Desk::default());
    let options = |source| InstallOptions::new(source).principal(alice()).desk(desk.clone());
    s.runtime.install(options(with(&s, "1.0.0", CAPS))).await.unwrap();
    assert_eq!(desk.heard()[..2], ["fs_read: cwd://", "net: y.io"]);

    let more = CAPS.replace("\"y.io\"", "\"y.io\", \"x.io\"");
    let refused = s.install(&with(&s, "1.1.0", &more)).await.unwrap_err();
    assert!(refused.to_string().ends_with("nobody approved net: x.io"), "{refused}");
    assert_eq!(s.version().as_deref(), Some("1.0.0"));
    s.runtime.install(options(with(&s, "1.1.0", &more))).await.unwrap();
    assert_eq!(desk.heard()[0], "net: x.io");
    // Nobody has to be there for less.
    s.install(&with(&s, "1.2.0", "net = [\"x.io\"]")).await.unwrap();
    // And what was taken away is asked for again.
    let refused = s.install(&with(&s, "1.3.0", &more)).await.unwrap_err();
    assert!(refused.to_string().ends_with("nobody approved fs_read: cwd://; net: y.io"), "{refused}");
}

const ENV: &str = "
first = { request = \"First?\", default = \"1\", options_from = { http = \"http://x/{token}\", after = [\"pick\"] } }
pick = { type = \"select\", enum_values = [\"a\", \"b\"] }
many = { type = \"array\" }
free = {}
also = {}
";

async fn values(s: &Scene, keys: &[&str]) -> Vec<Value> {
    let mut values = Vec::new();
    for key in keys {
        values.push(ask(&s.loaded(), "alice", "config", json!({ "key": key })).await);
    }
    values
}

// lifecycle §6
#[tokio::test]
async fn keys_without_a_value_are_asked_for_in_order_and_answers_are_stored_where_they_belong() {
    let s = Scene::new().await;
    let text = |text: &str| Answer::Text(text.to_owned());
    let desk = Arc::new(Desk {
        answers: [
            ("mode", vec![Answer::Blank]),
            ("plain", vec![Answer::Blank]),
            ("token", vec![text("hidden")]),
            // No option is asked for again, once.
            ("pick", vec![text("zzz"), text("b")]),
            ("many", vec![Answer::List(vec!["x".to_owned(), "y".to_owned()])]),
            ("free", vec![Answer::Blank]),
            ("also", vec![text("2")]),
            ("first", vec![text("3")]),
        ]
        .into(),
        ..Desk::default()
    });
    let options = |source| InstallOptions::new(source).principal(alice()).desk(desk.clone());
    let installed = s.runtime.install(options(s.source_with("1.0.0", "", ENV))).await.unwrap();
    // What needs others comes after them.
    let asked = ["mode", "plain", "token", "pick", "pick", "many", "free", "also", "first"];
    assert_eq!(desk.heard(), asked);
    assert!(installed.unresolved.is_empty(), "{:?}", installed.unresolved);
    let keys = ["token", "pick", "many", "also", "first", "free", "plain"];
    let list = "[\"x\",\"y\"]";
    let expected = ["hidden", "b", list, "2", "3", "", "text"];
    assert_eq!(values(&s, &keys).await, expected);
    let file = s.place.home().join("home/alice/.config/env/hooker.env.json");
    let stored: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(stored, json!({ "pick": "b", "many": list, "also": "2", "first": "3", "free": "" }));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    // Only what still has none is asked for the next time.
    s.runtime.install(options(s.source_with("1.1.0", "", ENV))).await.unwrap();
    assert_eq!(desk.heard(), ["mode", "plain"]);
    // Who does not answer is not asked on.
    let nobody = Arc::new(Desk::default());
    let last = InstallOptions::new(s.source_with("1.2.0", "", ENV)).principal(alice()).desk(nobody.clone());
    s.runtime.install(last).await.unwrap();
    assert_eq!(nobody.heard(), ["mode"]);
}

#[tokio::test]
async fn an_answer_that_is_no_option_twice_is_refused_with_the_options_and_nothing_is_installed() {
    let s = Scene::new().await;
    let bad = || Answer::Text("zzz".to_owned());
    let blank = || vec![Answer::Blank];
    let answers = [("mode", blank()), ("plain", blank()), ("token", blank()), ("pick", vec![bad(), bad()])];
    let desk = Arc::new(Desk { answers: answers.into(), ..Desk::default() });
    let source = s.source_with("1.0.0", "", ENV);
    let error =
        s.runtime.install(InstallOptions::new(source).principal(alice()).desk(desk)).await.unwrap_err();
    assert!(error.to_string().contains("\"pick\" cannot be \"zzz\"; allowed: a, b"), "{error}");
    assert!(s.files().is_empty(), "{:?}", s.files());
}

// lifecycle case 16, without elicit
#[tokio::test]
async fn headless_given_values_are_stored_and_the_rest_stays_unresolved_and_is_no_failure() {
    let mut s = Scene::new().await;
    let options = |source| InstallOptions::new(source).principal(alice());
    let source = s.source_with("1.0.0", "", ENV);
    let given = options(source.clone()).value("pick", "a").value("many", "x, y").value("token", "hidden");
    let installed = s.runtime.install(given).await.unwrap();
    assert_eq!(installed.unresolved, ["free", "also"]);
    assert_eq!(s.said()[0]["secret"], "hidden", "the hook has them");
    // lifecycle case 17, what is stored: hers are nobody else's, and what has no value is the empty text.
    for (key, value) in [("pick", json!("")), ("token", json!(null)), ("free", json!(""))] {
        assert_eq!(ask(&s.loaded(), "bob", "config", json!({ "key": key })).await, value, "{key}");
    }
    assert_eq!(values(&s, &["pick", "many", "free"]).await, [json!("a"), json!("[\"x\",\"y\"]"), json!("")]);
    for (key, value, part) in [
        ("nowhere", "1", "allowed: mode, plain, token, first, pick, many, free, also"),
        ("pick", "c", "allowed: a, b"),
        ("token", "", "is empty"),
        ("many", "[1]", "a JSON list of texts"),
    ] {
        let again = options(source.clone()).reinstall(true).value(key, value);
        let error = s.runtime.install(again).await.unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    let meta = std::fs::read_to_string(s.target().join("meta.json")).unwrap();
    assert!(!meta.contains("hidden"));
}

/// Answers everything the hook asks with these.
fn answering(scene: &Scene, replies: &[&'static str]) -> tokio::task::JoinHandle<()> {
    let (mut prompts, replies) = (scene.runtime.prompts(), replies.to_vec());
    tokio::spawn(async move {
        for reply in replies {
            prompts.next().await.unwrap().answer(astrid_capsule::Reply::value(reply)).unwrap();
        }
    })
}

// guest cases 27 and 29
#[tokio::test]
async fn what_a_hook_asked_for_stays_with_an_installation_and_goes_with_one_that_fails() {
    let s = Scene::new().await;
    let ask_for = |version: &str, mode: &str| {
        let questions =
            r#"questions = { default = '[{"kind":"secret","key":"token"},{"kind":"secret","key":"more"}]' }"#;
        s.source_with(version, mode, questions)
    };
    let secret = |key: &str| {
        let file = s.place.home().join("state/secrets/alice/hooker").join(key);
        std::fs::read_to_string(file).ok()
    };
    let answered = answering(&s, &["1", "2"]);
    let failed = InstallOptions::new(ask_for("1.0.0", "ask-then-trap")).principal(alice());
    s.runtime.install(failed.value("token", "set")).await.unwrap_err();
    answered.await.unwrap();
    assert_eq!((secret("token"), secret("more")), (None, None));

    let answered = answering(&s, &["typed", "more"]);
    let first = InstallOptions::new(ask_for("1.0.0", "ask")).principal(alice());
    s.runtime.install(first.value("token", "set")).await.unwrap();
    answered.await.unwrap();
    assert_eq!((secret("token").as_deref(), secret("more").as_deref()), (Some("typed"), Some("more")));
    let read = ask(&s.loaded(), "alice", "config", json!({ "key": "token" })).await;
    assert_eq!(read, "typed");

    let answered = answering(&s, &["3", "4"]);
    let failed = InstallOptions::new(ask_for("1.1.0", "ask-then-trap")).principal(alice());
    s.runtime.install(failed.value("token", "set again")).await.unwrap_err();
    answered.await.unwrap();
    assert_eq!((secret("token").as_deref(), secret("more").as_deref()), (Some("typed"), Some("more")));
}

// guest case 29: a failure after the hook
#[tokio::test]
async fn a_version_that_does_not_start_after_its_hook_takes_what_was_typed_with_it() {
    let s = Scene::new().await;
    s.install(&s.source("1.0.0", "")).await.unwrap();
    // Its local socket cannot be bound, which is found out when it is loaded beside the old one.
    let source = s.source_with(
        "1.1.0",
        "ask",
        "questions = { default = '[{\"kind\":\"secret\",\"key\":\"token\"}]' }\n[capabilities]\nnet_bind = [\"unix:*\"]",
    );
    let ends = s.place.home().join("run/c/hooker.sock");
    std::fs::create_dir_all(&ends).unwrap();
    std::fs::write(ends.join("in-the-way"), "").unwrap();
    let answered = answering(&s, &["typed"]);
    let desk = Arc::new(Desk::default());
    let upgrade = InstallOptions::new(source).principal(alice()).desk(desk);
    let failed = s.runtime.install(upgrade).await.unwrap_err();
    answered.await.unwrap();
    assert!(failed.to_string().contains("local socket"), "{failed}");
    assert!(!s.place.home().join("state/secrets/alice/hooker/token").exists());
    assert_eq!(s.version().as_deref(), Some("1.0.0"));
}
