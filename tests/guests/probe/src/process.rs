//! Child processes: run to their end, and kept by a handle in guest memory.

use std::sync::Mutex;

use astrid_sys::CapsuleResult;
use astrid_sys::astrid::process1_1_0::host as process;
use serde_json::{Value, json};

use crate::{done, text};

/// A child of an earlier call.
static CHILD: Mutex<Option<process::ProcessHandle>> = Mutex::new(None);

pub(crate) fn run(input: &Value) -> CapsuleResult {
    done(process::spawn(&request(input)).map(|ended| {
        json!({ "stdout": ended.stdout, "stderr": ended.stderr, "code": ended.exit.exit_code, "signal": ended.exit.signal })
    }))
}

pub(crate) fn start(input: &Value) -> CapsuleResult {
    done(process::spawn_background(&request(input)).map(|child| *CHILD.lock().unwrap() = Some(child)))
}

/// Lets the child end by closing its input, and takes what it wrote.
pub(crate) fn finish() -> CapsuleResult {
    let Some(child) = CHILD.lock().unwrap().take() else { return done::<_, ()>(Ok("no child")) };
    done(child.close_stdin().and_then(|()| child.wait_with_output(Some(60_000))).map(|ended| ended.stdout))
}

fn request(input: &Value) -> process::SpawnRequest {
    let args = input["args"].as_array().map(Vec::as_slice).unwrap_or_default();
    process::SpawnRequest {
        cmd: text(input, "cmd").to_owned(),
        args: args.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        stdin: None,
        env: Vec::new(),
        cwd: input["cwd"].as_str().map(str::to_owned),
        limits: None,
        file_injections: Vec::new(),
        label: None,
        keep_stdin_open: None,
        overflow: None,
        log_ring_bytes: None,
        max_lifetime_ms: None,
        idle_timeout_ms: None,
        exit_retention_ms: None,
    }
}
