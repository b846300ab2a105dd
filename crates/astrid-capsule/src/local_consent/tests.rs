//! Prompts, and which answers to them count.

use std::time::SystemTime;

use astrid_airlock::Host;
use astrid_event_bus::{AccessPattern, Charset, Draft, Observer, Payload, Topic};
use astrid_host_context::{Attribution, CallContext, Caller, Provenance, Trail, Transport};

use serde_json::{Value, json};

use super::*;

const CAPSULE: Uuid = Uuid::from_u128(7);
const OWNER: Uuid = Uuid::from_u128(8);

fn call(who: &str) -> CallContext {
    let attribution = Attribution::Verified(who.parse().unwrap());
    let provenance = Provenance {
        transport: Transport::LocalSocket,
        request_owner: Some(OWNER),
        ..Provenance::of(attribution)
    };
    let caller = Caller { provenance, source: Uuid::nil(), at: SystemTime::now(), trail: Trail::default() };
    let builder = CallContext::builder(CapsuleId::parse("fetch").unwrap()).capsule_uuid(CAPSULE);
    builder.principal(who.parse().unwrap()).caller(Some(caller)).build()
}

struct Desk {
    asks: Arc<AskOnBus>,
    grants: Grants,
    bus: Bus,
    prompts: Observer,
}

impl Desk {
    fn new() -> Self {
        let (bus, grants) = (Bus::new(), Grants::default());
        let prompts = bus.observe(AccessPattern::parse(TOPIC, Charset::Token).unwrap());
        Self {
            asks: Arc::new(AskOnBus::new(bus.clone(), grants.clone(), Arc::default())),
            grants,
            bus,
            prompts,
        }
    }

    fn ask(&self, who: &str) -> tokio::task::JoinHandle<bool> {
        let (asks, call) = (self.asks.clone(), call(who));
        tokio::spawn(async move {
            let host = Host::parse("127.0.0.1").unwrap();
            asks.ask(Wish { call: &call, host: &host, port: 80 }).await
        })
    }

    async fn prompt(&mut self) -> Value {
        serde_json::from_slice(self.prompts.recv().await.unwrap().payload().bytes()).unwrap()
    }

    fn reply(&self, prompt: &Value, decision: &str, who: &str, owner: Uuid, source: Uuid) {
        let id = prompt["request_id"].as_str().unwrap();
        let body = json!({ "type": "approval_response", "request_id": id, "decision": decision });
        let provenance = Provenance {
            request_owner: Some(owner),
            ..Provenance::of(Attribution::Verified(who.parse().unwrap()))
        };
        let topic = Topic::host(&format!("{REPLIES}.{id}")).unwrap();
        let payload = Payload::parse(body.to_string()).unwrap();
        self.bus.announce(Draft::new(topic, payload, provenance).source(source));
    }
}

// http case 52
#[tokio::test]
async fn the_prompt_is_the_contracts_and_once_is_once() {
    let mut desk = Desk::new();
    for _ in 0..2 {
        let asked = desk.ask("alice");
        let prompt = desk.prompt().await;
        let keys: Vec<_> = prompt.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["action", "reason", "request_id", "request_owner", "resource", "type"]);
        assert_eq!(
            (&prompt["type"], &prompt["resource"]),
            (&json!("approval_required"), &json!("127.0.0.1:80"))
        );
        assert_eq!(prompt["request_owner"], OWNER.to_string());
        assert!(prompt["reason"].as_str().unwrap().contains("'fetch'"));
        desk.reply(&prompt, "approve", "alice", OWNER, Uuid::nil());
        assert!(asked.await.unwrap());
    }
    assert_eq!(desk.asks.places.taken(), 0);
}

// http case 52
#[tokio::test]
async fn answers_of_others_do_not_count_and_the_right_one_still_does() {
    let mut desk = Desk::new();
    let asked = desk.ask("alice");
    let prompt = desk.prompt().await;
    desk.reply(&prompt, "approve", "bob", OWNER, Uuid::nil());
    desk.reply(&prompt, "approve", "alice", Uuid::from_u128(9), Uuid::nil());
    // The capsule that asks may not answer itself.
    desk.reply(&prompt, "approve", "alice", OWNER, CAPSULE);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(!asked.is_finished());
    desk.reply(&prompt, "no such word", "alice", OWNER, Uuid::nil());
    assert!(!asked.await.unwrap());
}

// http case 52
#[tokio::test]
async fn a_session_lasts_until_its_principal_is_gone() {
    let mut desk = Desk::new();
    let asked = desk.ask("alice");
    let prompt = desk.prompt().await;
    desk.reply(&prompt, "approve_session", "alice", OWNER, Uuid::nil());
    assert!(asked.await.unwrap());
    assert!(desk.ask("alice").await.unwrap(), "remembered");
    assert!(desk.prompts.try_recv().unwrap().is_none());
    let bob = desk.ask("bob");
    let prompt = desk.prompt().await;
    desk.reply(&prompt, "deny", "bob", OWNER, Uuid::nil());
    assert!(!bob.await.unwrap(), "it is alice's");
    desk.grants.forget(&"alice".parse().unwrap());
    let again = desk.ask("alice");
    desk.prompt().await;
    assert!(!again.is_finished());
    again.abort();
}

#[tokio::test]
async fn four_prompts_of_a_capsule_wait_and_the_fifth_is_refused() {
    let mut desk = Desk::new();
    let mut waiting = Vec::new();
    for _ in 0..4 {
        waiting.push(desk.ask("alice"));
        desk.prompt().await;
    }
    assert!(!desk.ask("alice").await.unwrap());
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    for ended in waiting {
        assert!(ended.await.unwrap_err().is_cancelled());
    }
    assert_eq!(desk.asks.places.taken(), 0);
}
