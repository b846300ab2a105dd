//! A guest that works on files: each handler does one thing to the path it is given.

use astrid_sys::astrid::fs::host as fs;
use astrid_sys::{CapsuleResult, Guest};
use serde_json::{Value, json};

struct Scribe;

impl Guest for Scribe {
    fn astrid_hook_trigger(action: String, payload: Vec<u8>) -> CapsuleResult {
        let input: Value = serde_json::from_slice(&payload).unwrap_or(Value::Null);
        let text = |key: &str| input.get(key).and_then(Value::as_str).unwrap_or_default();
        match action.as_str() {
            "write" => done(fs::write_file(text("path"), text("content").as_bytes())),
            "read" => done(fs::read_file(text("path")).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())),
            "list" => done(fs::fs_readdir(text("path"))),
            "unlink" => done(fs::fs_unlink(text("path"))),
            other => CapsuleResult { action: "deny".to_owned(), data: Some(format!("no handler {other}")) },
        }
    }

    fn run() {}
    fn astrid_install() {}
    fn astrid_upgrade() {}
}

/// `final` with `{"ok": …}` or `{"err": "<name of the case>"}`.
fn done<T: serde::Serialize, E: std::fmt::Debug>(result: Result<T, E>) -> CapsuleResult {
    let said = match result {
        Ok(value) => json!({ "ok": value }),
        Err(error) => json!({ "err": format!("{error:?}") }),
    };
    CapsuleResult { action: "final".to_owned(), data: Some(said.to_string()) }
}

astrid_sys::export!(Scribe with_types_in astrid_sys);
