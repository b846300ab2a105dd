//! A guest with a run loop. What the loop does is the configuration key `mode`.

mod sockets;

use astrid_sys::astrid::ipc::host as ipc;
use astrid_sys::astrid::kv::host as kv;
use astrid_sys::astrid::sys::host as sys;
use astrid_sys::{CapsuleResult, Guest};

struct Looper;

impl Guest for Looper {
    fn astrid_hook_trigger(action: String, _payload: Vec<u8>) -> CapsuleResult {
        CapsuleResult { action: "final".to_owned(), data: Some(format!("\"handled {action}\"")) }
    }

    fn run() {
        let mode = sys::get_config("mode").ok().flatten().unwrap_or_default();
        match mode.as_str() {
            "return" => sys::log(sys::LogLevel::Info, "leaving at once"),
            "spin" => {
                sys::signal_ready();
                loop {
                    std::hint::black_box(&mode);
                }
            }
            "busy-recv" => serve(&mode, 0),
            "tick" => serve(&mode, 100),
            "never-ready" => {
                let _ = sys::sleep_ns(60_000_000_000);
            }
            "ignore-cancel" => {
                sys::signal_ready();
                loop {
                    let _ = sys::sleep_ns(1_000_000);
                }
            }
            "tcp" => sockets::tcp(),
            "unix" => sockets::unix(),
            "ignore-closed" => {
                let Ok(asked) = ipc::subscribe("looper.v1.ask") else { return };
                sys::signal_ready();
                loop {
                    let _ = asked.recv(60_000);
                }
            }
            _ => serve(&mode, 60_000),
        }
    }

    fn astrid_install() {}
    fn astrid_upgrade() {}
}

/// Answers each message on the topic with who asked. `tick` also says who calls while nothing comes, and
/// `nested` first waits for a reply that never does.
fn serve(mode: &str, timeout_ms: u64) {
    let topic = sys::get_config("topic").ok().flatten().unwrap_or_else(|| "looper.v1.ask".to_owned());
    let Ok(asked) = ipc::subscribe(&topic) else { return };
    sys::signal_ready();
    while let Ok(envelope) = asked.recv(timeout_ms) {
        if mode == "tick" && envelope.messages.is_empty() {
            let _ = ipc::publish("looper.v1.answer", &serde_json::json!({ "idle": who() }).to_string());
        }
        for message in envelope.messages {
            if mode == "nested"
                && let Ok(reply) = ipc::subscribe("looper.v1.reply")
            {
                let _ = reply.recv(20);
            }
            let who = who();
            let answer = if mode == "store" {
                store(&message.payload)
            } else {
                serde_json::json!({ "asked": message.payload, "caller": who })
            };
            let _ = ipc::publish("looper.v1.answer", &answer.to_string());
        }
    }
}

/// Keeps a text, or tells what is kept where it is asked for nothing.
fn store(payload: &str) -> serde_json::Value {
    match serde_json::from_str::<String>(payload) {
        Ok(text) => serde_json::json!({ "set": kv::kv_set("kept", text.as_bytes()).is_ok() }),
        Err(_) => {
            let kept = kv::kv_get("kept").map(|kept| kept.map(|kept| String::from_utf8_lossy(&kept).into_owned()));
            serde_json::json!({ "get": kept.map_err(|error| format!("{error:?}")) })
        }
    }
}

fn who() -> String {
    sys::get_caller().ok().and_then(|c| c.principal).unwrap_or_default()
}

astrid_sys::export!(Looper with_types_in astrid_sys);
