//! Which answers fit which questions, and what guests get of them.

use astrid_host_elicit::v1_0::bindings::astrid::elicit::host::{
    ElicitRequest, ElicitResponse, ElicitType, ErrorCode,
};
use astrid_host_elicit::{AnswerText, Reply};

use crate::common::{Desk, installing, request, secret, slot, text};

fn is_invalid<T>(answer: Result<T, ErrorCode>) -> bool {
    matches!(answer, Err(ErrorCode::InvalidInput))
}

fn is_cancelled<T>(answer: Result<T, ErrorCode>) -> bool {
    matches!(answer, Err(ErrorCode::Cancelled))
}

async fn value(desk: &mut Desk, request: ElicitRequest, reply: &str) -> Option<String> {
    match desk.exchange(request, Reply::value(reply)).await {
        Ok(ElicitResponse::Value(value)) => Some(value),
        Err(ErrorCode::InvalidInput) => None,
        other => panic!("{other:?}"),
    }
}

// elicit case 3
#[tokio::test]
async fn a_text_comes_back_as_it_was_typed_and_may_be_empty() {
    let mut desk = installing();
    for typed in ["Ada", " Ada ", "", "é\n\u{1f980}"] {
        assert_eq!(value(&mut desk, text(), typed).await.unwrap(), typed);
    }
    assert!(value(&mut desk, text(), &"x".repeat(65_536)).await.is_some());
    assert!(value(&mut desk, text(), &"x".repeat(65_537)).await.is_none());
    assert!(value(&mut desk, text(), "a\0").await.is_none());
    assert!(is_invalid(desk.exchange(text(), Reply::values(["Ada"])).await));
}

// elicit case 5
#[tokio::test]
async fn a_choice_is_exactly_one_of_the_options() {
    let mut desk = installing();
    let options = Some(vec!["a".to_owned(), "b".to_owned()]);
    let pick = || ElicitRequest { options: options.clone(), ..request(ElicitType::Select, "pick") };
    assert_eq!(value(&mut desk, pick(), "b").await.unwrap(), "b");
    for other in ["c", "A", "", "b "] {
        assert_eq!(value(&mut desk, pick(), other).await, None, "{other:?}");
    }
}

// elicit case 7
#[tokio::test]
async fn a_list_keeps_its_order_and_duplicates_and_has_up_to_256_texts() {
    let mut desk = installing();
    let list = || request(ElicitType::Array, "list");
    for given in [vec!["x", "x"], vec![], vec!["b", "a", ""]] {
        let answer = desk.exchange(list(), Reply::values(given.clone())).await;
        assert!(matches!(answer, Ok(ElicitResponse::Values(values)) if values == given));
    }
    assert!(is_invalid(desk.exchange(list(), Reply::value("x")).await));
    let longest = "x".repeat(4096);
    assert!(desk.exchange(list(), Reply::values(vec![longest.clone(); 256])).await.is_ok());
    assert!(is_invalid(desk.exchange(list(), Reply::values(vec!["x"; 257])).await));
    assert!(is_invalid(desk.exchange(list(), Reply::values([longest + "x"])).await));
    assert!(is_invalid(desk.exchange(list(), Reply::values(["a\0"])).await));
}

// elicit case 8
#[tokio::test]
async fn a_secret_goes_to_the_store_and_the_guest_learns_that_it_is_there() {
    let mut desk = installing();
    assert!(!desk.has("api_key").await.unwrap());
    assert!(is_invalid(desk.exchange(secret(), Reply::value("")).await));
    assert!(!desk.has("api_key").await.unwrap());
    let answer = desk.exchange(secret(), Reply::value("s3cret")).await;
    assert!(matches!(answer, Ok(ElicitResponse::SecretStored)));
    assert!(desk.has("api_key").await.unwrap());
    assert_eq!(desk.secrets.get(&slot("alice", "fake", "api_key")).unwrap().reveal(), "s3cret");
    desk.exchange(secret(), Reply::value("another")).await.unwrap();
    assert_eq!(desk.secrets.get(&slot("alice", "fake", "api_key")).unwrap().reveal(), "another");
}

// elicit case 12
#[tokio::test]
async fn neither_member_is_cancelled_and_both_are_invalid() {
    let mut desk = installing();
    for kind in [ElicitType::Text, ElicitType::Secret, ElicitType::Array] {
        assert!(is_cancelled(desk.exchange(request(kind, "k"), Reply::declined()).await));
        let both = Reply { values: Some(vec![]), ..Reply::value("x") };
        assert!(is_invalid(desk.exchange(request(kind, "k"), both).await));
    }
    assert!(!desk.has("k").await.unwrap());
}

// elicit case 21
#[tokio::test]
async fn a_secret_has_up_to_65536_bytes_without_nul() {
    let mut desk = installing();
    assert!(desk.exchange(secret(), Reply::value("x".repeat(65_536))).await.is_ok());
    assert!(is_invalid(desk.exchange(secret(), Reply::value("x".repeat(65_537))).await));
    assert!(is_invalid(desk.exchange(secret(), Reply::value("a\0b")).await));
    assert!(is_invalid(desk.exchange(secret(), Reply::values(["s3cret"])).await));
    assert_eq!(desk.secrets.get(&slot("alice", "fake", "api_key")).unwrap().reveal().len(), 65_536);
}

#[test]
fn what_was_typed_is_printed_by_nobody() {
    let typed = AnswerText::from("s3cret".to_owned());
    let reply = Reply { value: Some(typed.clone()), values: Some(vec![typed]) };
    let printed = format!("{reply:?}");
    assert!(printed.contains("[redacted]") && !printed.contains("s3cret"), "{printed}");
}
