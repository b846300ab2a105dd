//! What a handler's answer means for its chain.

use astrid_guest::{CapsuleResult, HookOutcome, MAX_ACTION, MAX_DATA, MAX_REASON, PayloadKind};

fn outcome(action: &str, data: Option<&str>) -> HookOutcome {
    let result = CapsuleResult { action: action.to_owned(), data: data.map(str::to_owned) };
    HookOutcome::from_result(result, PayloadKind::Json)
}

fn goes_on_with(data: Option<&str>) -> HookOutcome {
    HookOutcome::Continue { replacement: data.map(str::to_owned) }
}

fn denied(reason: &str) -> HookOutcome {
    HookOutcome::Deny { reason: reason.to_owned() }
}

// guest case 11
#[test]
fn continue_replaces_the_payload_only_with_data_that_is_not_empty() {
    assert_eq!(outcome("continue", None), goes_on_with(None));
    assert_eq!(outcome("continue", Some(r#"{"a":1}"#)), goes_on_with(Some(r#"{"a":1}"#)));
    assert_eq!(outcome("continue", Some("")), goes_on_with(None));
}

// guest case 12
#[test]
fn modify_final_and_deny_do_what_their_names_say() {
    assert_eq!(outcome("modify", Some(r#"{"b":2}"#)), goes_on_with(Some(r#"{"b":2}"#)));
    assert_eq!(outcome("modify", None), goes_on_with(None));
    assert_eq!(outcome("final", Some("x")), HookOutcome::Final { response: Some("x".to_owned()) });
    assert_eq!(outcome("final", None), HookOutcome::Final { response: None });
    assert_eq!(outcome("deny", None), denied("denied by interceptor"));
}

// guest case 13
#[test]
fn abort_denies_with_its_reason_and_unknown_words_go_on_without_replacement() {
    assert_eq!(outcome("abort", Some("r")), denied("r"));
    for word in ["CONTINUE", "", "retry", "Deny", " deny"] {
        let unknown = outcome(word, Some("{}"));
        assert_eq!(unknown, HookOutcome::Unknown { action: word.to_owned() });
        assert!(unknown.goes_on());
    }
}

// guest case 15
#[test]
fn a_replacement_that_is_not_json_is_a_deny_unless_the_topic_is_opaque() {
    assert_eq!(outcome("continue", Some("not json")), denied("invalid replacement payload"));
    assert_eq!(outcome("modify", Some("{} {}")), denied("invalid replacement payload"));
    let result = CapsuleResult { action: "modify".to_owned(), data: Some("not json".to_owned()) };
    assert_eq!(HookOutcome::from_result(result, PayloadKind::Opaque), goes_on_with(Some("not json")));
}

// guest case 15
#[test]
fn data_of_exactly_the_limit_passes_and_one_byte_more_is_a_deny() {
    let fits = format!("\"{}\"", "x".repeat(MAX_DATA - 2));
    assert_eq!(fits.len(), MAX_DATA);
    assert_eq!(outcome("continue", Some(&fits)), goes_on_with(Some(&fits)));
    let over = "x".repeat(MAX_DATA + 1);
    for word in ["continue", "final", "deny", "whatever"] {
        assert_eq!(outcome(word, Some(&over)), denied("oversized result"), "{word}");
    }
}

// guest case 15
#[test]
fn an_action_of_65_bytes_is_a_deny() {
    assert!(outcome(&"a".repeat(MAX_ACTION), None).goes_on());
    assert_eq!(outcome(&"a".repeat(MAX_ACTION + 1), None), denied("oversized result"));
}

#[test]
fn a_reason_is_one_printable_line_of_at_most_1024_characters() {
    assert_eq!(outcome("deny", Some("a\nb\u{1b}[31m\u{2028}c")), denied("a b [31m c"));
    assert_eq!(outcome("deny", Some(&"é".repeat(2000))), denied(&"é".repeat(MAX_REASON)));
    assert_eq!(outcome("deny", Some("")), denied("denied by interceptor"));
}
