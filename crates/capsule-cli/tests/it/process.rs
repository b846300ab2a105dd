//! Processes of capsules, from the guest to a real sandbox: this program is the shim.
//!
//! Where a machine has neither bubblewrap nor Landlock nothing is started, which is then what these tests see.

use serde_json::{Value, json};

use crate::support::Ended;
use crate::support::place::Place;

/// What no sandbox at all is answered with.
const NONE: &str = "process sandbox unavailable";

fn called(place: &Place, calls: &[&str]) -> Ended {
    let calls: Vec<_> = calls.iter().flat_map(|call| ["--call", call]).collect();
    place.run(&[&["--workspace", "ws"], &*calls].concat())
}

/// The answers, a line each; none where there is no sandbox.
fn answers(place: &Place, calls: &[&str]) -> Option<Vec<Value>> {
    let said = called(place, calls).good();
    if said.contains(NONE) {
        eprintln!("not done: {said}");
        return None;
    }
    Some(said.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

// process cases 4, 17 and 71
#[test]
fn a_command_runs_in_the_workspace_and_sees_nothing_of_the_home_that_runs_it() {
    let place = Place::with_processes("[\"sh\"]");
    let script = "cat old; printf new > made; printf err >&2; cat \"$1\"/etc/cache.key; exit 3";
    let input = json!({ "cmd": "sh", "args": ["-c", script, "sh", place.home()] });
    let Some(said) = answers(&place, &[&format!("probe:process-run={input}")]) else { return };
    let ended = &said[0]["ok"];
    assert_eq!(
        (&ended["stdout"], &ended["code"], &ended["signal"]),
        (&json!("old"), &json!(3), &Value::Null)
    );
    assert!(ended["stderr"].as_str().unwrap().starts_with("err"), "{ended}");
    assert!(place.home().join("etc/cache.key").is_file());
    assert_eq!(std::fs::read_to_string(place.path().join("ws/made")).unwrap(), "new");
}

// process case 26, engines case 22
#[test]
fn a_child_of_one_call_is_reached_by_the_next_one_of_the_same_principal() {
    let place = Place::with_processes("[\"cat\"]");
    let input = json!({ "cmd": "cat", "args": ["old", "-"] });
    let calls =
        [&*format!("probe:process-start={input}"), "probe:process-finish={}", "probe:process-finish={}"];
    let Some(said) = answers(&place, &calls) else { return };
    assert_eq!(said, [json!({ "ok": null }), json!({ "ok": "old" }), json!({ "ok": "no child" })]);
}

// process cases 1 and 2
#[test]
fn a_command_that_the_manifest_does_not_list_is_denied() {
    let input = json!({ "cmd": "sh", "args": ["-c", "touch made"] });
    for place in [Place::with_processes("[\"git\"]"), Place::with_processes("[\"/bin/sh\"]")] {
        let said = called(&place, &[&format!("probe:process-run={input}")]).good();
        assert!(said.contains("CapabilityDenied"), "{said}");
        assert!(!place.path().join("ws/made").exists());
    }
}
