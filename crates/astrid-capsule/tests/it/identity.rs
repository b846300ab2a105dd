//! Users and links in a running host: what manifests grant, what is kept, what nobody else reaches.

use std::sync::Arc;

use astrid_capsule::{Capsule, Code, LinkPolicy, Runtime};
use serde_json::{Value, json};

use crate::support::{Place, ask, guest, probe_manifest_with};

/// The probe with these words in `[capabilities] identity`.
async fn capsule(place: &Place, runtime: &Runtime, id: &str, words: &str) -> Arc<dyn Capsule> {
    let manifest = probe_manifest_with(&format!("capabilities = {{ {words} }}\n"));
    runtime.load(place.capsule(id, &guest("probe"), &manifest)).await.unwrap()
}

async fn identity(capsule: &Arc<dyn Capsule>, who: &str, mut input: Value, op: &str) -> Value {
    input.as_object_mut().unwrap().insert("op".to_owned(), op.into());
    ask(capsule, who, "identity", input).await
}

/// What was answered, or the name of the error's case.
fn said(answer: &Value) -> &str {
    let said = answer["ok"].as_str().or(answer["err"].as_str()).unwrap_or_default();
    said.rsplit("::").next().unwrap_or_default()
}

fn account(id: &str) -> Value {
    json!({ "platform": "Chat", "account": id })
}

fn link(id: &str, user: &str) -> Value {
    json!({ "platform": "Chat", "account": id, "user": user })
}

// identity cases 1, 2, 3, 4, 9
#[tokio::test]
async fn a_guest_does_what_its_manifest_grants_and_nothing_more() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let admin = capsule(&place, &runtime, "admin", "identity = [\"admin\"]").await;
    let linker = capsule(&place, &runtime, "linker", "identity = [\"link\"]").await;
    let reader = capsule(&place, &runtime, "reader", "identity = [\"resolve\"]").await;
    let nobody = capsule(&place, &runtime, "nobody", "").await;

    let created = identity(&admin, "alice", json!({ "name": "Ada" }), "create").await;
    let ada = created["ok"].as_str().unwrap().to_owned();
    assert_eq!(identity(&linker, "alice", link("@a", &ada), "link").await, json!({ "ok": null }));
    assert_eq!(said(&identity(&reader, "bob", account("@a"), "resolve").await), ada);
    let listed = identity(&linker, "bob", json!({ "user": ada }), "list").await;
    assert_eq!(listed, json!({ "ok": ["@a"] }));
    assert_eq!(said(&identity(&linker, "bob", link("@a", &ada), "link").await), "AlreadyLinked");

    for (capsule, op) in [
        (&linker, "create"),
        (&reader, "create"),
        (&reader, "link"),
        (&reader, "unlink"),
        (&reader, "list"),
        (&nobody, "resolve"),
        (&nobody, "list"),
    ] {
        let answer = identity(capsule, "alice", link("@a", &ada), op).await;
        assert_eq!(said(&answer), "CapabilityDenied", "{} {op}", capsule.id());
    }

    assert_eq!(identity(&linker, "alice", account("@a"), "unlink").await, json!({ "ok": null }));
    assert_eq!(said(&identity(&reader, "bob", account("@a"), "resolve").await), "LinkNotFound");

    // identity case 17: nothing was made of the user but its record.
    assert!(!place.home().join("home/ada").exists() && !place.home().join("etc/profiles/ada.toml").exists());
    runtime.shutdown().await;

    // identity case 27
    let audit = std::fs::read_to_string(place.home().join("log/audit.jsonl")).unwrap();
    assert!(audit.contains("identity-link") && audit.contains("account-blake3"), "{audit}");
    assert!(!audit.contains("@a") && !audit.contains("Ada"), "{audit}");
}

// identity case 18
#[tokio::test]
async fn a_bridge_links_nobody_to_the_operator_but_the_operator_does() {
    let place = Place::new();
    place.profile("bob", "");
    let runtime = place.runtime().await;
    let operator = runtime.add_user("default", None).await.unwrap().to_string();
    let bob = runtime.add_user("bob", Some("Bob")).await.unwrap().to_string();
    let bridge = capsule(&place, &runtime, "bridge", "identity = [\"link\"]").await;
    let admin = capsule(&place, &runtime, "admin", "identity = [\"admin\"]").await;
    assert_eq!(said(&identity(&bridge, "bob", link("@evil", &operator), "link").await), "CapabilityDenied");
    assert_eq!(identity(&bridge, "default", link("@op", &operator), "link").await, json!({ "ok": null }));
    assert_eq!(said(&identity(&bridge, "bob", account("@op"), "unlink").await), "CapabilityDenied");
    assert_eq!(identity(&admin, "bob", link("@op2", &operator), "link").await, json!({ "ok": null }));
    assert_eq!(identity(&bridge, "alice", link("@bob", &bob), "link").await, json!({ "ok": null }));
}

