//! A guest with a run loop. What the loop does is the configuration key `mode`.

mod sockets;

use std::sync::atomic::{AtomicU64, Ordering};

use astrid_sys::astrid::http1_1_0::host as http;
use astrid_sys::astrid::ipc::host as ipc;
use astrid_sys::astrid::kv::host as kv;
use astrid_sys::astrid::net::host as net;
use astrid_sys::astrid::request_context::host as request_context;
use astrid_sys::astrid::sys::host as sys;
use astrid_sys::{CapsuleResult, Guest};

struct Looper;

/// How many messages the loop of this instance answered.
static ANSWERED: AtomicU64 = AtomicU64::new(0);

impl Guest for Looper {
    fn astrid_hook_trigger(action: String, _payload: Vec<u8>) -> CapsuleResult {
        if action == "kept" {
            let said = serde_json::json!({ "store": store(""), "answered": ANSWERED.load(Ordering::Relaxed) });
            return CapsuleResult { action: "final".to_owned(), data: Some(said.to_string()) };
        }
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
            "trap" => {
                sys::log(sys::LogLevel::Info, "about to trap");
                core::arch::wasm32::unreachable()
            }
            "ready-then-return" => sys::signal_ready(),
            "spin-and-recv" => spin_and_recv(),
            "accept" => accept(),
            "stream" => stream(),
            "build" => build(),
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
            ANSWERED.fetch_add(1, Ordering::Relaxed);
            let _ = ipc::publish("looper.v1.answer", &answer.to_string());
        }
    }
}

/// Computes for the configured time between two looks for messages, which it never waits for.
fn spin_and_recv() {
    let ms = sys::get_config("spin_ms").ok().flatten().and_then(|ms| ms.parse::<u64>().ok()).unwrap_or(1_000);
    let Ok(asked) = ipc::subscribe("looper.v1.ask") else { return };
    sys::signal_ready();
    while asked.recv(0).is_ok() {
        let until = sys::clock_monotonic_ns() + ms * 1_000_000;
        while sys::clock_monotonic_ns() < until {
            for n in 0..1_000_000u32 {
                std::hint::black_box(n);
            }
        }
    }
}

/// Says of each local client who it is proven to be, and passes its first frame on in its name.
fn accept() {
    let Ok(listener) = net::bind_unix() else { return };
    sys::signal_ready();
    let mut clients = Vec::new();
    while let Ok(client) = listener.accept() {
        let proven = request_context::connection_principal(&client).ok().flatten();
        let readable = client.subscribe_readable();
        let frame = loop {
            let _ = readable.block();
            match client.read() {
                Ok(net::NetReadStatus::Data(frame)) => break frame,
                Ok(net::NetReadStatus::Pending) => {}
                Ok(net::NetReadStatus::Closed) | Err(_) => break Vec::new(),
            }
        };
        let said = serde_json::json!({ "proven": proven, "frame": String::from_utf8_lossy(&frame) });
        let _ =
            ipc::publish_as("looper.v1.answer", &said.to_string(), proven.as_deref().unwrap_or("anonymous"));
        drop(readable);
        clients.push(client);
    }
}

/// Opens a response for each message that names a `url` and keeps it, and reads on from the one that a
/// message numbers with `read`.
fn stream() {
    let Ok(asked) = ipc::subscribe("looper.v1.ask") else { return };
    sys::signal_ready();
    let mut kept: Vec<http::HttpStream> = Vec::new();
    while let Ok(envelope) = asked.recv(60_000) {
        for message in envelope.messages {
            let input: serde_json::Value = serde_json::from_str(&message.payload).unwrap_or_default();
            if let Some(url) = input["url"].as_str() {
                let request = http::HttpRequestData {
                    url: url.to_owned(),
                    method: http::HttpMethod::Get,
                    headers: Vec::new(),
                    body: None,
                };
                match http::http_stream_start(&request) {
                    Ok(stream) => kept.push(stream),
                    Err(error) => {
                        let said = serde_json::json!({ "err": format!("{error:?}") });
                        let _ = ipc::publish("looper.v1.answer", &said.to_string());
                        continue;
                    }
                }
            }
            let at = input["read"].as_u64().map_or(kept.len().saturating_sub(1), |at| at as usize);
            let said = match kept.get(at).map(|stream| stream.read_chunk()) {
                Some(Ok(chunk)) => serde_json::json!({ "stream": at, "bytes": chunk.len() }),
                Some(Err(error)) => serde_json::json!({ "stream": at, "err": format!("{error:?}") }),
                None => serde_json::json!({ "err": "no such stream" }),
            };
            let _ = ipc::publish("looper.v1.answer", &said.to_string());
        }
    }
}

/// Asks others before it answers, as whoever builds a prompt does: the answer tells what they said.
fn build() {
    let Ok(asked) = ipc::subscribe("looper.v1.ask") else { return };
    sys::signal_ready();
    while let Ok(envelope) = asked.recv(60_000) {
        for message in envelope.messages {
            let input: serde_json::Value = serde_json::from_str(&message.payload).unwrap_or_default();
            let topic = format!("looper.v1.reply.{}", input["n"].as_str().unwrap_or_default());
            let Ok(replies) = ipc::subscribe(&topic) else { continue };
            let hook = serde_json::json!({ "topic": topic, "payload": { "of": input["who"] } });
            let _ = ipc::publish("looper.v1.hook", &hook.to_string());
            let reply = replies.recv(5_000).ok().and_then(|e| e.messages.into_iter().next());
            let reply: Option<serde_json::Value> = reply.and_then(|m| serde_json::from_str(&m.payload).ok());
            let answer =
                serde_json::json!({ "n": input["n"], "who": input["who"], "reply": reply, "caller": who() });
            let _ = ipc::publish("looper.v1.answer", &answer.to_string());
        }
    }
}

/// Keeps a text, or tells what is kept where it is asked for nothing.
fn store(payload: &str) -> serde_json::Value {
    match serde_json::from_str::<String>(payload) {
        Ok(text) => serde_json::json!({ "set": kv::kv_set("kept", text.as_bytes()).is_ok() }),
        Err(_) => {
            let kept =
                kv::kv_get("kept").map(|kept| kept.map(|kept| String::from_utf8_lossy(&kept).into_owned()));
            serde_json::json!({ "get": kept.map_err(|error| format!("{error:?}")) })
        }
    }
}

fn who() -> String {
    sys::get_caller().ok().and_then(|c| c.principal).unwrap_or_default()
}

astrid_sys::export!(Looper with_types_in astrid_sys);
