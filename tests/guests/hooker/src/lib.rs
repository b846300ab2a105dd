//! A guest whose install and upgrade hooks do what the configuration key `mode` says, and publish what they
//! saw on `hooker.v1.said`. Its handlers tell what is stored.

mod ask;

use astrid_sys::astrid::fs::host as fs;
use astrid_sys::astrid::ipc::host as ipc;
use astrid_sys::astrid::kv::host as kv;
use astrid_sys::astrid::sys::host as sys;
use astrid_sys::{CapsuleResult, Guest};
use serde_json::{Value, json};

struct Hooker;

impl Guest for Hooker {
    fn astrid_hook_trigger(action: String, payload: Vec<u8>) -> CapsuleResult {
        let input: Value = serde_json::from_slice(&payload).unwrap_or(Value::Null);
        let key = input["key"].as_str().unwrap_or_default();
        let said = match action.as_str() {
            "get" => json!(get(key)),
            "list" => json!(kv::kv_list_keys("").unwrap_or_default()),
            "set" => json!(kv::kv_set(key, input["value"].as_str().unwrap_or_default().as_bytes()).is_ok()),
            "ask" => ask::ask(&input),
            "ask-name" => {
                say(json!({ "answer": ask::ask(&json!({ "key": "name" })) }));
                json!(null)
            }
            "has-secret" => ask::has(key),
            "config" => json!(sys::get_config(key).ok().flatten()),
            _ => return CapsuleResult { action: "deny".to_owned(), data: None },
        };
        CapsuleResult { action: "final".to_owned(), data: Some(said.to_string()) }
    }

    fn run() {}

    fn astrid_install() {
        act("install");
    }

    fn astrid_upgrade() {
        act("upgrade");
    }
}

fn act(hook: &str) {
    let mode = config("mode").unwrap_or_default();
    let before = get("kept");
    let _ = kv::kv_set("kept", hook.as_bytes());
    let _ = kv::kv_set(&format!("{hook}.count"), b"1");
    let _ = kv::kv_delete("old");
    let written = fs::write_file("home://hooked", hook.as_bytes()).map_err(|error| format!("{error:?}"));
    say(json!({
        "hook": hook,
        "kept": [before, get("kept")],
        "prev_version": config("prev_version"),
        "config": config("plain"),
        "secret": config("token"),
        "caller": sys::get_caller().ok().and_then(|caller| caller.principal),
        "written": written,
    }));
    match mode.as_str() {
        "trap" => core::arch::wasm32::unreachable(),
        "ask" => questions(),
        "ask-then-trap" => {
            questions();
            core::arch::wasm32::unreachable()
        }
        "log" => sys::log(sys::LogLevel::Error, "something is wrong, and the hook returns all the same"),
        // Until its wait is ended, and then as if nothing were wrong.
        "wait" => while sys::sleep_ns(60_000_000_000).is_ok() {},
        "stubborn" => loop {
            let _ = sys::sleep_ns(60_000_000_000);
        },
        "spin" => loop {
            std::hint::black_box(&mode);
        },
        "burn" => {
            for n in 0..20_000_000u64 {
                std::hint::black_box(n);
            }
        }
        "hog" => {
            let mut kept = Vec::new();
            loop {
                kept.push(std::hint::black_box(vec![1u8; 1 << 20]));
            }
        }
        "fill" => {
            let stored = (0..1000).map(|n| kv::kv_set(&format!("fill.{n:04}"), &[0; 1000]));
            let (mut ok, mut refused) = (0, None);
            for one in stored {
                match one {
                    Ok(()) => ok += 1,
                    Err(error) => {
                        refused = Some(format!("{error:?}"));
                        break;
                    }
                }
            }
            say(json!({ "stored": ok, "refused": refused }));
        }
        "listen" => {
            let heard = ipc::subscribe("hooker.v1.in").and_then(|heard| {
                say(json!("listening"));
                heard.recv(60_000)
            });
            say(json!({ "heard": heard.map(|e| e.messages.len()).map_err(|error| format!("{error:?}")) }));
        }
        _ => {}
    }
}

/// Asks what the configuration key `questions` holds, and says each answer.
fn questions() {
    let questions: Vec<Value> = config("questions").and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    for question in questions {
        say(json!({ "asked": question["key"], "answer": ask::ask(&question) }));
    }
}

fn say(what: Value) {
    let _ = ipc::publish("hooker.v1.said", &what.to_string());
}

fn config(key: &str) -> Option<String> {
    sys::get_config(key).ok().flatten()
}

fn get(key: &str) -> Option<String> {
    let value = kv::kv_get(key).ok().flatten();
    value.map(|value| String::from_utf8_lossy(&value).into_owned())
}

astrid_sys::export!(Hooker with_types_in astrid_sys);
