//! A guest that runs a list of kv calls it is sent, and says what each answered.
//!
//! A text or a value may be long, so a script can write `{"repeat": "é", "times": 128}` for a text and
//! `{"size": 1048576, "byte": 7}` for a value, and long values come back in that form.

use astrid_sys::astrid::kv::host::{self as kv, ErrorCode};
use astrid_sys::{CapsuleResult, Guest};
use serde_json::{Map, Value, json};

/// Values up to here come back as text, if they are.
const SHOWN: usize = 64;

struct KvTest;

impl Guest for KvTest {
    fn astrid_hook_trigger(action: String, payload: Vec<u8>) -> CapsuleResult {
        if action != "script" {
            return CapsuleResult { action: "deny".to_owned(), data: Some("only script".to_owned()) };
        }
        let said = match serde_json::from_slice::<Vec<Map<String, Value>>>(&payload) {
            Ok(steps) => steps.iter().map(step).collect::<Vec<_>>(),
            Err(error) => vec![json!({ "script": error.to_string() })],
        };
        CapsuleResult { action: "final".to_owned(), data: Some(Value::from(said).to_string()) }
    }

    fn run() {}
    fn astrid_install() {}
    fn astrid_upgrade() {}
}

fn step(step: &Map<String, Value>) -> Value {
    let of = |name: &str| step.get(name).unwrap_or(&Value::Null);
    let (key, prefix) = (text(of("key")), text(of("prefix")));
    let number = |name: &str| of(name).as_u64().unwrap_or_default();
    match of("do").as_str().unwrap_or_default() {
        "get" => said(kv::kv_get(&key), |value| value.map_or(Value::Null, |value| shown(&value))),
        "set" => said(kv::kv_set(&key, &bytes(of("value"))), Value::from),
        "delete" => said(kv::kv_delete(&key), Value::from),
        "list" => said(kv::kv_list_keys(&prefix), Value::from),
        "page" => {
            let cursor = step.get("cursor").filter(|cursor| !cursor.is_null()).map(text);
            said(kv::kv_list_keys_page(&prefix, cursor.as_deref(), number("limit") as u32), |page| {
                json!({ "keys": page.keys, "next": page.next_cursor })
            })
        }
        "clear" => said(kv::kv_clear_prefix(&prefix), Value::from),
        "cas" => {
            let expected = step.get("expected").filter(|expected| !expected.is_null()).map(bytes);
            said(kv::kv_cas(&key, expected.as_deref(), &bytes(of("new"))), Value::from)
        }
        "fill" => fill(&prefix, number("from"), number("count"), &bytes(of("value"))),
        "drain" => said(
            (number("from")..number("from") + number("count")).try_for_each(|n| kv::kv_delete(&numbered(&prefix, n))),
            Value::from,
        ),
        "until-refused" => until_refused(&prefix, &bytes(of("value"))),
        "walk" => walk(&prefix, number("limit") as u32),
        "add" => add(&key, number("times")),
        other => json!({ "step": other }),
    }
}

/// Sets that many keys, numbered from `from`.
fn fill(prefix: &str, from: u64, count: u64, value: &[u8]) -> Value {
    said((from..from + count).try_for_each(|n| kv::kv_set(&numbered(prefix, n), value)), Value::from)
}

fn numbered(prefix: &str, n: u64) -> String {
    format!("{prefix}{n:06}")
}

/// Sets key after key until one is refused: how many were set, and why no more.
fn until_refused(prefix: &str, value: &[u8]) -> Value {
    let mut count = 0;
    loop {
        match kv::kv_set(&numbered(prefix, count), value) {
            Ok(()) => count += 1,
            Err(error) => return json!({ "count": count, "refused": failed(error) }),
        }
    }
}

/// Every page from the first to the one without a cursor: their sizes, and whether all keys together ascend.
fn walk(prefix: &str, limit: u32) -> Value {
    let (mut cursor, mut pages, mut last, mut ascending) = (None::<String>, Vec::new(), String::new(), true);
    loop {
        let page = match kv::kv_list_keys_page(prefix, cursor.as_deref(), limit) {
            Ok(page) => page,
            Err(error) => return failed(error),
        };
        pages.push(page.keys.len());
        for key in page.keys {
            ascending &= last < key;
            last = key;
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return json!({ "ok": { "pages": pages, "ascending": ascending } });
        }
    }
}

/// Counts a number up by compare-and-set until it succeeded `times` times; says how often it tried.
fn add(key: &str, times: u64) -> Value {
    let (mut done, mut tries) = (0, 0_u64);
    while done < times {
        let before = match kv::kv_get(key) {
            Ok(before) => before,
            Err(error) => return failed(error),
        };
        let number = before.as_deref().and_then(|text| std::str::from_utf8(text).ok()?.parse::<u64>().ok());
        let next = (number.unwrap_or(0) + 1).to_string();
        tries += 1;
        match kv::kv_cas(key, before.as_deref(), next.as_bytes()) {
            Ok(()) => done += 1,
            Err(ErrorCode::CasMismatch) => {}
            Err(error) => return failed(error),
        }
    }
    json!({ "ok": tries })
}

fn said<T>(result: Result<T, ErrorCode>, show: impl FnOnce(T) -> Value) -> Value {
    result.map_or_else(failed, |value| json!({ "ok": show(value) }))
}

/// By the names of the contract.
fn failed(error: ErrorCode) -> Value {
    match error {
        ErrorCode::InvalidKey => json!({ "err": "invalid-key" }),
        ErrorCode::TooLarge => json!({ "err": "too-large" }),
        ErrorCode::Quota => json!({ "err": "quota" }),
        ErrorCode::CasMismatch => json!({ "err": "cas-mismatch" }),
        ErrorCode::Unknown(text) => json!({ "err": "unknown", "text": text }),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Object(of) => {
            let times = of.get("times").and_then(Value::as_u64).unwrap_or_default();
            of.get("repeat").and_then(Value::as_str).unwrap_or_default().repeat(times as usize)
        }
        value => value.as_str().unwrap_or_default().to_owned(),
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Object(of) => {
            let number = |name| of.get(name).and_then(Value::as_u64).unwrap_or_default();
            vec![number("byte") as u8; number("size") as usize]
        }
        value => value.as_str().unwrap_or_default().as_bytes().to_vec(),
    }
}

fn shown(value: &[u8]) -> Value {
    match std::str::from_utf8(value) {
        Ok(text) if value.len() <= SHOWN => Value::from(text),
        _ if value.iter().all(|byte| Some(byte) == value.first()) => {
            json!({ "size": value.len(), "byte": value.first() })
        }
        _ => json!({ "size": value.len(), "mixed": true }),
    }
}

astrid_sys::export!(KvTest with_types_in astrid_sys);