// identity case 19
#[tokio::test]
async fn the_operators_policy_and_list_protect_whom_they_name() {
    let place = Place::new();
    let runtime = place
        .runtime_with(|config| {
            config.identity_link_policy = LinkPolicy::SamePrincipal;
        })
        .await;
    let bob = runtime.add_user("bob", None).await.unwrap().to_string();
    let bridge = capsule(&place, &runtime, "bridge", "identity = [\"link\"]").await;
    assert_eq!(said(&identity(&bridge, "alice", link("@b", &bob), "link").await), "CapabilityDenied");
    assert_eq!(identity(&bridge, "bob", link("@b", &bob), "link").await, json!({ "ok": null }));

    let place = Place::new();
    let runtime = place
        .runtime_with(|config| {
            config.identity_protected.insert("bob".parse().unwrap());
        })
        .await;
    let bob = runtime.add_user("bob", None).await.unwrap().to_string();
    let carol = runtime.add_user("carol", None).await.unwrap().to_string();
    let bridge = capsule(&place, &runtime, "bridge", "identity = [\"link\"]").await;
    assert_eq!(said(&identity(&bridge, "alice", link("@b", &bob), "link").await), "CapabilityDenied");
    assert_eq!(identity(&bridge, "alice", link("@c", &carol), "link").await, json!({ "ok": null }));
}

// identity case 22
#[tokio::test]
async fn users_outlive_a_restart_and_an_operator_lists_and_deletes_them() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let admin = capsule(&place, &runtime, "admin", "identity = [\"admin\"]").await;
    let created = identity(&admin, "alice", json!({ "name": "Ada" }), "create").await;
    let ada = created["ok"].as_str().unwrap().to_owned();
    identity(&admin, "alice", link("@a", &ada), "link").await;
    runtime.shutdown().await;
    drop((admin, runtime));

    let runtime = place.runtime().await;
    let users = runtime.users().await.unwrap();
    let [ada_now] = &*users else { panic!("{users:?}") };
    assert_eq!((ada_now.user.id.to_string(), ada_now.user.principal.as_str()), (ada.clone(), "ada"));
    let [linked] = &*ada_now.links else { panic!("{ada_now:?}") };
    assert_eq!(
        (linked.account.user.as_str(), linked.made_by.capsule.as_ref().unwrap().as_str()),
        ("@a", "admin")
    );
    let admin = capsule(&place, &runtime, "admin", "identity = [\"admin\"]").await;
    assert_eq!(said(&identity(&admin, "alice", account("@a"), "resolve").await), ada);

    assert_eq!(runtime.delete_user(&ada).await.unwrap(), 1);
    assert_eq!(said(&identity(&admin, "alice", account("@a"), "resolve").await), "LinkNotFound");
    assert_eq!(said(&identity(&admin, "alice", link("@a", &ada), "link").await), "UserNotFound");
    assert_eq!(runtime.delete_user(&ada).await.unwrap_err().code(), Code::NotFound);
    assert!(runtime.users().await.unwrap().is_empty());
    let twice = (runtime.add_user("bob", None).await, runtime.add_user("bob", None).await);
    assert!(twice.0.is_ok() && twice.1.unwrap_err().to_string().contains("principal 'bob'"));
}

// identity case 23
#[tokio::test]
async fn a_store_that_cannot_be_read_takes_nothing_else_down_and_is_back_with_a_good_file() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let user = runtime.add_user("bob", None).await.unwrap().to_string();
    runtime.shutdown().await;
    drop(runtime);
    let file = place.home().join("state/identity/data");
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, vec![0x5a; good.len()]).unwrap();

    let runtime = place.runtime().await;
    let admin = capsule(&place, &runtime, "admin", "identity = [\"admin\"]").await;
    for (op, input) in [
        ("resolve", account("@a")),
        ("link", link("@a", &user)),
        ("unlink", account("@a")),
        ("create", json!({})),
        ("list", json!({ "user": user })),
    ] {
        assert_eq!(said(&identity(&admin, "alice", input, op).await), "StoreUnavailable", "{op}");
    }
    assert!(runtime.users().await.is_err() && runtime.add_user("carol", None).await.is_err());
    ask(&admin, "alice", "set", json!({ "key": "k", "value": "v" })).await;
    assert_eq!(ask(&admin, "alice", "list", json!({})).await, json!({ "ok": ["k"] }));
    runtime.shutdown().await;
    drop((admin, runtime));

    std::fs::write(&file, good).unwrap();
    let runtime = place.runtime().await;
    let admin = capsule(&place, &runtime, "admin", "identity = [\"admin\"]").await;
    assert_eq!(identity(&admin, "alice", link("@a", &user), "link").await, json!({ "ok": null }));
}

