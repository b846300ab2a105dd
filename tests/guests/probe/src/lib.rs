//! A guest whose handlers do one thing each, named by the action: the runtime's tests call them.

mod process;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use astrid_sys::astrid::approval::host as approval;
use astrid_sys::astrid::fs::host as fs;
use astrid_sys::astrid::http1_1_0::host as http;
use astrid_sys::astrid::identity::host as identity;
use astrid_sys::astrid::io::poll;
use astrid_sys::astrid::ipc::host as ipc;
use astrid_sys::astrid::kv::host as kv;
use astrid_sys::astrid::sys::host as sys;
use astrid_sys::astrid::net::host as net;
use astrid_sys::astrid::uplink::host as uplink;
use astrid_sys::{CapsuleResult, Guest};
use serde_json::{Value, json};

struct Probe;

/// Lives in guest memory from call to call.
static MARKER: AtomicU64 = AtomicU64::new(0);

/// A handle that the guest keeps in its memory from call to call.
static KEPT: Mutex<Option<ipc::Subscription>> = Mutex::new(None);

impl Guest for Probe {
    fn astrid_hook_trigger(action: String, payload: Vec<u8>) -> CapsuleResult {
        let input: Value = serde_json::from_slice(&payload).unwrap_or(Value::Null);
        match action.as_str() {
            "noop" => answer("continue", None),
            "echo" => answer("final", Some(String::from_utf8_lossy(&payload).into_owned())),
            "say" => answer(text(&input, "action"), input.get("data").and_then(Value::as_str).map(str::to_owned)),
            "trap" => core::arch::wasm32::unreachable(),
            "spin" => loop {
                std::hint::black_box(MARKER.load(Ordering::Relaxed));
            },
            "hog" => {
                let mut kept = Vec::new();
                loop {
                    kept.push(std::hint::black_box(vec![1u8; 1 << 20]));
                }
            }
            "burn" => burn(number(&input, "rounds")),
            "grow" => answer("final", Some(json!(grow(number(&input, "pages"))).to_string())),
            "marker" => {
                let before = MARKER.swap(number(&input, "set"), Ordering::Relaxed);
                answer("final", Some(json!(before).to_string()))
            }
            "set" => done(kv::kv_set(text(&input, "key"), text(&input, "value").as_bytes())),
            "get" => {
                let value = kv::kv_get(text(&input, "key"));
                done(value.map(|v| v.map(|v| String::from_utf8_lossy(&v).into_owned())))
            }
            "cas" => {
                let expected = input.get("expected").and_then(Value::as_str).map(str::as_bytes);
                done(kv::kv_cas(text(&input, "key"), expected, text(&input, "value").as_bytes()))
            }
            "list" => done(kv::kv_list_keys(text(&input, "prefix"))),
            "clear" => done(kv::kv_clear_prefix(text(&input, "prefix"))),
            "set-then-trap" => {
                let _ = kv::kv_set(text(&input, "key"), b"x");
                core::arch::wasm32::unreachable()
            }
            "publish" => done(ipc::publish(text(&input, "topic"), &input["payload"].to_string())),
            "publish-as" => {
                let payload = input["payload"].to_string();
                done(ipc::publish_as(text(&input, "topic"), &payload, text(&input, "principal")))
            }
            "fetch-again" => fetch_again(&input),
            "poll-two" => poll_two(&input),
            "flood" => {
                let payload = format!("\"{}\"", "x".repeat(number(&input, "bytes") as usize - 2));
                let published = (0..number(&input, "count"))
                    .take_while(|_| ipc::publish(text(&input, "topic"), &payload).is_ok())
                    .count();
                answer("final", Some(json!(published).to_string()))
            }
            "subscribe-leak" => {
                let made = (0..number(&input, "count"))
                    .take_while(|_| ipc::subscribe(text(&input, "topic")).map(std::mem::forget).is_ok());
                answer("final", Some(json!(made.count()).to_string()))
            }
            "subscribe-kept" => done(ipc::subscribe(text(&input, "topic")).map(|s| *KEPT.lock().unwrap() = Some(s))),
            "poll-kept" => match &*KEPT.lock().unwrap() {
                Some(kept) => done(kept.poll().map(|envelope| envelope.messages.len())),
                None => answer("final", Some(json!("nothing kept").to_string())),
            },
            "recv-then-caller" => {
                let envelope = ipc::subscribe(text(&input, "topic")).and_then(|s| {
                    let _ = ipc::publish("probe.v1.listening", "{}");
                    s.recv(number(&input, "timeout"))
                });
                let got = envelope.map(|e| e.messages.len());
                let _ = ipc::publish("probe.v1.heard", "{}");
                let caller = sys::get_caller().map(|c| c.principal).unwrap_or_default();
                answer("final", Some(json!({ "got": format!("{got:?}"), "caller": caller }).to_string()))
            }
            "caller" => done(sys::get_caller().map(|c| json!([c.principal, c.source_id, c.timestamp]))),
            "sleep-then-set" => {
                let _ = ipc::publish("probe.v1.listening", "{}");
                let slept = sys::sleep_ns(number(&input, "ns"));
                let _ = kv::kv_set(text(&input, "key"), b"x");
                done(slept)
            }
            "sleep" => done(sys::sleep_ns(number(&input, "ns"))),
            "register" => {
                let profile = match text(&input, "profile") {
                    "interactive" => uplink::UplinkProfile::Interactive,
                    "notify" => uplink::UplinkProfile::Notify,
                    "bridge" => uplink::UplinkProfile::Bridge,
                    _ => uplink::UplinkProfile::Chat,
                };
                done(uplink::uplink_register(text(&input, "name"), text(&input, "platform"), profile))
            }
            "send" => done(uplink::uplink_send(text(&input, "id"), text(&input, "user"), text(&input, "content"))),
            "identity" => identify(&input),
            "connect" => {
                let port = number(&input, "port") as u16;
                done(net::connect_tcp(text(&input, "host"), port).map(|_| true))
            }
            "hold" => {
                let held = net::connect_tcp(text(&input, "host"), number(&input, "port") as u16);
                let _ = ipc::publish("probe.v1.listening", "{}");
                let _ = sys::sleep_ns(60_000_000_000);
                done(held.map(|_| true))
            }
            "write" => done(fs::write_file(text(&input, "path"), &vec![b'x'; number(&input, "bytes") as usize])),
            "read" => done(fs::read_file(text(&input, "path")).map(|v| String::from_utf8_lossy(&v).into_owned())),
            "hop" => hop(&input),
            "approve" => approve(&input),
            "reply" => reply(&input),
            "process-run" => process::run(&input),
            "process-start" => process::start(&input),
            "process-finish" => process::finish(),
            "config" => done(sys::get_config(text(&input, "key"))),
            "capabilities" => answer("final", Some(json!(sys::enumerate_capabilities()).to_string())),
            "log" => {
                sys::log(sys::LogLevel::Info, text(&input, "text"));
                answer("continue", None)
            }
            other => answer("deny", Some(format!("unknown hook action: {other}"))),
        }
    }

