//! What is a question, and what of it people see.

use astrid_host_elicit::v1_0::bindings::astrid::elicit::host::{ElicitRequest, ElicitType, ErrorCode};
use astrid_host_elicit::{Asked, Reply};

use crate::common::{Desk, installing, request, take, text};

fn is_invalid(error: &ErrorCode) -> bool {
    matches!(error, ErrorCode::InvalidInput)
}

/// What is put to somebody, who declines.
async fn put(desk: &mut Desk, request: ElicitRequest) -> Asked {
    use astrid_host_elicit::ElicitView;
    use astrid_host_elicit::v1_0::bindings::astrid::elicit::host::Host;
    let mut view = desk.state.elicit();
    let mut asking = Box::pin(Host::elicit(&mut view, request));
    tokio::select! {
        answer = &mut asking => panic!("{answer:?}"),
        asked = take(&mut desk.asked) => asked,
    }
}

fn select(options: Option<Vec<String>>, default: Option<&str>) -> ElicitRequest {
    let default_value = default.map(str::to_owned);
    ElicitRequest { options, default_value, ..request(ElicitType::Select, "pick") }
}

// elicit case 6
#[tokio::test]
async fn a_choice_has_1_to_64_different_options_of_1_to_256_characters_and_a_default_among_them() {
    let mut desk = installing();
    let ab = || vec!["a".to_owned(), "b".to_owned()];
    let numbered = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>();
    for options in [
        None,
        Some(vec![]),
        Some(vec!["a".into(), "a".into()]),
        Some(numbered(65)),
        Some(vec!["x".repeat(257)]),
        Some(vec![String::new()]),
        Some(vec!["a\0".into()]),
        Some(vec!["a\n".into()]),
        Some(vec!["a\u{202e}".into()]),
    ] {
        assert!(is_invalid(&desk.refused(select(options.clone(), None)).await), "{options:?}");
    }
    assert!(is_invalid(&desk.refused(select(Some(ab()), Some("z"))).await));
    let widest: Vec<_> = (0..64).map(|n| format!("{n:02}{}", "é".repeat(254))).collect();
    put(&mut desk, select(Some(widest), None)).await;
    assert_eq!(put(&mut desk, select(Some(ab()), Some("b"))).await.question.default(), Some("b"));
}

// elicit case 9
#[tokio::test]
async fn a_secret_or_a_list_with_a_default_is_asked_of_nobody() {
    let mut desk = installing();
    for kind in [ElicitType::Secret, ElicitType::Array] {
        let request = ElicitRequest { default_value: Some("x".to_owned()), ..request(kind, "k") };
        assert!(is_invalid(&desk.refused(request).await));
    }
    for default in ["x".repeat(4097), "a\0b".to_owned()] {
        let request = ElicitRequest { default_value: Some(default), ..text() };
        assert!(is_invalid(&desk.refused(request).await));
    }
    let longest = ElicitRequest { default_value: Some("x".repeat(4096)), ..text() };
    put(&mut desk, longest).await;
}

// elicit case 10
#[tokio::test]
async fn a_malformed_key_is_invalid_input_in_both_functions() {
    let mut desk = installing();
    let long = "k".repeat(257);
    for bad in ["", "  ", "a:b", "a/b", "é", "__x", "a\0", &long] {
        assert!(is_invalid(&desk.refused(request(ElicitType::Text, bad)).await), "{bad:?}");
        assert!(is_invalid(&desk.has(bad).await.unwrap_err()), "{bad:?}");
    }
    for good in [&long[1..], "_x", "a.b-C_9", "-"] {
        assert_eq!(put(&mut desk, request(ElicitType::Text, good)).await.question.key().as_str(), good);
        assert!(!desk.has(good).await.unwrap());
    }
}

// elicit case 11
#[tokio::test]
async fn a_description_has_up_to_1024_characters_without_control_and_turns_no_text_around() {
    let mut desk = installing();
    let described = |text: &str| ElicitRequest { description: text.to_owned(), ..text_field() };
    for bad in ["x".repeat(1025), "a\u{202e}b".to_owned(), "a\u{2066}b".to_owned(), "a\0b".to_owned()] {
        assert!(is_invalid(&desk.refused(described(&bad)).await), "{bad:?}");
    }
    let longest = "é".repeat(1024);
    assert_eq!(put(&mut desk, described(&longest)).await.question.prompt(), longest);
    let with_control = put(&mut desk, described(&format!("{}\u{1b}[31mred\u{9b}", "x".repeat(1017)))).await;
    assert_eq!(with_control.question.prompt(), format!("{}[31mred", "x".repeat(1017)));
    assert_eq!(put(&mut desk, described("")).await.question.prompt(), "name");
    let offered = ElicitRequest { default_value: Some("a\u{1b}\u{202e}b".to_owned()), ..text() };
    assert_eq!(put(&mut desk, offered).await.question.default(), Some("ab"));
}

fn text_field() -> ElicitRequest {
    text()
}

#[tokio::test]
async fn options_of_other_kinds_are_ignored() {
    let mut desk = installing();
    let request = ElicitRequest { options: Some(vec!["a".into(), "a".into()]), ..text() };
    assert!(desk.exchange(request, Reply::value("c")).await.is_ok());
}