// identity case 31
#[tokio::test]
async fn neither_keys_nor_files_of_a_guest_reach_the_store() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let user = runtime.add_user("default", None).await.unwrap().to_string();
    let admin = capsule(&place, &runtime, "admin", "identity = [\"admin\"]").await;
    identity(&admin, "default", link("@op", &user), "link").await;
    for who in ["default", "alice"] {
        assert_eq!(ask(&admin, who, "list", json!({})).await, json!({ "ok": [] }), "{who}");
    }
    // The workspace of these tests holds the home, and the manifest reads all of the workspace.
    let read = async |path: &str| ask(&admin, "default", "read", json!({ "path": path })).await;
    std::fs::write(place.path("readable"), "yes").unwrap();
    assert_eq!(read("cwd://readable").await, json!({ "ok": "yes" }));
    for path in ["home/state/identity/data", "home/state/identity/format", "home/etc/identity.key"] {
        assert!(place.path(path).exists(), "{path}");
        let refused = read(&format!("cwd://{path}")).await;
        assert!(refused["err"].as_str().unwrap().contains("CapabilityDenied"), "{path}: {refused}");
    }
}

// uplink cases 15, 24; identity case 9
#[tokio::test]
async fn an_uplink_brings_in_messages_of_linked_accounts_until_they_are_unlinked() {
    let place = Place::new();
    place.profile("ada", "");
    let runtime = place.builder(|_| {}).inbound_to_embedder(true).build().await.unwrap();
    let ada = runtime.add_user("ada", None).await.unwrap().to_string();
    let both = "uplink = true, identity = [\"link\"]";
    let (bridge, other) =
        (capsule(&place, &runtime, "bridge", both).await, capsule(&place, &runtime, "other", both).await);
    let agent = "[subscribe]\n\"user.v1.prompt\" = { wit = \"opaque\", handler = \"noop\" }\n";
    runtime.load(place.capsule("agent", &guest("probe"), agent)).await.unwrap();
    let mut inbound = runtime.take_inbound("bridge").unwrap();
    let open = json!({ "name": "Tg", "platform": "CHAT", "profile": "chat" });
    let id = ask(&bridge, "default", "register", open.clone()).await;
    let others = ask(&other, "default", "register", open).await;
    let send = async |through: &Arc<dyn Capsule>, id: &Value| {
        let message = json!({ "id": id["ok"], "user": "@a", "content": "hello" });
        ask(through, "default", "send", message).await
    };
    assert_eq!(send(&bridge, &id).await, json!({ "ok": false }), "nobody is linked");
    assert_eq!(identity(&bridge, "default", link("@a", &ada), "link").await, json!({ "ok": null }));
    assert_eq!(send(&bridge, &id).await, json!({ "ok": true }));
    assert_eq!(inbound.recv().await.unwrap().principal.as_str(), "ada");
    assert_eq!(send(&other, &others).await, json!({ "ok": false }), "another capsule made the link");
    assert_eq!(identity(&bridge, "default", account("@a"), "unlink").await, json!({ "ok": null }));
    assert_eq!(send(&bridge, &id).await, json!({ "ok": false }), "at once");
}

// uplink case 25
#[tokio::test]
async fn an_uplink_says_when_the_identity_store_is_not_there() {
    let place = Place::new();
    let state = place.home().join("state");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("identity"), "no directory").unwrap();
    let runtime = place.runtime().await;
    let bridge = capsule(&place, &runtime, "bridge", "uplink = true").await;
    let open = json!({ "name": "Tg", "platform": "chat", "profile": "chat" });
    let id = ask(&bridge, "default", "register", open).await;
    let message = json!({ "id": id["ok"], "user": "@a", "content": "hello" });
    let refused = ask(&bridge, "default", "send", message).await;
    assert!(refused["err"].as_str().unwrap().contains("identity store unavailable"), "{refused}");
}