    fn run() {}
    fn astrid_install() {}
    fn astrid_upgrade() {}
}

/// What a client wrote into its frame, or the input itself.
fn said(input: &Value) -> Value {
    let framed = input.get("frame").and_then(Value::as_str).and_then(|frame| serde_json::from_str(frame).ok());
    framed.unwrap_or_else(|| input.clone())
}

/// Passes on what asks for consent, to the topic of the configuration key `next`.
fn hop(input: &Value) -> CapsuleResult {
    if said(input)["resource"].is_string() {
        let next = sys::get_config("next").ok().flatten().unwrap_or_default();
        let _ = ipc::publish(&next, &input.to_string());
    }
    answer("continue", None)
}

/// Asks for consent to a `git push`, and says on the bus too what was decided.
fn approve(input: &Value) -> CapsuleResult {
    let target_resource = text(&said(input), "resource").to_owned();
    let request = approval::ApprovalRequest { action: "git push".to_owned(), target_resource };
    let decided = match approval::request_approval(&request) {
        Ok(response) => json!({ "ok": format!("{:?}", response.decision) }),
        Err(error) => json!({ "err": format!("{error:?}") }),
    };
    let _ = ipc::publish("probe.v1.approved", &decided.to_string());
    answer("final", Some(decided.to_string()))
}

/// Answers a prompt, for whoever it serves.
fn reply(input: &Value) -> CapsuleResult {
    let said = said(input);
    let id = text(&said, "id");
    let body = json!({ "type": "approval_response", "request_id": id, "decision": said["decision"] });
    done(ipc::publish(&format!("astrid.v1.approval.response.{id}"), &body.to_string()))
}

fn answer(action: &str, data: Option<String>) -> CapsuleResult {
    CapsuleResult { action: action.to_owned(), data }
}

/// `final` with `{"ok": …}` or `{"err": "<name of the case>"}`.
fn done<T: serde::Serialize, E: std::fmt::Debug>(result: Result<T, E>) -> CapsuleResult {
    let said = match result {
        Ok(value) => json!({ "ok": value }),
        Err(error) => json!({ "err": format!("{error:?}") }),
    };
    answer("final", Some(said.to_string()))
}

/// One function of the identity package, by the name that `op` gives.
fn identify(input: &Value) -> CapsuleResult {
    let [platform, platform_user_id, user] = ["platform", "account", "user"].map(|key| text(input, key).to_owned());
    match text(input, "op") {
        "create" => {
            let display_name = input.get("name").and_then(Value::as_str).map(str::to_owned);
            let request = identity::IdentityCreateUserRequest { display_name };
            done(identity::identity_create_user(&request).map(|created| created.user_id))
        }
        "link" => {
            let method = "chat_command".to_owned();
            let request =
                identity::IdentityLinkRequest { platform, platform_user_id, astrid_user_id: user, method };
            done(identity::identity_link(&request))
        }
        "unlink" => {
            done(identity::identity_unlink(&identity::IdentityUnlinkRequest { platform, platform_user_id }))
        }
        "resolve" => {
            let request = identity::IdentityResolveRequest { platform, platform_user_id };
            done(identity::identity_resolve(&request).map(|found| found.user_id))
        }
        _ => {
            let links = identity::identity_list_links(&user);
            done(links.map(|links| links.into_iter().map(|link| link.platform_user_id).collect::<Vec<_>>()))
        }
    }
}

/// Leaves the host, then publishes to itself until nothing is left, and says how that ended.
fn fetch_again(input: &Value) -> CapsuleResult {
    let get = http::HttpRequestData {
        url: text(input, "url").to_owned(),
        method: http::HttpMethod::Get,
        headers: Vec::new(),
        body: None,
    };
    let fetched = http::http_request(&get).map(|response| response.status);
    let left = number(input, "left");
    let mut next = input.clone();
    next["left"] = json!(left.saturating_sub(1));
    let published = if left > 0 { ipc::publish("probe.v1.fetch-again", &next.to_string()) } else { Ok(()) };
    if left == 0 || !matches!(fetched, Ok(200)) || published.is_err() {
        let said = json!({ "left": left, "fetched": format!("{fetched:?}"), "published": format!("{published:?}") });
        let _ = ipc::publish("probe.v1.ended", &said.to_string());
    }
    answer("continue", None)
}

/// Waits for a subscription and a silent connection at once, and drains what woke it.
fn poll_two(input: &Value) -> CapsuleResult {
    let (Ok(inbox), Ok(silent)) = (
        ipc::subscribe(text(input, "topic")),
        net::connect_tcp(text(input, "host"), number(input, "port") as u16),
    ) else {
        return answer("final", Some(json!("neither").to_string()));
    };
    let (message, bytes) = (inbox.subscribe_readiness(), silent.subscribe_readable());
    let fresh = message.ready();
    let _ = ipc::publish("probe.v1.listening", "{}");
    let woken = poll::poll(&[&message, &bytes]).ok();
    let still = message.ready();
    let drained = inbox.poll().map(|envelope| envelope.messages.len()).ok();
    let said = json!({ "fresh": fresh, "woken": woken, "still": still, "drained": drained, "after": message.ready() });
    answer("final", Some(said.to_string()))
}

fn burn(rounds: u64) -> CapsuleResult {
    let mut x = 1u64;
    for i in 0..rounds {
        x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(i));
    }
    answer("final", Some(json!(x).to_string()))
}

fn grow(pages: u64) -> i64 {
    match core::arch::wasm32::memory_grow::<0>(pages as usize) {
        usize::MAX => -1,
        before => before as i64,
    }
}

fn text<'a>(input: &'a Value, key: &str) -> &'a str {
    input.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(input: &Value, key: &str) -> u64 {
    input.get(key).and_then(Value::as_u64).unwrap_or_default()
}

astrid_sys::export!(Probe with_types_in astrid_sys);
